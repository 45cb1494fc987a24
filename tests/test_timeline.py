"""The log of one session: order, window, readers."""

from __future__ import annotations

import pytest

from aizuchi.events import Dropped, Entry, MicNoted, Speech, Thought
from aizuchi.timeline import OutOfWindow, Timeline


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_entries_are_numbered_and_timed_from_the_beginning():
    """Sequence from 0 without gaps, seconds since the session began."""
    clock = Clock()
    line = Timeline(clock)
    clock.now += 1.5
    first = line.append(Thought("a"), turn=None, generation=3)
    second = line.append(Thought("b"), turn=7, generation=3)
    assert (first.seq, first.at, first.generation) == (0, 1.5, 3)
    assert (second.seq, second.turn) == (1, 7)
    assert list(line.since(1)) == [second]


def test_every_reader_sees_every_entry_in_one_order():
    """A reader that appends in turn does not overtake the present entry at the others."""
    line = Timeline(Clock())
    seen: dict[str, list[int]] = {"one": [], "two": []}

    def one(entry: Entry) -> None:
        seen["one"].append(entry.seq)
        if entry.seq == 0:
            line.append(Thought("reply"), turn=None, generation=0)

    line.follow(one)
    stop = line.follow(lambda entry: seen["two"].append(entry.seq))
    line.append(Thought("first"), turn=None, generation=0)
    assert seen == {"one": [0, 1], "two": [0, 1]}
    stop()
    line.append(Thought("later"), turn=None, generation=0)
    assert seen["two"] == [0, 1]


@pytest.mark.parametrize("by", ["entries", "seconds"])
def test_the_window_moves_and_says_so(by: str):
    """What has left the window can't be read, and asking for it is an error."""
    clock = Clock()
    line = Timeline(clock, keep_entries=10 if by == "entries" else 4000, keep_seconds=10)
    for _ in range(30):
        clock.now += 1 if by == "seconds" else 0
        line.append(Thought("x"), turn=None, generation=0)
    with pytest.raises(OutOfWindow):
        line.since(5)
    kept = [entry.seq for entry in line.since(20)]
    assert kept == list(range(20, 30))


def test_sound_is_released_before_its_entry():
    """The window keeps the fact that there was sound; its bytes go early."""
    clock = Clock()
    line = Timeline(clock, keep_sound=5)
    line.append(Speech(1, 0, 0, b"x" * 1000, 16_000), turn=1, generation=1)
    line.append(MicNoted(1000, b"x" * 1000), turn=None, generation=1)
    clock.now += 6
    line.append(Dropped("a", "b"), turn=None, generation=1)
    speech, mic, _ = line.since(0)
    assert isinstance(speech.event, Speech)
    assert isinstance(mic.event, MicNoted)
    assert speech.event.pcm == mic.event.pcm == b""
    assert mic.event.ms == 1000
