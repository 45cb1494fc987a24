"""Others under the same conditions, in the same minute: Pipecat and LiveKit Agents beside Aizuchi.

    make bench-peers               python bench/peers/compare.py [--quick] [--json FILE] [--only NAME ...]

Each peer lives in a venv of its own below `.bench/`, made at the first run, and is served by a small script
of ours that uses its public API and says how it is tuned. Vendors, sounds and user are the same for all; one
measure is taken of every system before the next begins. A peer that can't be installed or fails says why,
and the rest goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import report
from figures import calibration, ms, spread
from mocks import Settings
from processes import Server, Vendor, accepted, client, end, free_port, result
from rich.console import Console
from rich.table import Table
from speech import clips
from talking import Visit

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[1] / ".bench" / "peers"
INSTALL: Final = 900.0
START: Final = 60.0
"""Seconds for a peer to be installed, and to listen."""
OURS: Final = "aizuchi"
ZERO: Final = Settings()
TYPICAL: Final = Settings(
    asr_ms=150, llm_first_ms=300, tokens_per_second=60, tts_first_ms=150, tts_speed=8, reply_tokens=27
)
"""Three sentences, as replies have them: who waits for a second one before speaking the first shows it."""
LONG: Final = Settings(
    asr_ms=20,
    llm_first_ms=100,
    tokens_per_second=60,
    tts_first_ms=100,
    tts_speed=4,
    reply_tokens=200,
    ms_per_character=60,
)
END_POINT_MS: Final = 200.0


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    packages: tuple[str, ...]
    script: str
    tuned: str


PEERS: Final = (
    Peer(
        "pipecat",
        ("pipecat-ai[openai,silero,websocket]==1.14.*", "uvicorn[standard]"),
        "pipecat_server.py",
        "Silero, stop 200 ms, start 100 ms, no further wait",
    ),
    Peer(
        "livekit",
        ("livekit-agents[openai,silero]==1.8.*", "websockets>=15"),
        "livekit_server.py",
        "Silero, silence 200 ms, delay 200 ms from the last voice, interruption after 100 ms",
    ),
)


class Unusable(Exception):
    """A peer can't be installed or does not run; says why."""


def python_of(folder: Path) -> Path:
    windows = folder / "Scripts" / "python.exe"
    return windows if platform.system() == "Windows" else folder / "bin" / "python"


def installed(peer: Peer, console: Console) -> Path:
    """The interpreter of the peer's venv, made if it is not there. Raises Unusable."""
    folder = CACHE / peer.name
    python, ready = python_of(folder), folder / ".ready"
    if ready.is_file() and ready.read_text() == " ".join(peer.packages):
        return python
    console.print(f"[dim]... installing {peer.name}, once: a minute or two, some hundred MB[/dim]")
    folder.mkdir(parents=True, exist_ok=True)
    steps = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", *peer.packages],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unusable(f"can't be installed: {error}") from error
        if done.returncode:
            raise Unusable(f"can't be installed: {done.stderr.strip().splitlines()[-1:]}")
    ready.write_text(" ".join(peer.packages))
    return python


class Guest:
    """A peer's server."""

    def __init__(self, peer: Peer, vendor: int, console: Console) -> None:
        python = installed(peer, console)
        port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(python), str(HERE / peer.script), str(port), str(vendor)],
            stdout=self._log,
            stderr=self._log,
            cwd=CACHE,
        )
        self.url = f"ws://127.0.0.1:{port}/ws"
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                return
            time.sleep(0.1)
        said = self.log()
        self.close()
        raise Unusable(f"does not start: {said}")

    def log(self) -> str:
        self._log.seek(0)
        return "; ".join(self._log.read().decode("utf-8", "replace").strip().splitlines()[-3:])

    def cpu_s(self) -> float:
        total = 0.0
        with suppress(psutil.Error):
            here = psutil.Process(self._process.pid)
            for each in (here, *here.children(recursive=True)):
                times = each.cpu_times()
                total += times.user + times.system
        return total

    def close(self) -> None:
        end(self._process)
        self._log.close()


def version(python: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    settings: Settings
    kind: str
    sessions: int
    turns: int


def figures(measure: Measure, turns: list[dict[str, Any]], cpu_s: float, took: float) -> dict[str, float]:
    """One number a system, in ms or percent of a core for each session; n beside it."""
    if measure.name == "cpu":
        return {"n": measure.sessions, "p50": round(cpu_s / took * 100 / measure.sessions, 2)}
    if measure.kind == "barge":
        return spread(ms(turn["asked"], turn["last_audio"]) for turn in turns)
    off = 0.0
    if measure.name == "added":
        off = (
            END_POINT_MS
            + measure.settings.asr_ms
            + measure.settings.llm_first_ms
            + measure.settings.tts_first_ms
        )
    spans = [ms(turn["voice_end"], turn["first_audio"]) for turn in turns]
    return spread(None if span is None else span - off for span in spans)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path, help="write the figures as JSON lines, too")
    parser.add_argument("--markdown", type=Path, help="write the table, too; see docs/performance.md")
    parser.add_argument("--only", nargs="+", choices=[peer.name for peer in PEERS], help="only these peers")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        compare(Path(folder), given, console)
    return 0


def compare(home: Path, given: argparse.Namespace, console: Console) -> None:
    vendor = Vendor()
    systems: dict[str, Server | Guest] = {}
    try:
        for peer in PEERS:
            if given.only and peer.name not in given.only:
                continue
            try:
                systems[peer.name] = Guest(peer, vendor.port, console)
                number = version(python_of(CACHE / peer.name), peer.packages[0].split("[")[0])
                console.print(f"{peer.name} {number}: {peer.tuned}")
            except Unusable as error:
                console.print(f"[yellow]{peer.name} {error}[/yellow]")
        spec = {"speculation": {"on": True}}
        more = spec if accepted(spec) else {}
        systems = {OURS: Server(home, vendor=vendor.port, more=more), **systems}
        console.print(f"{OURS}: Silero, silence 200 ms alone ends an utterance, everything else as it comes")
        measured(home, given, console, vendor, systems)
    finally:
        for system in systems.values():
            system.close()
        vendor.close()


def measured(
    home: Path,
    given: argparse.Namespace,
    console: Console,
    vendor: Vendor,
    systems: dict[str, Server | Guest],
) -> None:
    paths: list[str] = []
    for number, (sound, _) in enumerate(clips()):
        path = home / f"clip{number}.raw"
        path.write_bytes(sound)
        paths.append(str(path))
    rounds = 3 if given.quick else 6
    measures = (
        Measure("floor", ZERO, "talk", 1, rounds),
        Measure("added", TYPICAL, "talk", 1, rounds),
        Measure("barge-in", LONG, "barge", 1, rounds + 4),
        Measure("cpu", TYPICAL, "talk", 4, 3),
    )
    table = Table("", *systems, *(f"{name} / {OURS}" for name in systems if name != OURS))
    table.title = f"side by side, p50 (n): ms, and percent of a core for each session; seed {given.seed}"
    before = calibration()
    for measure in measures:
        row: dict[str, dict[str, float]] = {}
        for name, system in systems.items():
            console.print(f"[dim]... {measure.name}: {name}[/dim]")
            row[name] = one(measure, name, system, vendor, paths, given.seed, console)
        if given.json:
            with given.json.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"bench": "peers", "measure": measure.name, **row}) + "\n")
        shown = [f"{each['p50']:g} ({each['n']:g})" if "p50" in each else "failed" for each in row.values()]
        ours = row[OURS].get("p50")
        ratios = [
            f"{each['p50'] / ours:.2f}" if ours and ours > 0 and "p50" in each else "-"
            for name, each in row.items()
            if name != OURS
        ]
        table.add_row(measure.name, *shown, *ratios)
    console.print(table)
    after = calibration()
    console.print(f"calibration {before} at first, {after} at last; load {psutil.getloadavg()[0]:.1f}")
    if given.markdown:
        command = f"make bench-peers ARGS='--seed {given.seed}'"
        text = report.document([table], [], command=command, calibrations=(before, after))
        report.write(given.markdown, text, "bench-peers")


def one(
    measure: Measure,
    name: str,
    system: Server | Guest,
    vendor: Vendor,
    paths: list[str],
    seed: int,
    console: Console,
) -> dict[str, float]:
    """One measure of one system; a failure is told and gives no figures."""
    vendor.set(measure.settings)
    visit = Visit(
        system.url,
        measure.kind,
        sessions=measure.sessions,
        turns=measure.turns,
        clips=paths,
        noise=True,
        seed=seed,
        dialect="native" if name == OURS else "bare",
    )
    try:
        with client(visit, "peers/talking.py") as process:
            used, began = system.cpu_s(), time.perf_counter()
            seen = result(process)
            return figures(measure, seen["turns"], system.cpu_s() - used, time.perf_counter() - began)
    except SystemExit as error:
        console.print(f"[yellow]{name}: {error}; {system.log()}[/yellow]")
        return {"n": 0}


if __name__ == "__main__":
    sys.exit(main())
