"""What both halves of a connection know of each other."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from aizuchi.events import LectureState

KEPT: Final = 512
"""Sounds whose end may still be told."""


@dataclass(slots=True)
class Standing:
    """One agent, as its pages see it."""

    pages: int = 0
    """Connected now."""
    lecture: LectureState = "waiting"
    page: int | None = None
    """The slide that is shown."""
    left_alone: bool = False
    """The lecture was paused because the last page had left."""
    hearing: bool = False
    """A page's microphone is open."""
    sounds: OrderedDict[int, tuple[int, int]] = field(default_factory=OrderedDict[int, tuple[int, int]])
    """seq -> turn and sentence; those whose end was told by some page are gone."""

    def sounded(self, seq: int, turn: int, sentence: int) -> None:
        self.sounds[seq] = turn, sentence
        if len(self.sounds) > KEPT:
            self.sounds.popitem(last=False)
