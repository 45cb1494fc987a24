"""Where a lecture stands, and where somebody's word takes it. Sans-I/O: a table and the place.

                waiting   playing   paused    finished
    play        begin     -         go_on     begin
    pause       -         hold      -         -
    resume      begin     -         go_on     -
    next        begin     jump      jump      jump
    prev        begin     jump      jump      jump
    replay      begin     jump      jump      jump
    goto        jump      jump      jump      jump

*begin* is from the first page, *jump* to the beginning of another, or of the same. What is being said is
held, goes on, or is cut off accordingly. Beyond the last page there is none: `next` says the last one again,
as `prev` does with the first. A question is no word of command: the lecture makes room, is *asked*, and
plays again when it is *answered*, unless it was paused meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from aizuchi.events import LectureState, Steering

Stand = Literal["waiting", "playing", "paused", "finished"]
Do = Literal["begin", "hold", "go_on", "jump"]

TABLE: Final[dict[Steering, dict[Stand, Do]]] = {
    "play": {"waiting": "begin", "paused": "go_on", "finished": "begin"},
    "pause": {"playing": "hold"},
    "resume": {"waiting": "begin", "paused": "go_on"},
    "next": {"waiting": "begin", "playing": "jump", "paused": "jump", "finished": "jump"},
    "prev": {"waiting": "begin", "playing": "jump", "paused": "jump", "finished": "jump"},
    "replay": {"waiting": "begin", "playing": "jump", "paused": "jump", "finished": "jump"},
    "goto": {"waiting": "jump", "playing": "jump", "paused": "jump", "finished": "jump"},
}


class Course:
    """One lecture's. `numbers` are the pages' own, in order; there is at least one."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)
        self._stand: Stand = "waiting"
        self._asked = False
        self.page = 0
        """Index of the page that is told, or comes next."""
        self.sentence = 0
        """Of that page, the one with which it goes on if it is begun anew."""

    @property
    def state(self) -> LectureState:
        return "asked" if self._asked and self._stand == "playing" else self._stand

    @property
    def playing(self) -> bool:
        """It goes on as soon as nothing else is said."""
        return self._stand == "playing"

    def steer(self, action: Steering, number: int | None = None) -> Do | None:
        """Somebody says where to go; what is to be done, or None where there is nothing to do."""
        do = TABLE[action].get(self._stand)
        if do is None:
            return None
        target = self._target(action, number) if do == "jump" else self.page
        if target is None:
            return None
        if do in ("begin", "jump"):
            self.page, self.sentence = 0 if do == "begin" else target, 0
        self._stand = "paused" if do == "hold" else "playing"
        return do

    def _target(self, action: Steering, number: int | None) -> int | None:
        last = len(self._numbers) - 1
        match action:
            case "next":
                return min(self.page + 1, last)
            case "prev":
                return max(self.page - 1, 0)
            case "goto":
                return self._numbers.index(number) if number in self._numbers else None
            case _:
                return self.page

    def asked(self) -> None:
        """Something else is being said."""
        self._asked = True

    def answered(self) -> None:
        """Nothing else is said any more."""
        self._asked = False

    def told(self) -> None:
        """The page was said to its end, or can't be said at all."""
        if self.page + 1 < len(self._numbers):
            self.page, self.sentence = self.page + 1, 0
        elif self._stand == "playing":
            self._stand = "finished"

    def stopped(self, sentence: int) -> None:
        """Somebody wanted silence: it waits for a word, and then says this sentence again."""
        self.sentence = sentence
        if self._stand == "playing":
            self._stand = "paused"

    def at(self, page: int, sentence: int, stand: str) -> None:
        """Put it where another one stood; it waits there for a word."""
        if 0 <= page < len(self._numbers) and stand in ("playing", "paused", "finished"):
            self.page, self.sentence = page, max(0, sentence)
            self._stand = "finished" if stand == "finished" else "paused"
