"""How long an answer takes while waits overlap: speculation off and on, alone and among many.

Two questions. With the shortest sensible silence, what do we add to it and to the vendors (`added`)? And
with a silence longer than all vendors together, is the answer there when the silence is over (`hidden`)? The
vendors' first clause, four tokens, is a part of what is measured, as it is of what a user waits for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from client import Job
from figures import END_POINT_MS, latency, ms, spread
from marks import marked
from mocks import Settings
from processes import Config, accepted
from rich.table import Table
from scripted import NAME, RATE
from words import WORDS

if TYPE_CHECKING:
    from run import Bench

ON: Final[Config] = {"speculation": {"on": True}}
OFF: Final[Config] = {"speculation": {"on": False}}
REACH: Final = {"floor": 215.0, "added": 65.0}
SLACK_MS: Final = 60.0
"""A hidden answer may come so long after the silence is over."""
TYPICAL: Final = Settings(asr_ms=150, llm_first_ms=300, tokens_per_second=60, tts_first_ms=150, tts_speed=8)
SILENCES_MS: Final = (700, 1000)
MISSING: Final = "[yellow]this Aizuchi has no speculation: only off is measured[/yellow]"


def speculations(bench: Bench) -> list[tuple[str, Config]]:
    """(off or on, configuration): on only where it is known."""
    if not accepted(ON):
        bench.console.print(MISSING)
        return [("off", {})]
    return [("off", OFF), ("on", ON)]


def recogniser(folder: Path, clips: list[str], final_ms: float) -> tuple[list[str], Config]:
    """The clips with marks, and the configuration of a recogniser that streams their words."""
    script: dict[int, Any] = {}
    paths: list[str] = []
    for number, clip in enumerate(clips, start=1):
        samples = np.fromfile(clip, "<i2")
        path = folder / f"{Path(clip).stem}-marked.raw"
        path.write_bytes(marked(samples, number).tobytes())
        paths.append(str(path))
        text = f"say {WORDS[number % len(WORDS)]}"
        script[number] = {"language": "en", "words": [[0.0, len(samples) * 1000 / RATE, text]]}
    told = folder / "clips.json"
    told.write_text(json.dumps(script), encoding="utf-8")
    return paths, {"asr": {"use": NAME, "script": str(told), "final_ms": final_ms}}


def part(bench: Bench) -> None:
    """Both questions, in this order."""
    added(bench)
    hidden(bench)


def added(bench: Bench) -> None:
    """Floor and added latency, with stages, at the bench's shortest silence."""
    table = Table(
        *("vendors", "speculation", "sessions", "n", "p50", "p95", "max", "added p50", "failed", "CPU %"),
        "others %",
        title=f"from the last voiced sample to the first sound, {END_POINT_MS:.0f} ms of silence, ms",
    )
    rows: list[dict[str, Any]] = []
    counts = (1, 10) if bench.quick else (1, 10, 50, 100)
    plan = [("none", Settings(), 1), *(("typical", TYPICAL, count) for count in counts)]
    for on, config in speculations(bench):
        for vendors, settings, sessions in plan:
            turns = (4 if bench.quick else 12) if sessions == 1 else 3
            bench.status(f"speculation {on}: {vendors} vendors, {sessions} sessions, {turns} turns each")
            job = Job("", "talk", sessions=sessions, turns=turns, seed=bench.seed, noise=True)
            seen, cost = bench.play(job, settings, more=config)
            row = {"speculation": on, "vendors": vendors, "sessions": sessions}
            row |= latency(seen["turns"], settings) | cost
            rows.append(row)
            bench.tell("overlap", **row)
            table.add_row(
                *(vendors, on, str(sessions)),
                *(shown(row["span_ms"], name) for name in ("n", "p50", "p95", "max")),
                shown(row["added_ms"], "p50"),
                *(str(row[name]) for name in ("failed", "cpu_percent", "others_percent")),
            )
    bench.show(table)
    bench.where(rows, lambda row: f"{row['vendors']}, {row['speculation']}, {row['sessions']}")
    for on in ("off", "on"):
        of = {(row["vendors"], row["sessions"]): row for row in rows if row["speculation"] == on}
        if not of:
            continue
        floor, alone = of["none", 1]["span_ms"].get("p50"), of["typical", 1]["added_ms"].get("p50")
        bench.verdict(f"floor p50, speculation {on}", floor, REACH["floor"], "ms")
        if on == "off":
            bench.verdict("added p50, speculation off", alone, REACH["added"], "ms")


def hidden(bench: Bench) -> None:
    """Is the whole answer there when a silence longer than all vendors together is over?"""
    table = Table(
        *("silence, ms", "recogniser", "speculation", "n", "p50", "p95", "max", "after the silence p50"),
        *("failed", "others %"),
        title="from the last voiced sample to the first sound, vendors 150 + 300 + 150 ms, ms",
    )
    marked_clips, streaming = recogniser(bench.home, bench.clips, TYPICAL.asr_ms)
    vendors = TYPICAL.asr_ms + TYPICAL.llm_first_ms + TYPICAL.tts_first_ms
    for silence in SILENCES_MS[:1] if bench.quick else SILENCES_MS:
        for on, config in speculations(bench):
            for name, clips, asr in (("upload", bench.clips, {}), ("streams", marked_clips, streaming)):
                turns = 4 if bench.quick else 8
                bench.status(f"silence {silence} ms, speculation {on}, recogniser: {name}, {turns} turns")
                job = Job("", "talk", turns=turns, seed=bench.seed, noise=True, clips=clips)
                more = {"hearing": {"silence_ms": silence}, **config, **asr}
                seen, cost = bench.play(job, TYPICAL, more=more)
                spans = [ms(turn["voice_end"], turn["first_audio"]) for turn in seen["turns"]]
                whole = spread(spans)
                after = spread(None if span is None else span - silence for span in spans)
                failed = sum(span is None for span in spans)
                row = {"silence_ms": silence, "recogniser": name, "speculation": on, "failed": failed}
                row |= {"span_ms": whole, "after_ms": after, "vendors_ms": vendors, **cost}
                bench.tell("hidden", **row)
                table.add_row(
                    *(str(silence), name, on),
                    *(shown(whole, each) for each in ("n", "p50", "p95", "max")),
                    *(shown(after, "p50"), str(failed), str(cost["others_percent"])),
                )
                if on == "on":
                    told = f"after {silence} ms of silence, recogniser {name}, p50"
                    bench.verdict(told, after.get("p50"), SLACK_MS, "ms")
    bench.show(table)


def shown(figures: dict[str, float], name: str) -> str:
    return f"{figures[name]:g}" if name in figures else "-"
