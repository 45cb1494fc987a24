"""Whose call goes first when providers are scarce. Sans-I/O: three classes and two orders.

interactive   somebody waits for an answer: what users, viewers, tools and reminders cause, and greetings
lecture       something long that is told or played: a lecture, music
background    work that is no turn: summaries, memory, prefetch

The native protocol puts interactive replies before lectures and leaves that order open (section A11): a
hall in which the lecture must not pause takes `lecture_first`. Background work is last in both.
"""

from __future__ import annotations

from typing import Final, Literal

from aizuchi.engine.floor import SHOWS
from aizuchi.events import Cause

Priority = Literal["interactive", "lecture", "background"]
Preset = Literal["interactive_first", "lecture_first"]

ORDERS: Final[dict[Preset, tuple[Priority, ...]]] = {
    "interactive_first": ("interactive", "lecture", "background"),
    "lecture_first": ("lecture", "interactive", "background"),
}


def priority(cause: Cause) -> Priority:
    """The class of the calls that a turn makes."""
    return "lecture" if cause in SHOWS else "interactive"
