"""Two processes against one: how many turns a second `aizuchi serve --workers N` answers.

Users who only type, since sound is bound to real time and turns of text are not. Each serving process is held
to the same share of a core, where this machine lets us (a control group, as root on Linux): then two of them,
the users and the vendors fit on two cores, and what one process loses to the other is theirs and not the
machine's. Elsewhere nothing is held, and the figure says so.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
from mocks import Settings
from processes import Machine, Server, Vendor
from rich.table import Table
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from run import Bench

SHARE: Final = 0.35
"""Of a core, for each serving process."""
USERS: Final = 40
QUICKEST: Final = Settings(reply_tokens=9)
V1, V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
PERIOD_US: Final = 10_000
"""Short, so that what is held back comes in slices smaller than a turn."""


def part(bench: Bench) -> None:
    """One process, then two."""
    bench.leave()
    seconds = 3.0 if bench.quick else 10.0
    table = Table("processes", "turns/s", "CPU ms a turn", "CPU %", "MB", "share each", "others %")
    table.title = f"{USERS} users who type, turns answered"
    rows: list[dict[str, Any]] = []
    for workers in (1, 2):
        bench.status(f"scaling: {workers} serving, {seconds:.0f} s")
        row = measure(bench.home, bench.vendor, workers, seconds)
        rows.append(row)
        bench.tell("scaling", **row)
        share = "not held" if row["share"] is None else f"{row['share']:.0%}"
        table.add_row(
            str(workers),
            str(row["turns_per_s"]),
            str(row["cpu_ms_per_turn"]),
            str(row["server_percent"]),
            str(row["memory_mb"]),
            share,
            str(row["others_percent"]),
        )
    bench.show(table)
    one, two = (row["turns_per_s"] for row in rows)
    bench.verdict("two processes to one", round(two / max(one, 0.1), 2), 1.8, "times", least=True)


def measure(home: Path, vendor: Vendor, workers: int, seconds: float) -> dict[str, Any]:
    """Turns a second, and what each cost, of a fresh server with so many workers."""
    vendor.set(QUICKEST)
    server = Server(home, vendor=vendor.port, more={"server": {"workers": workers}})
    try:
        with held(serving(server, workers)) as share:
            machine, used, began = Machine(), server.cpu_s(), time.perf_counter()
            turns = asyncio.run(typing(server.url, seconds))
            took, cpu = time.perf_counter() - began, server.cpu_s() - used
            others = machine.others_percent()
        memory = server.memory_mb()
    finally:
        server.close()
    return {
        "workers": workers,
        "turns_per_s": round(turns / seconds, 1),
        "cpu_ms_per_turn": round(cpu / max(1, turns) * 1000, 2),
        "server_percent": round(cpu / took * 100, 1),
        "memory_mb": round(memory),
        "share": share,
        "others_percent": others,
    }


def serving(server: Server, workers: int) -> list[int]:
    """The processes that answer: the server itself, or the workers it has started."""
    if workers == 1:
        return [server.process.pid]
    found = [each.pid for each in server.process.children() if "aizuchi.cli.worker" in each.cmdline()]
    return found[:workers]


@contextmanager
def held(pids: list[int]) -> Iterator[float | None]:
    """Each process in a group of its own that gets `SHARE` of a core; None where that can't be."""
    made: list[Path] = []
    root, quota = (V1, "cpu.cfs_quota_us") if (V1 / "cpu.cfs_quota_us").exists() else (V2, "cpu.max")
    us = round(SHARE * PERIOD_US)
    try:
        try:
            for pid in pids:
                group = root / f"aizuchi-bench-{pid}"
                group.mkdir()
                made.append(group)
                if root == V1:
                    (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / quota).write_text(str(us) if root == V1 else f"{us} {PERIOD_US}")
                (group / "cgroup.procs").write_text(str(pid))
            share: float | None = SHARE
        except OSError:
            share = None
        yield share
    finally:
        for group in made:
            with suppress(OSError):
                for pid in (group / "cgroup.procs").read_text().split():
                    if psutil.pid_exists(int(pid)):
                        (root / "cgroup.procs").write_text(pid)
                group.rmdir()


async def typing(url: str, seconds: float) -> int:
    """Users who type as fast as they are answered; the turns of the time after the first second."""
    loop = asyncio.get_running_loop()
    counts_from = loop.time() + 1.0
    ends = counts_from + seconds
    turns = 0

    async def user() -> None:
        nonlocal turns
        async with connect(url, subprotocols=["dh.v1"], compression=None) as socket:  # type: ignore[list-item]
            hello = {"type": "hello", "protocol": "dh.v1", "audio": "none", "want": ["stream"], "seq": 1}
            await socket.send(json.dumps(hello))
            for seq in itertools.count(2):
                await socket.send(json.dumps({"type": "text_input", "text": "hello", "seq": seq}))
                async with asyncio.timeout_at(ends + 10):
                    async for message in socket:
                        if '"reason":"done"' in str(message).replace(" ", ""):
                            break
                if loop.time() >= ends:
                    return
                turns += loop.time() >= counts_from

    async with asyncio.TaskGroup() as group:
        for _ in range(USERS):
            group.create_task(user())
    return turns
