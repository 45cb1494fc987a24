"""Long silences as a table: what happened when, and what is due when."""

from __future__ import annotations

import pytest

from aizuchi.engine.rules import Silences as Rules
from aizuchi.engine.silences import Silences
from aizuchi.events import (
    Dropped,
    Entry,
    Event,
    Heard,
    LinkClosed,
    LinkOpened,
    SpeechStarted,
    TurnBegun,
    TurnEnded,
    Typed,
)

HERE = LinkOpened("me", ("mouth", "ear"))
WITNESS = LinkOpened("eye", ("witness",))
BOTH = Rules(nudge_after=10, nudges=2, goodbye_after=60)


def begun(turn: int, cause: str = "user") -> TurnBegun:
    return TurnBegun(turn, cause)  # type: ignore[arg-type]


def ended(turn: int) -> TurnEnded:
    return TurnEnded(turn, "finished")


@pytest.mark.parametrize(
    ("story", "deadline"),
    [
        ([], None),  # nobody is there
        ([(1, WITNESS)], None),
        ([(1, HERE)], 11),
        ([(1, HERE), (5, LinkClosed("me"))], None),
        ([(1, HERE), (5, Typed("hi")), (5, begun(1))], None),  # a turn runs
        ([(1, HERE), (5, begun(1)), (9, ended(1))], 19),  # counted from its end
        ([(1, HERE), (5, SpeechStarted(1, 0.0))], None),  # the user speaks
        ([(1, HERE), (5, SpeechStarted(1, 0.0)), (7, Heard(1, ""))], 17),
        ([(1, HERE), (5, SpeechStarted(1, 0.0)), (7, Dropped("utterance", ""))], 17),
        ([(1, HERE), (5, begun(1)), (6, begun(2, "lecture")), (9, ended(1))], None),  # one still runs
    ],
)
def test_the_first_nudge(story: list[tuple[float, Event]], deadline: float | None):
    """Each row: what happened, and when the first nudge is due."""
    silences = Silences(BOTH)
    for seq, (at, event) in enumerate(story):
        silences.read(Entry(seq, at, None, 0, event))
    assert silences.deadline == deadline


def test_nudges_then_goodbye():
    """Nudges wait for each other's end; the goodbye counts from the user's last word, through the nudges."""
    silences = Silences(BOTH)
    silences.read(Entry(0, 0.0, None, 0, HERE))
    assert [silences.due(9.9), silences.due(10.0)] == [None, "nudge"]
    silences.read(Entry(1, 10.0, 1, 1, begun(1, "proactive")))
    assert silences.deadline is None
    silences.read(Entry(2, 13.0, 1, 1, ended(1)))
    assert silences.deadline == 23.0
    assert silences.due(23.0) == "nudge"
    silences.read(Entry(3, 23.0, 2, 2, begun(2, "proactive")))
    silences.read(Entry(4, 25.0, 2, 2, ended(2)))
    assert silences.deadline == 60.0
    assert silences.due(60.0) == "goodbye"


def test_no_goodbye_in_the_face_of_a_nudge():
    """A nudge that ends when the goodbye would be due leaves time for an answer first."""
    silences = Silences(Rules(nudge_after=10, nudges=1, goodbye_after=12))
    silences.read(Entry(0, 0.0, None, 0, HERE))
    assert silences.due(10.0) == "nudge"
    silences.read(Entry(1, 10.0, 1, 1, begun(1, "proactive")))
    silences.read(Entry(2, 14.0, 1, 1, ended(1)))
    assert silences.deadline == 19.0
    assert [silences.due(18.9), silences.due(19.0)] == [None, "goodbye"]


def test_whoever_answers_is_nudged_again():
    """A word of the user's begins the count anew."""
    silences = Silences(Rules(nudge_after=10, nudges=1))
    silences.read(Entry(0, 0.0, None, 0, HERE))
    assert silences.due(10.0) == "nudge"
    assert silences.deadline is None
    silences.read(Entry(1, 12.0, None, 0, Typed("yes?")))
    assert silences.deadline == 22.0


def test_off():
    """Nothing is due where nothing is wanted."""
    silences = Silences(Rules())
    silences.read(Entry(0, 0.0, None, 0, HERE))
    assert silences.deadline is None
    assert silences.due(1e9) is None
