"""Where speech begins and ends, as a table; the clock is made of sound."""

from __future__ import annotations

import pytest

from aizuchi.engine.endpointing import Began, Endpointing, Over, Paused, WentOn
from aizuchi.engine.rules import Hearing

RULES = Hearing(threshold=0.5, release=0.35, min_speech_ms=60, silence_ms=200, max_utterance_ms=1000)


SCORES = {"#": 0.9, "+": 0.4, ".": 0.05}


def feed(pattern: str, ms: float = 20) -> list[Began | Over]:
    """`#` is speech, `+` is between release and threshold, `.` is silence; one sign per stretch."""
    machine = Endpointing(RULES)
    told = [decision for sign in pattern for decision in machine.feed(ms, SCORES[sign])]
    return [decision for decision in told if isinstance(decision, Began | Over)]


@pytest.mark.parametrize(
    ("pattern", "decisions"),
    [
        ("." * 50, []),
        ("##" + "." * 20, []),  # 40 ms is a click
        ("###", [Began(0.0)]),
        (".....###", [Began(0.1)]),
        ("##..#", [Began(0.0)]),  # a plosive's closure inside the first syllable
        ("##.....#", []),  # too long a gap: a new candidate
        ("##.....###", [Began(0.14)]),
        ("++++++", []),  # below the threshold nothing begins
        ("###" + "." * 9, [Began(0.0)]),
        ("###" + "." * 10, [Began(0.0), Over(0.06, "silence")]),
        ("###" + "." * 9 + "#" + "." * 10, [Began(0.0), Over(0.26, "silence")]),
        ("###" + "+" * 12 + "." * 10, [Began(0.0), Over(0.3, "silence")]),  # release keeps speech going
        ("#" * 60, [Began(0.0), Over(1.0, "maximum"), Began(1.0)]),
        ("###" + "." * 10 + "###", [Began(0.0), Over(0.06, "silence"), Began(0.26)]),
    ],
)
def test_decisions(pattern: str, decisions: list[Began | Over]):
    """Each row: what is heard, and what is decided from it."""
    seen = feed(pattern)
    assert len(seen) == len(decisions), seen
    for one, other in zip(seen, decisions, strict=True):
        assert type(one) is type(other)
        assert one.at == pytest.approx(other.at)
        assert getattr(one, "reason", None) == getattr(other, "reason", None)


@pytest.mark.parametrize("ms", [10, 20, 32, 40])
def test_the_slicing_does_not_matter(ms: int):
    """The end is found at the same second of sound whatever the length of a stretch."""
    speech, quiet = "#" * (480 // ms), "." * (640 // ms)
    decisions = feed(speech + quiet, ms)
    assert [type(each) for each in decisions] == [Began, Over]
    assert decisions[1].at == pytest.approx(0.48, abs=ms / 1000)


def test_a_voice_may_stop_within_a_stretch():
    """What of a voiced stretch's end is silence already counts as silence."""
    machine = Endpointing(RULES)
    for _ in range(3):
        machine.feed(20, 0.9)
    machine.feed(20, 0.9, 14)
    assert (machine.last_voiced, machine.silence_ms) == (pytest.approx(0.066), pytest.approx(14))
    told = [each for _ in range(10) for each in machine.feed(20, 0.0)]
    (over,) = [each for each in told if isinstance(each, Over)]
    assert isinstance(over, Over) and over.at == pytest.approx(0.066)
    assert machine.at == pytest.approx(0.28)


def test_running_silence_is_public():
    """What a later turn-end model needs: how long it has been quiet, and how much was voiced."""
    machine = Endpointing(RULES)
    for _ in range(5):
        machine.feed(20, 0.9)
    for _ in range(4):
        machine.feed(20, 0.0)
    assert machine.silence_ms == pytest.approx(80)
    assert machine.voiced_ms == pytest.approx(100)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("###...", []),
        ("###....", [80]),  # at pause_ms
        ("###" + "." * 9, [80, 160]),  # and each time it has doubled
        ("###....###", [80, "on after 80"]),
        ("###.....##....", [80]),  # 40 ms of voice are a click within the same pause
        ("###.....##" + "." * 8, [80, 160]),
        ("###.....####....", [80, "on after 100", 80]),  # a new pause is told from its beginning
        ("###" + "." * 10 + "###....", [80, 160, 80]),  # so is that of a new utterance
    ],
)
def test_pauses(pattern: str, told: list[float | str]):
    """Each row: what is heard, and the pauses that are told of."""
    machine, seen = Endpointing(RULES), list[float | str]()
    for sign in pattern:
        for decision in machine.feed(20, SCORES[sign]):
            match decision:
                case Paused(silence_ms=ms):
                    seen.append(ms)
                case WentOn(pause_ms=ms):
                    seen.append(f"on after {ms:g}")
                case _:
                    pass
    assert seen == told


def test_the_wait_of_one_pause():
    """Whoever knows better sets the wait of the present pause only."""
    machine = Endpointing(RULES)
    for sign in "###....":
        machine.feed(20, SCORES[sign])
    machine.wait_ms = 120
    assert [type(d) for sign in ".." for d in machine.feed(20, SCORES[sign])] == [Over]
    assert machine.wait_ms == RULES.silence_ms
