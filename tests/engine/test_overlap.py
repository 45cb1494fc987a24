"""What a voice over a reply means, as a table: one row a story, each step with its decision."""

from typing import Any

import pytest

from aizuchi.engine.backchannels import only_backchannel
from aizuchi.engine.overlap import Overlap
from aizuchi.engine.rules import BargeIn

Steps = list[tuple[str, Any, str | None]]

ONSET = ("voice", 60, "pause")
STORIES: dict[str, Steps] = {
    "a word interrupts": [ONSET, ("text", "stop", "interrupt")],
    "one word among small sounds": [ONSET, ("text", "mm-hm", None), ("text", "mm-hm wait", "interrupt")],
    "a long voice without words": [ONSET, ("voice", 399, None), ("voice", 400, "interrupt")],
    "a back-channel may be longer": [
        ONSET,
        ("text", "嗯", None),
        ("voice", 999, None),
        ("voice", 1000, "interrupt"),
    ],
    "a cough": [ONSET, ("voice", 200, None), ("silent", 80, None), ("silent", 320, "go_on")],
    "a cough that is over at once": [ONSET, ("over", None, "go_on")],
    "a back-channel ends at the first silence": [ONSET, ("text", "はい", None), ("silent", 80, "go_on")],
    "a word that comes in the silence": [ONSET, ("silent", 80, None), ("text", "等等", "interrupt")],
    "a word after all": [ONSET, ("silent", 320, "go_on"), ("over", None, None), ("text", "no", "interrupt")],
    "a back-channel known late": [ONSET, ("over", None, "go_on"), ("text", "yeah", None)],
    "no text is no word": [ONSET, ("text", " ", None), ("silent", 320, "go_on"), ("text", "", None)],
    "a voice that was first taken for an echo": [
        ("voice", 5000, "pause"),
        ("voice", 5299, None),
        ("voice", 5300, "interrupt"),
    ],
    "two coughs": [
        ONSET,
        ("voice", 300, None),
        ("silent", 320, "go_on"),
        ("voice", 360, None),
        ("again", 360, "pause"),
        ("voice", 740, None),
        ("silent", 320, "go_on"),
    ],
    "a cough and then a long voice": [
        ONSET,
        ("voice", 300, None),
        ("silent", 320, "go_on"),
        ("again", 360, "pause"),
        ("voice", 760, "interrupt"),
    ],
    "nothing more is heard": [
        ONSET,
        ("give_up", None, "go_on"),
        ("voice", 5000, None),
        ("again", 5060, "pause"),
    ],
    "what is taken stays taken": [
        ONSET,
        ("text", "stop", "interrupt"),
        ("text", "stop it", None),
        ("voice", 900, None),
        ("again", 900, None),
        ("silent", 320, None),
        ("over", None, None),
        ("give_up", None, None),
    ],
}


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES.keys())
def test_stories(steps: Steps):
    """Each step has its decision and no other."""
    overlap = Overlap(BargeIn(decide_ms=400, backchannel_ms=1000), only_backchannel)
    told: Steps = []
    for step, what, _ in steps:
        act = getattr(overlap, step)
        told.append((step, what, act() if what is None else act(what)))
    assert told == steps


def test_who_holds():
    """From the pause until the decision, and only then."""
    overlap = Overlap(BargeIn(), only_backchannel)
    assert not overlap.holding
    overlap.voice(60)
    assert overlap.holding
    overlap.silent(400)
    assert not overlap.holding
