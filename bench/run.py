"""What Aizuchi itself costs: latency, interrupts, CPU and memory, against vendors of known slowness.

    make bench                     python bench/run.py [--quick] [--json FILE] [--only NAME ...]

Three processes beside this one: vendors (`mocks.py`), server (`aizuchi serve`), users (`client.py`, or
`crowd.py` for very many). Everything counts from the moment at which the frame with the last voiced sample
was sent. Figures, no test: nothing fails because a machine is slow; compare with the calibration that is
printed first and last.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TextIO

import barge
import capacity
import hub
import overlap
import psutil
import report
import scaling
import stale
import turns
import web
from client import Job
from costs import imports, installed_mb, starts
from figures import calibration, closings, interrupts, latency, spread
from mocks import Settings
from processes import Config, Machine, Server, Vendor, client, result
from rich.console import Console
from rich.table import Table
from speech import clips

ZERO: Final = Settings()
TYPICAL: Final = Settings(
    asr_ms=150, llm_first_ms=300, tokens_per_second=60, tts_first_ms=150, tts_speed=8, reply_tokens=9
)
LONG: Final = Settings(
    asr_ms=20,
    llm_first_ms=300,
    tokens_per_second=60,
    tts_first_ms=100,
    tts_speed=4,
    reply_tokens=300,
    ms_per_character=60,
)
"""For interrupts: nothing may end by itself before it is interrupted."""
TARGETS: Final = {
    "floor": 225.0,
    "added": 80.0,
    "added at 20": 100.0,
    "interrupt p99": 10.0,
    "text turn s": 2.0,
    "delay p99": 40.0,
    "p95 at 40": 1.5,
}


class Bench:
    """One run: the vendors and the present server, where figures go, how large each part is."""

    def __init__(self, home: Path, quick: bool, seed: int, out: TextIO | None, console: Console) -> None:
        self.home = home
        self.quick = quick
        self.seed = seed
        self.console = console
        self._out = out
        self.vendor = Vendor()
        self._server: tuple[str, Server] | None = None
        self.stale = 0
        """How many interrupts the part of that name makes; 0 leaves it to the part."""
        self.tables: list[Table] = []
        self.verdicts: list[report.Verdict] = []
        self.sources: list[str] = []
        self.clips: list[str] = []
        for sound, source in clips():
            self.sources.append(source)
            path = home / f"clip{len(self.clips)}.raw"
            path.write_bytes(sound)
            self.clips.append(str(path))

    def close(self) -> None:
        self.leave()
        self.vendor.close()

    def server(self, vad: str = "silero", more: Config = MappingProxyType({})) -> Server:
        """The running one if it is of this kind, else a new one; `more` goes over its configuration."""
        kind = f"{vad} {json.dumps(dict(more), sort_keys=True)}"
        if self._server is None or self._server[0] != kind:
            self.leave()
            self._server = kind, Server(self.home, vendor=self.vendor.port, vad=vad, more=more)
        return self._server[1]

    def leave(self) -> None:
        """End the present server; the next job begins with a fresh one."""
        if self._server is not None:
            self._server[1].close()
            self._server = None

    def tell(self, name: str, **figures: Any) -> None:
        line = json.dumps({"bench": name, **figures})
        if self._out is not None:
            self._out.write(line + "\n")
            self._out.flush()

    def counts(self) -> dict[str, Any]:
        """What the vendors saw since the last job began."""
        return self.vendor.counts()

    def show(self, table: Table) -> None:
        """Print a table, and keep it for the report."""
        self.tables.append(table)
        self.console.print(table)

    def status(self, text: str) -> None:
        self.console.print(f"[dim]... {text}[/dim]")

    def play(
        self,
        job: Job,
        settings: Settings,
        vad: str = "silero",
        more: Config = MappingProxyType({}),
        script: str = "client.py",
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run one job; returns what the clients saw, and what the server cost meanwhile."""
        server = self.server(vad, more)
        self.vendor.set(settings)
        job.url, job.clips = server.url, job.clips or self.clips
        with client(job, script) as process:
            machine, used, began = Machine(), server.cpu_s(), time.perf_counter()
            seen = result(process)
            took = time.perf_counter() - began
            cost = {
                "cpu_percent": round((server.cpu_s() - used) / took * 100, 1),
                "memory_mb": round(server.memory_mb(), 1),
                "seconds": round(took, 1),
                "others_percent": machine.others_percent(),
            }
        return seen, cost

    # ------------------------------------------------------------------ the parts

    def floor(self) -> None:
        """(1) All vendors at zero: what is left is the end-point's silence and ourselves."""
        table = Table(
            "detector", "between words", "n", "p50", "p95", "max", "failed", "others %", title="floor, ms"
        )
        variants = [("silero", False), ("silero", True), ("energy", False), ("energy", True)]
        rows: list[dict[str, Any]] = []
        for vad, noise in variants[:2] if self.quick else variants:
            turns = 4 if self.quick else 14 if vad == "silero" else 7
            self.status(f"floor: {vad}, {'noise' if noise else 'silence'}, {turns} turns")
            job = Job("", "talk", turns=turns, noise=noise, seed=self.seed)
            seen, cost = self.play(job, ZERO, vad)
            figures = latency(seen["turns"], ZERO)
            rows.append({"vad": vad, "noise": noise, **figures, **cost})
            self.tell("floor", **rows[-1])
            span = figures["span_ms"]
            table.add_row(
                vad,
                "-60 dBFS noise" if noise else "digital silence",
                *cells(span),
                str(figures["failed"]),
                str(cost["others_percent"]),
            )
        self.show(table)
        self.where(rows, lambda row: f"{row['vad']}, {'noise' if row['noise'] else 'silence'}")
        self.verdict("floor p50", rows[0]["span_ms"].get("p50"), TARGETS["floor"], "ms")

    def added(self) -> None:
        """(2) Typical vendors: the same span without the end-point's silence and the vendors' latencies."""
        title = "added by us with typical vendors, ms"
        table = Table("sessions", "n", "p50", "p95", "max", "failed", "CPU %", "MB", "others %", title=title)
        rows: list[dict[str, Any]] = []
        for sessions in (1, 20) if self.quick else (1, 10, 20, 50):
            turns = (4 if self.quick else 12) if sessions == 1 else 3 if self.quick else 4
            self.status(f"added latency: {sessions} sessions, {turns} turns each")
            job = Job("", "talk", sessions=sessions, turns=turns, seed=self.seed, noise=True)
            seen, cost = self.play(job, TYPICAL)
            figures = latency(seen["turns"], TYPICAL) | {"old_frames": seen["old_generation_frames"]}
            rows.append({"sessions": sessions, **figures, **cost})
            self.tell("added", **rows[-1])
            table.add_row(
                str(sessions),
                *cells(figures["added_ms"]),
                str(figures["failed"]),
                str(cost["cpu_percent"]),
                str(cost["memory_mb"]),
                str(cost["others_percent"]),
            )
        self.show(table)
        self.where(rows, lambda row: f"{row['sessions']} sessions")
        for row in rows:
            if row["sessions"] in (1, 20):
                target = TARGETS["added" if row["sessions"] == 1 else "added at 20"]
                self.verdict(f"added p50 at {row['sessions']}", row["added_ms"].get("p50"), target, "ms")

    def interrupt(self) -> None:
        """(3) By message, at random moments of a reply; then by voice."""
        sessions, turns = (20, 8) if self.quick else (20, 50)
        self.status(f"interrupt by message: {sessions * turns} at random moments, seed {self.seed}")
        job = Job("", "interrupt", sessions=sessions, turns=turns, seed=self.seed)
        seen, cost = self.play(job, LONG)
        deadline = time.monotonic() + 2.0
        counts = self.vendor.counts()
        while time.monotonic() < deadline and any(counts[kind]["open"] for kind in ("llm", "tts")):
            time.sleep(0.02)
            counts = self.vendor.counts()
        figures = interrupts(seen["turns"], seen["old_generation_frames"])
        vendor = closings(seen["turns"], counts)
        self.tell("interrupt by message", seed=self.seed, **figures, vendor=vendor, **cost)
        table = Table("", "n", "p50", "p95", "p99", "max", title="interrupt by message, ms from its sending")
        table.add_row("to the last sound received", *cells(figures["last_sound_ms"], p99=True))
        table.add_row("to the acknowledgement", *cells(figures["acknowledged_ms"], p99=True))
        for kind in ("llm", "tts"):
            table.add_row(f"to the {kind} request's end", *cells(vendor[kind]["closed_after_ms"], p99=True))
        self.show(table)
        for kind in ("llm", "tts"):
            told = vendor[kind]
            self.console.print(
                f"{kind} requests {told['requests']}: closed before the first "
                f"{'token' if kind == 'llm' else 'sound'} {told['closed_before_first']}, later "
                f"{told['closed_later']}, ran to their end {told['ran_to_the_end']}, "
                f"still open {told['still_open']}"
            )
        self.console.print(
            f"{figures['in_sound']} of {figures['interrupts']} came while sound was playing; stale frames "
            f"after the acknowledgement: {figures['stale_frames']}; "
            f"unacknowledged: {figures['unacknowledged']}; others used {cost['others_percent']} % of a core"
        )
        self.verdict("interrupt p99", figures["last_sound_ms"].get("p99"), TARGETS["interrupt p99"], "ms")
        self.verdict("stale frames", figures["stale_frames"], 0.5, "")

        sessions, turns = (5, 1) if self.quick else (10, 4)
        self.status(f"interrupt by voice: {sessions} sessions, {turns} each")
        job = Job("", "barge", sessions=sessions, turns=turns, seed=self.seed, noise=True)
        seen, _ = self.play(job, LONG)
        figures = interrupts(seen["turns"], seen["old_generation_frames"])
        self.tell("interrupt by voice", **figures)
        table = Table(
            "", "n", "p50", "p95", "max", title="interrupt by voice, ms from the first voiced frame"
        )
        table.add_row("to the last sound received", *cells(figures["last_sound_ms"]))
        table.add_row("to the acknowledgement", *cells(figures["acknowledged_ms"]))
        self.show(table)
        self.console.print(
            f"stale frames: {figures['stale_frames']}; not interrupted: {figures['unacknowledged']}"
        )

    def cost(self) -> None:
        """(4) What a session costs that is merely there, or talks."""
        title = "cost of a session"
        table = Table("", "sessions", "CPU % each", "kB each", title=title)
        idle = 50 if self.quick else 200
        hold = 3.0 if self.quick else 6.0
        self.leave()  # a fresh server: one that has talked keeps some memory
        server = self.server()
        self.vendor.set(TYPICAL)
        empty = server.memory_mb()
        self.status(f"{idle} idle sessions for {hold:.0f} s")
        job = Job(server.url, "idle", sessions=idle, hold=hold, seed=self.seed)
        with client(job) as process:
            used, began = server.cpu_s(), time.perf_counter()
            time.sleep(hold - 1.0)
            share = (server.cpu_s() - used) / (time.perf_counter() - began) * 100
            memory = (server.memory_mb() - empty) * 1000 / idle
            result(process)
        figures: dict[str, Any] = {
            "idle_cpu_percent": round(share / idle, 4),
            "idle_kb": round(memory, 1),
            "server_mb": round(empty, 1),
        }
        table.add_row("idle", str(idle), f"{share / idle:.4f}", f"{memory:.0f}")
        talking = 10 if self.quick else 20
        self.status(f"{talking} talking sessions")
        job = Job("", "talk", sessions=talking, turns=3, seed=self.seed, noise=True)
        _, cost = self.play(job, TYPICAL)
        figures |= {"talking_cpu_percent": round(cost["cpu_percent"] / talking, 2)}
        table.add_row("talking", str(talking), f"{cost['cpu_percent'] / talking:.2f}", "")
        self.tell("cost", **figures)
        self.show(table)
        self.console.print(f"the server itself: {empty:.0f} MB resident before the first session came")

    def capacity(self) -> None:
        """(5) One core of server, ever more users who talk and listen."""
        self.leave()
        shape = capacity.QUICK if self.quick else capacity.Shape()
        names = ("sessions", "CPU %", "each", "delay p50", "p99", "max", "underruns", "reply p50", "p95")
        more = ("kB each", "down", "users' side %", "others %")
        table = Table(*names, *more, title="talking sessions on one core (ms; 20 ms PCM up, 24 kHz down)")
        rows: list[dict[str, Any]] = []
        for sessions in shape.sessions:
            self.status(f"capacity: {sessions} sessions, {shape.settle:.0f} + {shape.hold:.0f} s")
            row = capacity.measure(self.home, self.vendor, self.clips, sessions, shape, self.seed)
            rows.append(row)
            self.tell("capacity", **row)
            delay, reply = row["delay_ms"], row["reply_ms"]
            table.add_row(
                str(sessions),
                str(row["cpu_percent"]),
                str(row["cpu_each_percent"]),
                *(f"{delay.get(name, float('nan')):g}" for name in ("p50", "p99", "max")),
                f"{row['underruns']} in {row['replies']}",
                *(f"{reply.get(name, float('nan')):g}" for name in ("p50", "p95")),
                str(row["memory_each_kb"]),
                f"{row['down_share']:.2f}",
                f"{row['users_percent']:g}" + (" busy" if row["users_busy"] else ""),
                str(row["others_percent"]),
            )
            if wrong := {name: row[name] for name in ("lost", "unanswered", "errors") if row[name]}:
                self.console.print(f"[red]{sessions} sessions: {wrong}[/red]")
        self.show(table)
        for row in rows:
            if row["sessions"] >= 100:
                name = f"delay p99 at {row['sessions']}"
                self.verdict(name, row["delay_ms"].get("p99"), TARGETS["delay p99"], "ms")
        one, forty = ([row["reply_ms"] for row in rows if row["sessions"] == n] for n in (1, 40))
        if one and forty and one[0].get("p95") and forty[0].get("p95"):
            ratio = round(forty[0]["p95"] / one[0]["p95"], 2)
            self.verdict("reply p95, 40 to 1", ratio, TARGETS["p95 at 40"], "times")

    def start(self) -> None:
        """(4) From nothing to a first answer, with the embedded parts of an empty configuration."""
        self.leave()
        runs = 1 if self.quick else 3
        self.status(f"start-up, once and {runs} times; imports; size")
        with tempfile.TemporaryDirectory(dir=self.home, ignore_cleanup_errors=True) as folder:
            first = starts(Path(folder), 1)
            health, text = starts(Path(folder), runs)
            loads = imports(Path(folder), runs)
        size = installed_mb()
        self.tell(
            "start",
            first_ever_s={"health": first[0][0], "text_turn": first[1][0]},
            health_s=health,
            text_turn_s=text,
            import_s=loads,
            installed_mb=size[0],
            packages=size[1],
        )
        table = Table("", "best", "worst", title="start-up, s")
        rows = [
            ("the very first start, all modules compiled: to /health", first[0]),
            ("... to the first text of a reply", first[1]),
            ("start to /health 200", health),
            ("start to the first text of a reply", text),
        ]
        for name, values in [*rows, *loads.items()]:
            table.add_row(name, f"{min(values):.2f}", f"{max(values):.2f}")
        self.show(table)
        self.console.print(f"installed size of the base install: {size[0]:.0f} MB in {size[1]} packages")
        self.verdict(
            "start to a first text turn", spread(value * 1000 for value in text).get("p50"), 2000, "ms"
        )

    # ------------------------------------------------------------------ showing

    def where(self, rows: Sequence[dict[str, Any]], label: Callable[[dict[str, Any]], str]) -> None:
        """Where the time goes: the server's own medians, vendors taken off."""
        names = next((list(row["stages_ms"]) for row in rows if row["stages_ms"]), [])
        if not names:
            self.console.print("[dim]no metrics came from the server: no breakdown[/dim]")
            return
        table = Table("where the time goes, ms", *(name.replace("_", " ") for name in names))
        for row in rows:
            table.add_row(label(row), *(f"{row['stages_ms'].get(name, float('nan')):.1f}" for name in names))
        self.show(table)

    def verdict(
        self, name: str, value: float | None, target: float, unit: str, *, least: bool = False
    ) -> None:
        """Whether a figure is under its aim or, with `least`, no less than it."""
        reached = value is not None and (value >= target if least else value < target)
        style = "green" if reached else "yellow"
        shown = "none" if value is None else f"{value:g} {unit}"
        limit = f"at least {target:g} {unit}" if least else "0" if target < 1 else f"under {target:g} {unit}"
        self.console.print(f"[{style}]{name}: {shown} (aim: {limit})[/{style}]\n")
        self.verdicts.append(report.Verdict(name, shown, limit, reached))
        self.tell("aim", of=name, value=value, target=target, reached=reached)


def cells(figures: dict[str, float], *, p99: bool = False) -> list[str]:
    names = ["n", "p50", "p95", *(["p99"] if p99 else []), "max"]
    return [f"{figures[name]:g}" if name in figures else "-" for name in names]


PARTS: Final[dict[str, Callable[[Bench], None]]] = {
    "floor": Bench.floor,
    "added": Bench.added,
    "interrupt": Bench.interrupt,
    "cost": Bench.cost,
    "start": Bench.start,
    "capacity": Bench.capacity,
    "overlap": overlap.part,
    "turns": turns.part,
    "barge": barge.part,
    "stale": stale.part,
    "scaling": scaling.part,
    "web": web.part,
    "hub": hub.part,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about three minutes")
    parser.add_argument("--json", type=Path, help="write the figures as JSON lines, too")
    parser.add_argument(
        "--markdown", type=Path, help="write the tables and what was reached, too; see docs/performance.md"
    )
    parser.add_argument("--stale", type=int, default=0, help="interrupts of the part of that name")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="only these parts")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the random moments")
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130)
    before = calibration()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        out = given.json.open("w", encoding="utf-8") if given.json else None
        bench = Bench(Path(folder), given.quick, given.seed, out, console)
        bench.stale = given.stale
        machine = {
            "python": platform.python_version(),
            "system": platform.system(),
            "cores": psutil.cpu_count(),
            "load": round(psutil.getloadavg()[0], 2),
            "calibration": before,
            "speech": bench.sources,
            "seed": given.seed,
            "typical": asdict(TYPICAL),
        }
        bench.tell("machine", **machine)
        console.print(
            f"Python {machine['python']}, {machine['cores']} cores, load {machine['load']}, calibration "
            f"{before} Mrounds/s, speech: {', '.join(bench.sources)}, seed {given.seed}"
        )
        failed: list[str] = []
        try:
            for part in given.only or PARTS:
                try:
                    PARTS[part](bench)
                except SystemExit as error:
                    failed.append(part)
                    console.print(f"[red]{part} failed: {error}[/red]")
                    bench.leave()
            after = calibration()
            if given.markdown:
                text = report.document(
                    bench.tables, bench.verdicts, command=repeat(given), calibrations=(before, after)
                )
                report.write(given.markdown, text, "bench")
            bench.tell("end", calibration=after, seconds=round(time.perf_counter() - began))
            console.print(
                f"{time.perf_counter() - began:.0f} s in all, calibration {before} at first, {after} at last"
            )
        finally:
            bench.close()
            if out is not None:
                out.close()
    return len(failed)


def repeat(given: argparse.Namespace) -> str:
    """The command that does the same again."""
    words = ["python bench/run.py"]
    words += ["--quick"] if given.quick else []
    words += [f"--stale {given.stale}"] if given.stale else []
    words += [f"--only {' '.join(given.only)}"] if given.only else []
    return " ".join([*words, f"--seed {given.seed}"])


if __name__ == "__main__":
    sys.exit(main())
