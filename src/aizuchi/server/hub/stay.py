"""Agents of our own: when one runs for a name, and the room it sees."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

from aizuchi.server.hub.ports import Resident
from aizuchi.server.hub.words import encoded
from aizuchi.server.link import guarded

log = logging.getLogger(__name__)

EVENTS: Final = 256
"""Events of pages that may wait for a resident; more are refused to their senders."""
PAUSE: Final = 1.0
"""Seconds until one that has ended by itself may be started again."""

TOO_MUCH: Final = "the agent does not keep up; the event was not sent"
NOT_HERE: Final = "the agent is not ready; the event was not sent"

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Stay:
    """One run of a resident, as it sees the room; implements `ports.Room`."""

    def __init__(self, name: str, pages: Callable[[], int], publish: Callable[[bytes], None]) -> None:
        self.name = name
        self._pages = pages
        self._publish = publish
        self._events: deque[Any] = deque()
        self._more = asyncio.Event()
        self._over = False

    @property
    def pages(self) -> int:
        return self._pages()

    def publish(self, data: Any) -> None:
        coded = encoded(data)
        if not self._over:
            self._publish(coded)

    async def events(self) -> AsyncIterator[Any]:
        while not self._over:
            if self._events:
                yield self._events.popleft()
                continue
            self._more.clear()
            await self._more.wait()

    def give(self, data: Any) -> bool:
        """An event of a page; False when too many wait."""
        if self._over or len(self._events) >= EVENTS:
            return False
        self._events.append(data)
        self._more.set()
        return True

    def end(self) -> None:
        """Nothing enters or leaves any more."""
        self._over = True
        self._events.clear()
        self._more.set()


class Lodging:
    """Has the resident of a name run while it is wanted: a page is there, or was a while ago, and nobody from
    outside is the agent. `publish` takes encoded events; `idle` is called when nothing runs any more.
    """

    def __init__(
        self,
        resident: Resident,
        name: str,
        *,
        linger: float,
        spawn: Spawn,
        pages: Callable[[], int],
        publish: Callable[[bytes], None],
        idle: Callable[[], None],
    ) -> None:
        self._resident = resident
        self._name = name
        self._linger = linger
        self._spawn = spawn
        self._pages = pages
        self._publish = publish
        self._idle = idle
        self._stay: Stay | None = None
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._outside = self._closed = False
        self._not_before = 0.0

    @property
    def running(self) -> bool:
        return self._task is not None

    def page_came(self) -> None:
        self._stop_leaving()
        self._start()

    def page_left(self) -> None:
        """Somebody has; only the last one counts."""
        if self._pages() == 0 and self._stay is not None and self._leaving is None:
            self._leaving = asyncio.get_running_loop().call_later(self._linger, self._end)

    def agent_came(self) -> None:
        """Somebody from outside has the name."""
        self._outside = True
        self._end()

    def agent_left(self) -> None:
        self._outside = False
        self._start()

    def give(self, data: Any) -> str:
        """An event of a page. Returns why the resident won't get it, or nothing."""
        self._start()
        if self._stay is None:
            return NOT_HERE
        return "" if self._stay.give(data) else TOO_MUCH

    def close(self) -> None:
        """The server ends."""
        self._closed = True
        self._end()

    # --

    def _start(self) -> None:
        if self._task is not None or self._outside or self._closed or self._pages() == 0:
            return
        if asyncio.get_running_loop().time() < self._not_before:
            return
        self._stay = stay = Stay(self._name, self._pages, self._publish)
        self._task = self._spawn(self._run(stay))

    async def _run(self, stay: Stay) -> None:
        loop = asyncio.get_running_loop()
        try:
            await guarded(self._resident.run(stay), "an agent of our own failed", agent=self._name)
            if self._stay is stay:
                log.info("an agent of our own has left", extra={"agent": self._name})
                self._not_before = loop.time() + PAUSE
        finally:
            stay.end()
            replaced = self._stay is not stay
            self._stay = self._task = None
            if replaced:
                # It was told to go and took its time; meanwhile it may be wanted again.
                self._start()
            self._idle()

    def _end(self) -> None:
        self._stop_leaving()
        stay, self._stay = self._stay, None
        if stay is not None and self._task is not None:
            stay.end()
            self._task.cancel()

    def _stop_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
