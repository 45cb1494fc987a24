"""Something sounds into a reply: a word, a cough, a hum, its own echo. Does it go on, and whole?

From the sound's onset: until the last byte before the reply falls silent (*held*), until it is ended (the
decision), and from the sound's end until the reply goes on. The voice's sound counts itself (`marks.py`), so
what was lost or came twice is known to 2.5 ms.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from figures import spread
from manners import Disturbed, disturbed
from marks import BLOCK
from mocks import Settings
from processes import Config, accepted
from rich.table import Table
from scripted import NAME
from speakers import ECHO_IDENTITY, Errand
from speech import synthetic
from utterances import RATE, TAIL_MS, Utterance, frames, synthesised
from words import RATE as VOICE_RATE
from words import WORDS, reply

from aizuchi.audio import Resampler
from aizuchi.errors import AizuchiError

if TYPE_CHECKING:
    from run import Bench

REACH: Final = {"held": 130.0, "resumed": 1000.0}
BLOCK_MS: Final = BLOCK * 1000 / VOICE_RATE
REPLY: Final = Settings(llm_first_ms=50, tts_first_ms=50, tts_speed=4, reply_tokens=27, ms_per_character=45)
"""Five to six seconds of sound: there is time to go on."""
POLICIES: Final[tuple[Config, ...]] = (
    {"barge_in": {"policy": "pause"}},
    {"barge_in": {"policy": "after_ms"}},
)
SAID: Final = {
    "word": ("en", "wait a moment please", 1.2),
    "mm-hm": ("en", "mm-hm", 1.8),
    "long mm-hm": ("en", "mm-hm", 1.2),
    "嗯": ("zh", "嗯", 1.2),
    "うん": ("ja", "うん", 1.2),
}
"""Language, text, speed. The recogniser knows a hum at its end; a long one is voice without a word so far."""
ECHOED: Final = "the river runs slowly through the old town and under seven bridges of grey stone"
LOUDEST: Final = 12_000
THROAT_S: Final = 0.25
"""Somebody clears their throat: a voice to any detector, and no word."""


def cough(seed: int) -> np.ndarray:
    """Two short bursts of noise that die away, 16 kHz."""
    source = np.random.default_rng(seed)

    def burst(ms: int) -> np.ndarray:
        count = ms * RATE // 1000
        shape = np.exp(-np.arange(count) / (0.04 * RATE))
        return source.normal(0, LOUDEST, count) * shape

    sound = np.concatenate([burst(120), np.zeros(60 * RATE // 1000), burst(100)])
    return np.clip(sound, -32767, 32767).astype(np.int16)


async def voiced() -> tuple[dict[str, Utterance], Utterance]:
    """What is said into the reply, and what the reply sounds like.

    A hum is one word, however the voice divides it. The reply is speech, so that its echo is, too.
    """
    told = [(await synthesised([(language, text)], speed))[0] for language, text, speed in SAID.values()]
    (reply,) = await synthesised([("en", ECHOED)])
    said = {
        name: replace(said, words=((0.0, said.ms, SAID[name][1]),)) if name != "word" else said
        for name, said in zip(SAID, told, strict=True)
    }
    return said, reply


def cases(folder: Path, seed: int) -> tuple[dict[str, dict[str, Any]], Path, Path]:
    """What each case's client is told, the recogniser's script, and the file with the voice."""
    source, script = random.Random(seed), dict[int, Any]()
    told: dict[str, dict[str, Any]] = {}
    spoken, voice = asyncio.run(voiced())
    for identity, (name, said) in enumerate(spoken.items(), start=1):
        path = folder / f"case{identity}.raw"
        path.write_bytes(frames(said, identity, source))
        script[identity] = {"language": said.language, "words": said.words}
        told[name] = {"path": str(path), "tail": TAIL_MS * RATE // 1000 * 2}
    for name, sound in (("cough", cough(seed)), ("throat", synthetic(THROAT_S))):
        path = folder / f"{name}.raw"
        path.write_bytes(sound.astype("<i2").tobytes())
        told[name] = {"path": str(path), "tail": 0}
    told["echo"] = {"echo": True}
    for number in range(len(WORDS)):
        script[ECHO_IDENTITY + number] = {"language": "en", "words": reply_words(number)}
    words = folder / "cases.json"
    words.write_text(json.dumps(script), encoding="utf-8")
    sound = folder / "voice.raw"
    resampler = Resampler(RATE, VOICE_RATE, "HQ")
    sound.write_bytes(resampler.push(voice.samples.astype("<i2").tobytes()) + resampler.flush())
    return told, words, sound


def reply_words(number: int) -> list[tuple[float, float, str]]:
    """The words of a reply and their times in the voice's sound, which takes the same for each character."""
    told: list[tuple[float, float, str]] = []
    at = 0.0
    for word in "".join(reply(number, REPLY.reply_tokens)).split(" "):
        ms = (len(word) + 1) * REPLY.ms_per_character
        told.append((at, at + ms, word))
        at += ms
    return told


def part(bench: Bench) -> None:
    """Every case, under the policies this Aizuchi has, for clients that can hold and those that can't."""
    try:
        told, script, voice = cases(bench.home, bench.seed)
    except AizuchiError as error:
        bench.console.print(f"[yellow]no barge-in cases: {error}[/yellow]")
        return
    if bench.quick:
        told = {name: told[name] for name in ("word", "cough", "throat", "mm-hm", "echo")}
    plans: list[tuple[str, Config, bool]] = []
    for policy in POLICIES:
        name = policy["barge_in"]["policy"]
        if not accepted(policy):
            bench.console.print(f"[yellow]this Aizuchi has no policy {name}[/yellow]")
            continue
        holds = (False, True) if name == "pause" and not bench.quick else (False,)
        plans += [(name, policy, hold) for hold in holds]
    for name, policy, hold in plans:
        table = Table(
            *("what", "n", "went on", "held p50, ms", "p95", "told p50", "ended p50", "silent p50"),
            *("resumed p50", "p95", "lost, ms", "twice, ms", "others %"),
            title=f"into a reply: policy {name}, a client that {'holds' if hold else 'can not hold'}",
        )
        for case, task in told.items():
            sessions = 6 if bench.quick else 16
            bench.status(f"barge-in: {case}, policy {name}, {sessions} sessions, seed {bench.seed}")
            want = ["stream", *(["hold"] if hold else [])]
            errand = Errand("", "case", sessions=sessions, noise=True, seed=bench.seed, want=want, case=task)
            errand.echo_cancelled = "echo" not in task
            more = {**policy, "asr": {"use": NAME, "script": str(script)}}
            seen, cost = bench.play(errand, replace(REPLY, voice=str(voice)), more=more, script="speakers.py")
            rows = judged(seen["told"], bench.counts()["made"])
            figures = summed(rows)
            bench.tell("barge", policy=name, hold=hold, case=case, **figures, **cost)
            table.add_row(
                *(case, str(figures["n"]), str(figures["went_on"])),
                *cell(figures, "held_ms", "p50", "p95"),
                *cell(figures, "told_ms", "p50"),
                *cell(figures, "ended_ms", "p50"),
                *cell(figures, "silent_ms", "p50"),
                *cell(figures, "resumed_ms", "p50", "p95"),
                *(f"{figures[each]:g}" for each in ("lost_ms", "repeated_ms")),
                str(cost["others_percent"]),
            )
            if name == "pause" and case == "word":
                held = figures["held_ms"].get("p50")
                bench.verdict("voice to the last byte, held, p50", held, REACH["held"], "ms")
            elif name == "pause":
                verdicts(bench, case, figures)
        bench.show(table)


def verdicts(bench: Bench, case: str, figures: dict[str, Any]) -> None:
    """Of a disturbance that is no interruption."""
    bench.verdict(f"{case}: replies ended wrongly", figures["n"] - figures["went_on"], 0.5, "")
    if figures["resumed_ms"]["n"]:
        bench.verdict(f"{case}: resumed p95", figures["resumed_ms"]["p95"], REACH["resumed"], "ms")
    bench.verdict(f"{case}: lost or said twice", figures["lost_ms"] + figures["repeated_ms"], 0.5, "ms")


def judged(told: list[dict[str, Any]], made: list[tuple[int, int, int]]) -> list[Disturbed]:
    """Each reply against what the voice made for it; every reply of a job has a word of its own."""
    rows: list[Disturbed] = []
    for seen in told:
        pieces = {identity: blocks for word, identity, blocks in made if word == seen["word"]}
        rows.append(disturbed(seen, pieces))
    return rows


def summed(rows: list[Disturbed]) -> dict[str, Any]:
    """Of a reply that was ended, what had not been said by then is not lost."""
    went_on = [row for row in rows if row.ended_ms is None and not row.sound.unsaid]
    spans = ("held_ms", "told_ms", "ended_ms", "silent_ms", "resumed_ms")
    return {
        "n": len(rows),
        "went_on": len(went_on),
        **{name: spread(asdict(row)[name] for row in rows) for name in spans},
        "lost_ms": round(sum(row.sound.lost for row in rows) * BLOCK_MS, 1),
        "repeated_ms": round(sum(row.sound.repeated for row in rows) * BLOCK_MS, 1),
    }


def cell(figures: dict[str, Any], name: str, *keys: str) -> list[str]:
    return [f"{figures[name][key]:g}" if key in figures[name] else "-" for key in keys]
