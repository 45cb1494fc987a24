"""Writes what the page's own fold is compared with: entries, and the figures that ours finds in them.

python -m tests.views.twin [RECORDING.jsonl LIVE.jsonl]

Without arguments the figures of the present fixtures are found anew. With them the fixtures "recorded" and
"live" are made from a recording of a server and from what a client of it got in `timeline` messages of the
same session: the figures of both must be the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from aizuchi.events import (
    AttemptBegun,
    AttemptEnded,
    Entry,
    Fault,
    Heard,
    HeardPartial,
    Played,
    Queued,
    Requested,
    Sentence,
    Speech,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    TextDone,
    Thought,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.timeline_json import entry_from_json, entry_to_json
from aizuchi.views.figures import Folding, TurnFigures
from tests.views.stories import TONE, Tale, whole

FIXTURES: Final = Path(__file__).parents[2] / "src/aizuchi/web/src/timeline/fixtures"
NOT_KEPT: Final = ("cue", "word_time", "mic_noted")
"""Of no matter for figures, and most of a recording."""


def odd(tale: Tale) -> Tale:
    """What short conversations seldom hold: queues, faults, two attempts, a turn that does not end."""
    say = tale.say
    say(0.3, SpeechStarted(7, audio_at=0.25))
    say(0.5, Fault("asr", "asr_timeout", "the recogniser said nothing", provider="far"))
    say(0.9, HeardPartial(7, "what"))
    say(1.3, AttemptBegun(1, 7, "what"))
    say(1.3, Requested("llm", "model", attempt=1))
    say(1.5, AttemptEnded(1, None, "went_on", tokens=3))
    say(2.0, AttemptBegun(2, 7, "what now"))
    say(2.004, Requested("llm", "model", attempt=2))
    say(2.2, Requested("tts", "voice", 0, attempt=2))
    say(2.4, SpeechEnded(7, audio_at=1.85, voice_end=1.9))
    say(2.6124, Heard(7, "what now"))
    tale.generation = 1
    say(2.6131, TurnBegun(4, "user", "what now", user_end=2.4, voice_end=1.9), 4)
    say(2.614, AttemptEnded(2, 4, saved_ms=613, tokens=9, audio_ms=40), 4)
    say(2.62, Thought("hm"), 4)
    say(2.63, Queued("llm", 2, 3, 900), 4)
    say(2.83, Queued("llm", 1, 1), 4)
    say(3.0777, Queued("llm", 0, 0), 4)
    say(3.1, ToolCall("c1", "clock", "{}"), 4)
    say(3.4, ToolDone("c1", "clock", "noon"), 4)
    say(3.41, Fault("llm", "llm_failed", "it fell over", provider="model"), 4)
    say(3.5, Sentence(4, 0, " ", "```"), 4)
    say(3.6, Sentence(4, 1, "It is noon.", "It is noon."), 4)
    say(3.7, Speech(4, 1, 0, TONE, 24_000), 4)
    say(3.8, Played(4, sentence=1), 4)
    say(3.9, TurnHeld(4, 200, "crosstalk"), 4)
    say(4.4, TurnResumed(4, 200), 4)
    say(4.5, TextDone("It is noon.", fallback="provider:spare"), 4)
    say(5.0, TurnEnded(4, "finished", "It is noon."), 4)
    say(6.0, TurnBegun(5, "greeting"), 5)
    say(6.2, TextDelta("Well"), 5)
    return tale


def figures_of(entries: Iterable[Entry]) -> list[TurnFigures]:
    """Of all turns, in the order of their beginning, also of one that has not ended."""
    folding = Folding()
    found: list[TurnFigures] = []
    for entry in entries:
        ended = folding.read(entry)
        found += [ended] if ended is not None else []
    return sorted([*found, *folding.running.values()], key=lambda each: each.begun)


def fixture(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of entries that were read back from JSON, as the page reads them."""
    told = [each | {"at": round(each["at"], 6)} for each in told]
    entries = [entry for each in told if (entry := entry_from_json(each)) is not None]
    return {
        "turns": [
            {
                "turn": each.turn,
                "generation": each.generation,
                "cause": each.cause,
                "outcome": each.outcome or "",
                "fallback": each.fallback,
                "numbers": each.numbers(),
                "stages": each.stages,
            }
            for each in figures_of(entries)
        ],
        "entries": told,
    }


def thinned(lines: Iterable[str]) -> list[dict[str, Any]]:
    """A recording without what no figure needs; of a sentence's sound the first and the last."""
    told = [json.loads(line) for line in lines if line.strip()]
    told = [each for each in told if "kind" in each and each["kind"] not in NOT_KEPT]
    kept: list[dict[str, Any]] = []
    for each, after in zip(told, [*told[1:], None], strict=True):
        again = kept and kept[-1]["kind"] == each["kind"] and kept[-1].get("sentence") == each.get("sentence")
        if each["kind"] == "speech" and again and after and after["kind"] == "speech":
            continue
        kept.append(each)
    return kept


def write(name: str, told: list[dict[str, Any]]) -> None:
    FIXTURES.mkdir(exist_ok=True)
    made = fixture(told) if name != "live" else fixture(told) | {"turns": []}
    rows = ",\n".join(json.dumps(each, separators=(",", ":")) for each in made.pop("entries"))
    head = json.dumps(made["turns"], indent=1)
    (FIXTURES / f"{name}.json").write_text(f'{{"turns": {head},\n"entries": [\n{rows}\n]}}\n')


def main(sources: list[str]) -> None:
    if sources:
        for name, source in zip(("recorded", "live"), sources, strict=True):
            write(name, thinned(Path(source).read_text().splitlines()))
    for name, tale in (("told", whole(Tale())), ("odd", odd(Tale()))):
        write(name, [entry_to_json(entry) for entry in tale.timeline.since(0)])
    write("recorded", json.loads((FIXTURES / "recorded.json").read_text())["entries"])


if __name__ == "__main__":
    main(sys.argv[1:])
