"""The turn that has the floor, and those that were held to make room: how they stand still and go on.

A turn stands still in one of two ways. *Paused* it keeps the floor, its generation and the state: somebody's
voice is over it, and what that means is not yet decided. *Held* it leaves the floor to something shorter and
goes on afterwards, under a new generation if anything spoke meanwhile.
"""

from __future__ import annotations

import asyncio

from aizuchi.engine.links import Links
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.turn import Turn
from aizuchi.events import Cause, TurnHeld, TurnResumed


class Stage:
    """One session's. Everything is synchronous; who may enter is decided in `turns.py`."""

    def __init__(self, scribe: Scribe, links: Links) -> None:
        self.active: Turn | None = None
        """Has the floor."""
        self.held: list[Turn] = []
        """A stack: the last one goes on first, but for those that are shelved."""
        self.asides: list[Turn] = []
        """Hums: they have a number and a generation, and never the floor."""
        self._scribe = scribe
        self._links = links

    @property
    def cause(self) -> Cause | None:
        """Of the turn that has the floor; None when nobody speaks."""
        return self.active.claim.cause if self.active is not None else None

    @property
    def resumable(self) -> Turn | None:
        """The held turn that goes on when the floor is free."""
        return next((turn for turn in reversed(self.held) if not turn.shelved), None)

    @property
    def pausable(self) -> bool:
        """A reply sounds, and the ear that counts falls silent when it is held back."""
        return self.active is not None and self.active.sounding and self._links.pausable

    @property
    def playing(self) -> tuple[int, float | None]:
        """The turn that sounds, be it a hum, and the place in ms that the ear plays now; None in silence."""
        now = _now()
        for turn in (self.active, *self.asides):
            if turn is not None and (place := turn.playback.moving(now)) is not None:
                return turn.number, place
        return (0 if self.active is None else self.active.number), None

    def pause(self) -> None:
        """The reply stands still and keeps the floor, until `carry_on`, `interrupt` or `hold`."""
        turn = self.active
        if turn is None or turn.paused:
            return
        turn.paused = True
        at_ms = turn.hold(_now(), self._links.coast_ms)
        self._scribe.append(TurnHeld(turn.number, at_ms, "barge_in"), turn=turn.number)
        self._scribe.move("speaking", "held", turn=turn.number, always=True)

    def carry_on(self) -> None:
        """The paused reply goes on from its place."""
        turn = self.active
        if turn is None or not turn.paused:
            return
        turn.paused = False
        at_ms = turn.resume(_now())
        self._scribe.append(TurnResumed(turn.number, at_ms), turn=turn.number)
        self._scribe.move("speaking", "resumed", turn=turn.number, always=True)
        turn.catch_up()

    def hold(self, reason: str) -> Turn:
        """The running turn leaves the floor, until `resume`; returns it. The caller moves the state."""
        turn = self.active
        assert turn is not None
        self.active = None
        self.held.append(turn)
        at_ms = turn.hold(_now())
        if not turn.paused:
            self._scribe.append(TurnHeld(turn.number, at_ms, reason), turn=turn.number)
        turn.paused = False
        return turn

    def resume(self, turn: Turn) -> None:
        """A held turn has the floor again. A lecture says the sentence anew that something else cut off."""
        self.held.remove(turn)
        anew = turn.generation != self._scribe.generation
        if anew:
            self._scribe.generation += 1
            turn.generation = self._scribe.generation
        self.active = turn
        at_ms = turn.resume(_now(), again=anew, rewind=anew and turn.claim.cause == "lecture")
        self._scribe.append(TurnResumed(turn.number, at_ms), turn=turn.number)
        self._scribe.move("speaking" if turn.sounding else "thinking", "resumed", turn=turn.number)
        turn.catch_up()


def _now() -> float:
    return asyncio.get_running_loop().time()
