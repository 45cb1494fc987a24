"""Who is cut off, and who waits: utterances with pauses inside, under each set of turn-end layers.

Twelve speakers, each with a language and a habit of pausing, or with recordings; each says one thing after
the other in a session of its own, so that habits can be learned. The recogniser gives the true words at every
moment (`scripted.py`); model and voice take no time, so dead air is the wait for the end of the turn.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from figures import spread
from manners import Answered, answered
from mocks import Settings
from processes import Config, accepted
from rich.table import Table
from scripted import NAME
from speakers import Errand
from utterances import RATE, SENTENCES, TAIL_MS, Utterance, frames, recorded, synthesised, with_pauses

from aizuchi.errors import AizuchiError

if TYPE_CHECKING:
    from run import Bench

HABITS: Final = {"brisk": (300, 500), "steady": (400, 900), "slow": (800, 1500)}
"""Shortest and longest pause within a sentence, ms."""
ANY: Final = (300, 1500)
SETS: Final[dict[str, dict[str, bool]]] = {
    "silence": {"transcript": False, "habits": False, "model": False},
    "+ transcript": {"transcript": True, "habits": False, "model": False},
    "+ habits": {"transcript": True, "habits": True, "model": False},
    "+ model": {"transcript": True, "habits": True, "model": True},
}
ZERO: Final = Settings()


def layers() -> list[tuple[str, Config | None]]:
    """(name, configuration) of each set; None where this Aizuchi lacks it."""
    told: list[tuple[str, Config | None]] = []
    for name, keys in SETS.items():
        config: Config = {"turn_end": keys}
        chosen = model() if keys["model"] else {}
        if name == "silence" and not accepted(config):
            config = {}
        told.append((name, None if chosen is None or not accepted(config) else {**config, **chosen}))
    return told


def model() -> Config | None:
    """The first turn-end model that can be chosen by name, as configuration."""
    from aizuchi import registry

    if "turn" not in registry.KINDS:
        return None
    known = cast("Any", registry.targets)("turn")
    config = {"turn": next(iter(known), "")}
    return config if accepted(config) else None


async def read_aloud() -> dict[str, list[Utterance]]:
    """The synthesised sentences, by language."""
    pairs = [(language, text) for language, texts in SENTENCES.items() for text in texts]
    told: dict[str, list[Utterance]] = {}
    for utterance in await synthesised(pairs):
        told.setdefault(utterance.language, []).append(utterance)
    return told


def speakers(seed: int, each: int) -> list[tuple[str, list[Utterance]]]:
    """(who, what they say one after the other)."""
    source = random.Random(seed)
    read = asyncio.run(read_aloud())
    told: list[tuple[str, list[Utterance]]] = []
    for language, utterances in read.items():
        for habit, (shortest, longest) in HABITS.items():
            chosen = source.sample(utterances, min(each, len(utterances)))
            said = [
                with_pauses(one, source, shortest, longest, source.choice((0, 1, 1, 2))) for one in chosen
            ]
            told.append((f"{language} {habit}", said))
    real = recorded()
    for language in dict.fromkeys(utterance.language for utterance in real):
        of = [utterance for utterance in real if utterance.language == language]
        said = [
            with_pauses(of[turn % len(of)], source, *ANY, source.choice((1, 1, 2))) for turn in range(each)
        ]
        told.append((f"{language} recorded", said))
    return told


def written(
    folder: Path, told: Sequence[tuple[str, list[Utterance]]], seed: int
) -> tuple[list[list[dict[str, Any]]], Path]:
    """The sounds as files for the client, and the script for the recogniser."""
    source, script = random.Random(seed), dict[int, Any]()
    sayings: list[list[dict[str, Any]]] = []
    for who, said in told:
        sayings.append([])
        for utterance in said:
            identity = len(script) + 1
            path = folder / f"saying{identity}.raw"
            path.write_bytes(frames(utterance, identity, source))
            script[identity] = {"language": utterance.language, "words": utterance.words}
            tail = TAIL_MS * RATE // 1000 * 2
            sayings[-1].append({"path": str(path), "tail": tail, "name": who})
    words = folder / "sayings.json"
    words.write_text(json.dumps(script), encoding="utf-8")
    return sayings, words


def part(bench: Bench) -> None:
    """Cut-offs and dead air of each set of layers."""
    try:
        told = speakers(bench.seed, 2 if bench.quick else 5)
    except AizuchiError as error:
        bench.console.print(f"[yellow]no turn-taking set: {error}[/yellow]")
        return
    sayings, script = written(bench.home, told, bench.seed)
    count = sum(map(len, sayings))
    paused = sum(bool(utterance.pauses) for _, said in told for utterance in said)
    sources = sorted({utterance.source for _, said in told for utterance in said})
    table = Table(
        *("layers", "utterances", "cut off", "%", "talked over p50, ms", "dead air p50", "p95", "max"),
        *("unanswered", "others %"),
        title=f"turn-taking: {count} utterances, {paused} with pauses inside, seed {bench.seed}",
    )
    measured: list[str] = []
    by_speaker: dict[str, list[str]] = {name: [name] for name, _ in told}
    for name, config in layers():
        if config is None:
            table.add_row(name, "not here", *[""] * 8)
            continue
        bench.status(f"turn-taking: {name}, {count} utterances in {len(told)} sessions, seed {bench.seed}")
        more = {"hearing": {"silence_ms": 600}, "asr": {"use": NAME, "script": str(script)}, **config}
        errand = Errand("", "sayings", sessions=len(told), noise=True, seed=bench.seed, sayings=sayings)
        try:
            seen, cost = bench.play(errand, ZERO, more=more, script="speakers.py")
        except SystemExit as error:  # a model whose file is missing, say
            bench.console.print(f"[yellow]{name}: {error}[/yellow]")
            table.add_row(name, "failed", *[""] * 8)
            bench.leave()
            continue
        rows = [
            (each["name"], answered(each["begin"], each["end"], each["begun"], each["frames"]))
            for each in seen["told"]
        ]
        cut = [row for _, row in rows if row.cut_off]
        dead = spread(row.dead_air_ms for _, row in rows)
        over = spread(row.over_ms for row in cut)
        unanswered = sum(not row.cut_off and row.dead_air_ms is None for _, row in rows)
        share = round(100 * len(cut) / max(1, len(rows)), 1)
        by: dict[str, list[Answered]] = {}
        for speaker, row in rows:
            by.setdefault(speaker, []).append(row)
        bench.tell(
            *("turns",),
            **{"layers": name, "utterances": len(rows), "cut_off": len(cut), "cut_percent": share},
            **{"over_ms": over, "dead_air_ms": dead, "unanswered": unanswered, "sources": sources, **cost},
            cut_by={each: sum(row.cut_off for row in of) for each, of in by.items()},
        )
        table.add_row(
            *(name, str(len(rows)), str(len(cut)), f"{share:g}", f"{over.get('p50', 0):g}"),
            *(f"{dead[key]:g}" if key in dead else "-" for key in ("p50", "p95", "max")),
            *(str(unanswered), str(cost["others_percent"])),
        )
        measured.append(name)
        for speaker, of in by.items():
            waited = spread(row.dead_air_ms for row in of).get("p50")
            lost = 100 * sum(row.cut_off for row in of) / len(of)
            by_speaker[speaker].append(f"{lost:.0f} %, {'-' if waited is None else f'{waited:.0f} ms'}")
    bench.show(table)
    speaking = Table("speaker", *measured, title="cut off, and dead air p50, by speaker")
    for cells in by_speaker.values():
        speaking.add_row(*cells)
    bench.show(speaking)
    bench.console.print(f"sound: {', '.join(sources)}; silence_ms 600; a pause is 300 to 1500 ms")
