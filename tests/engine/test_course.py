"""Where a lecture stands: the table, row by row."""

from typing import Any

import pytest

from aizuchi.engine.course import Course


def course(stand: str, page: int = 1) -> Course:
    """One of four pages with the numbers 1, 2, 5 and 7, at the second."""
    made = Course([1, 2, 5, 7])
    match stand:
        case "waiting":
            return made
        case "finished":
            made.steer("goto", 7)
            made.told()
        case _:
            made.steer("goto", [1, 2, 5, 7][page])
            made.sentence = 3
            if stand == "paused":
                made.steer("pause")
            if stand == "asked":
                made.asked()
    return made


ROWS: list[tuple[str, str, int | None, Any, str, int, int]] = [
    # stand, action, page's number, what is to be done, state, page, sentence
    ("waiting", "play", None, "begin", "playing", 0, 0),
    ("waiting", "resume", None, "begin", "playing", 0, 0),
    ("waiting", "next", None, "begin", "playing", 0, 0),
    ("waiting", "pause", None, None, "waiting", 0, 0),
    ("waiting", "goto", 5, "jump", "playing", 2, 0),
    ("waiting", "goto", 6, None, "waiting", 0, 0),
    ("playing", "play", None, None, "playing", 1, 3),
    ("playing", "pause", None, "hold", "paused", 1, 3),
    ("playing", "resume", None, None, "playing", 1, 3),
    ("playing", "next", None, "jump", "playing", 2, 0),
    ("playing", "prev", None, "jump", "playing", 0, 0),
    ("playing", "replay", None, "jump", "playing", 1, 0),
    ("playing", "goto", 7, "jump", "playing", 3, 0),
    ("playing", "goto", None, None, "playing", 1, 3),
    ("asked", "pause", None, "hold", "paused", 1, 3),
    ("asked", "next", None, "jump", "asked", 2, 0),
    ("asked", "resume", None, None, "asked", 1, 3),
    ("paused", "resume", None, "go_on", "playing", 1, 3),
    ("paused", "play", None, "go_on", "playing", 1, 3),
    ("paused", "pause", None, None, "paused", 1, 3),
    ("paused", "next", None, "jump", "playing", 2, 0),
    ("paused", "replay", None, "jump", "playing", 1, 0),
    ("finished", "play", None, "begin", "playing", 0, 0),
    ("finished", "resume", None, None, "finished", 3, 0),
    ("finished", "next", None, "jump", "playing", 3, 0),
    ("finished", "prev", None, "jump", "playing", 2, 0),
]


@pytest.mark.parametrize(("stand", "action", "number", "do", "state", "page", "sentence"), ROWS)
def test_row(stand: str, action: Any, number: int | None, do: Any, state: str, page: int, sentence: int):
    """Each word of command in each stand."""
    made = course(stand)
    assert made.steer(action, number) == do
    assert (made.state, made.page, made.sentence) == (state, page, sentence)


def test_pages_follow_each_other_until_the_last():
    """After a page the next one; after the last it is finished."""
    made = course("playing")
    made.told()
    assert (made.page, made.sentence, made.state) == (2, 0, "playing")
    made.told()
    made.told()
    assert (made.page, made.state) == (3, "finished")


def test_a_question():
    """It makes room and goes on by itself; paused meanwhile it does not."""
    made = course("asked")
    made.answered()
    assert made.state == "playing"
    made.asked()
    made.steer("pause")
    made.answered()
    assert made.state == "paused"


def test_silence_was_wanted():
    """A click on "stop" pauses it at the sentence that was cut."""
    made = course("playing")
    made.stopped(2)
    assert (made.state, made.page, made.sentence) == ("paused", 1, 2)


@pytest.mark.parametrize(
    ("stand", "state"), [("playing", "paused"), ("finished", "finished"), ("x", "waiting")]
)
def test_restored(stand: str, state: str):
    """It stands where the other one stood, and waits there."""
    made = Course([1, 2])
    made.at(1, 2, stand)
    assert made.state == state
    made.at(99, 0, "playing")
    assert made.state == state
