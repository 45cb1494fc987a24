"""How many calls of a stage may run at once over the whole process: the shell of `desk.py`.

A permit is held for the life of a provider's stream and given back when the stream is closed, however
that comes. Whoever must wait is told their place each time it changes; the wait is bounded in length and in
number, and ends in `Busy`. Stages without a limit have no `Permits` at all and pay nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aizuchi.engine.desk import Desk, Moves, Ticket
from aizuchi.engine.priority import Preset, Priority
from aizuchi.errors import Busy
from aizuchi.events import Event, Queued, Stage


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is, for the queue."""

    priority: Priority = "interactive"
    urgent: bool = False
    """It belongs to a reply that sounds already."""
    revoke: Callable[[], None] | None = None
    """Called at most once, synchronously, when a background call has to make way; it then ends soon."""
    patience: float | None = None
    """Seconds it may wait; None: as long as the stage lets its calls wait."""


@dataclass(slots=True)
class _Waiter:
    admitted: asyncio.Future[None]
    """Done when it is let in; Busy when it is shed."""
    note: Callable[[Event], None]
    told: tuple[int, int] | None = None


class Permits:
    """The permits of one stage, shared by all sessions. Touched from one event loop only.

    `waiting` calls may wait at a time, each `patience` seconds at most.
    """

    def __init__(
        self,
        stage: Stage,
        limit: int,
        *,
        waiting: int = 100,
        patience: float = 15.0,
        preset: Preset = "interactive_first",
    ) -> None:
        self._stage: Stage = stage
        self._desk = Desk(limit, waiting=waiting, preset=preset)
        self._patience = patience
        self._waiters: dict[Ticket, _Waiter] = {}
        self._revokes: dict[Ticket, Callable[[], None]] = {}

    @property
    def running(self) -> int:
        return self._desk.running

    @property
    def waiting(self) -> int:
        return self._desk.waiting

    @property
    def free(self) -> bool:
        """A background call would not have to wait."""
        return self._desk.free

    @asynccontextmanager
    async def held(self, call: Call, *, note: Callable[[Event], None]) -> AsyncGenerator[None, None]:
        """Hold a permit while the block runs; waits for one first. Raises Busy.

        `note` gets `Queued` at each change of place, and with position 0 when a wait was over.
        """
        ticket, moves = self._desk.ask(call.priority, _now(), urgent=call.urgent)
        if ticket is None:
            self._carry_out(moves)
            raise self._busy("too many wait already")
        try:
            if ticket.began is None:
                waiter = self._waiters[ticket] = _Waiter(asyncio.get_running_loop().create_future(), note)
                self._carry_out(moves)
                await self._admission(ticket, waiter, call.patience or self._patience)
            if call.revoke is not None:
                if ticket.revoked:
                    call.revoke()
                else:
                    self._revokes[ticket] = call.revoke
            yield
        finally:
            self._revokes.pop(ticket, None)
            self._carry_out(self._desk.leave(ticket, _now()))

    async def _admission(self, ticket: Ticket, waiter: _Waiter, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                await waiter.admitted
        except TimeoutError:
            raise self._busy(f"nobody was free for {patience:g} s") from None
        finally:
            self._waiters.pop(ticket, None)
        waiter.note(Queued(self._stage, 0, 0, 0))

    def _carry_out(self, moves: Moves) -> None:
        for ticket in moves.admitted:
            waiter = self._waiters.get(ticket)
            if waiter is not None and not waiter.admitted.done():
                waiter.admitted.set_result(None)
        for ticket in moves.shed:
            waiter = self._waiters.get(ticket)
            if waiter is not None and not waiter.admitted.done():
                waiter.admitted.set_exception(self._busy("somebody more urgent took its place in the queue"))
        for ticket in moves.revoked:
            revoke = self._revokes.pop(ticket, None)
            if revoke is not None:
                revoke()
        self._tell()

    def _tell(self) -> None:
        """Everybody whose place has changed hears of it; the guess of the time alone is no news."""
        for ticket, place in self._desk.places():
            waiter = self._waiters[ticket]
            if waiter.told != (place.position, place.ahead):
                waiter.told = (place.position, place.ahead)
                waiter.note(Queued(self._stage, place.position, place.ahead, place.eta_ms))

    def _busy(self, why: str) -> Busy:
        return Busy(f"{self._stage} is busy: {why}", retry_after_ms=self._desk.retry_after_ms())


def _now() -> float:
    return asyncio.get_running_loop().time()
