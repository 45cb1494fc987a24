"""How much is let in: sockets, conversations of a token, sound; and nobody new while there is too much to do.

Those who are in are not touched: limits are asked when somebody comes, and while the process is overloaded
only new conversations are refused, with advice when to come again. Who comes back to a conversation they have
is no newcomer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aizuchi.errors import ProtocolError
from aizuchi.server.admission import Allowance
from aizuchi.server.ledger import Ledger, Local
from aizuchi.server.overload import Overload, watch

log = logging.getLogger(__name__)

TOKEN = "token"
"""The ledger's kind of a token's conversations; the key is whom it stands for."""
RETRY_MS = 5_000
"""When somebody who was turned away may come again: by then it is known whether the trouble lasts."""
FORGET = 256
"""So many allowances of sound are kept before those that are full again are forgotten."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a process takes on; None: as much as comes."""

    sockets: int = 1000
    sessions_per_token: int | None = None
    audio_seconds_per_minute: float | None = None
    messages_per_minute: int | None = None
    overload_lag_ms: float = 150.0


class Gate:
    """One per process. `stop(on)` is told when the process has too much to do, and when no longer."""

    def __init__(
        self,
        capacity: Capacity | None = None,
        *,
        ledger: Ledger | None = None,
        stop: Callable[[bool], None] = lambda _on: None,
    ) -> None:
        self.capacity = capacity or Capacity()
        self.sockets = 0
        """Open ones."""
        self.refused = 0
        """Sockets and conversations that were turned away."""
        self._ledger = ledger or Local()
        self._stop = stop
        self._overload = Overload(self.capacity.overload_lag_ms)
        self._sound: dict[str, Allowance] = {}

    def retune(self, capacity: Capacity) -> None:
        """Take on more or less from now on; who is in stays in."""
        self.capacity = capacity
        self._overload.limit_ms = capacity.overload_lag_ms
        self._sound.clear()

    # -- sockets

    def enter(self) -> bool:
        """A socket wants to be opened; False: there are too many. Each one that entered leaves once."""
        if self.sockets >= self.capacity.sockets:
            self.refused += 1
            return False
        self.sockets += 1
        return True

    def leave(self) -> None:
        self.sockets -= 1

    # -- conversations

    async def admit(
        self, person: str, *, new: bool, make_room: Callable[[], bool] = lambda: False
    ) -> Callable[[], None]:
        """A place for one more conversation; the returned function gives it back and may be called twice.

        `person` is whom the token stands for, empty without one. `new`: it is not one of before. `make_room`
        ends a conversation of theirs that nobody is in, or says that there is none. Raises ProtocolError
        (overloaded).
        """
        if new and self.overloaded:
            raise self.turned_away("the server has too much to do right now; try again later")
        most = self.capacity.sessions_per_token
        if most is None or not person:
            return lambda: None
        while not await self._ledger.acquire(TOKEN, person, most):
            if not make_room():
                raise self.turned_away(f"this token has all its {most} conversations already")
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                self._ledger.release(TOKEN, person)

        return release

    def turned_away(self, why: str) -> ProtocolError:
        """The refusal of a newcomer, counted."""
        self.refused += 1
        return ProtocolError(why, code="overloaded", close=1013, retry_after_ms=RETRY_MS)

    # -- sound

    def sound(self, whose: str) -> Allowance | None:
        """How many seconds of microphone sound they may still send; None: as many as they like."""
        per_minute = self.capacity.audio_seconds_per_minute
        if per_minute is None:
            return None
        now = asyncio.get_running_loop().time()
        if len(self._sound) >= FORGET:
            self._sound = {key: each for key, each in self._sound.items() if not each.full(now)}
        return self._sound.setdefault(whose, Allowance(per_minute, now))

    # -- overload

    @property
    def overloaded(self) -> bool:
        return self._overload.on

    async def watch(self) -> None:
        """A duty of the server: measure, for ever."""
        await watch(self._overload, self._changed)

    def _changed(self, on: bool, lag_ms: float) -> None:
        if on:
            log.warning("there is too much to do (%.0f ms late): no new conversations for now", lag_ms)
        else:
            log.info("the server has caught up and takes new conversations again")
        self._stop(on)
