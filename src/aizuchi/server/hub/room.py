"""One name: its agent, its pages, and what goes from one side to the other. No input or output of its own.

What an agent says within one round of the event loop is put together once and handed to every page at the
end of that round. A page that is slow has its own queue; only when most pages can't keep up is the agent read
more slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from aizuchi.server.hub.outlets import Outlet, Parcel, Pieces, parcel
from aizuchi.server.hub.stay import TOO_MUCH, Lodging
from aizuchi.server.hub.words import SENT, Envelope, decoded, relayed

MOST_AT_ONCE: Final = 256 << 10
"""Bytes that are put together for the pages at most, more than one message."""
LONGEST_FOR_RESIDENTS: Final = 1 << 20
"""Bytes of an event that is decoded for an agent of ours."""
_SENT: Final = parcel(SENT)

E = TypeVar("E")


class HubRoom:
    """`empty` is called when nobody is there any more; `now` gives local time without a zone."""

    def __init__(
        self,
        name: str,
        *,
        envelope: Envelope,
        most: int,
        empty: Callable[[HubRoom], None],
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.name = name
        self.agent: Outlet | None = None
        self.pages: dict[str, Outlet] = {}
        self.lodging: Lodging | None = None
        self._envelope: Envelope = envelope
        self._most = most
        self._empty = empty
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._pending: list[Pieces] = []
        self._size = 0
        self._acknowledge: tuple[Outlet, int] | None = None
        self._behind = 0
        self._eased = asyncio.Event()
        self._eased.set()
        self._agent_eased = asyncio.Event()
        self._agent_eased.set()

    # -- who is there

    @property
    def online(self) -> bool:
        """Whether an event of a page would find an agent."""
        return self.agent is not None or self.lodging is not None

    @property
    def vacant(self) -> bool:
        return (
            self.agent is None and not self.pages and not (self.lodging is not None and self.lodging.running)
        )

    def seat(self, agent: Outlet) -> None:
        """The name is theirs. Nobody else may have it."""
        self._flush()
        self.agent = agent
        agent.behind = self._agent_behind
        if self.lodging is not None:
            self.lodging.agent_came()

    def unseat(self, agent: Outlet) -> None:
        """They are gone, or have to go. May be called twice, and after somebody else took the name."""
        if self.agent is not agent:
            return
        self._flush()
        self.agent = None
        agent.behind = lambda _change: None
        self._agent_eased.set()
        if self.lodging is not None:
            self.lodging.agent_left()
        self._look()

    def join(self, page: Outlet) -> None:
        # What was said before it came is not for it.
        self._flush()
        self.pages[page.id] = page
        page.behind = self._page_behind
        self._weigh()
        if self.lodging is not None:
            self.lodging.page_came()

    def leave(self, page: Outlet) -> None:
        """May be called twice."""
        if self.pages.pop(page.id, None) is None:
            return
        self._weigh()
        if self.lodging is not None:
            self.lodging.page_left()
        self._look()

    def close(self) -> None:
        """The server ends: an agent of ours has to leave."""
        if self.lodging is not None:
            self.lodging.close()

    def _look(self) -> None:
        if self.vacant:
            self._empty(self)

    # -- agent to pages

    def relay(self, data: Any, sender: Outlet | None = None) -> None:
        """An event for every page; `sender` is told when it has been handed on."""
        pieces = relayed(data, self._now(), self._envelope)
        if not self._pending and self._acknowledge is None:
            self._loop.call_soon(self._flush)
        self._pending.append(pieces)
        self._size += memoryview(data).nbytes
        if sender is not None:
            self._acknowledge = (sender, self._acknowledge[1] + 1 if self._acknowledge else 1)
        if self._size > MOST_AT_ONCE:
            self._flush()

    def flush(self) -> None:
        """Hand over what was relayed, before something else is said to its sender."""
        self._flush()

    def _flush(self) -> None:
        pending, self._pending, self._size = self._pending, [], 0
        acknowledge, self._acknowledge = self._acknowledge, None
        if pending and self.pages:
            whole = Parcel(pending)
            for page in tuple(self.pages.values()):
                page.put(whole)
        if acknowledge is not None:
            sender, count = acknowledge
            sender.put(_SENT if count == 1 else parcel(*[SENT] * count))

    @property
    def crowded(self) -> bool:
        """Most pages can't keep up with the agent."""
        return not self._eased.is_set()

    async def eased(self) -> None:
        """Return when they can. They are cut off if they take nothing, so this ends."""
        await self._eased.wait()

    def _page_behind(self, change: int) -> None:
        self._behind += change
        self._weigh()

    def _weigh(self) -> None:
        if self._behind * 2 > len(self.pages):
            self._eased.clear()
        else:
            self._eased.set()

    # -- pages to agent

    def tell_agent(self, data: Any) -> str:
        """An event of a page. Returns why the agent won't get it, or nothing; with no agent all is well."""
        if self.agent is None:
            return "" if self.lodging is None else self._tell_resident(self.lodging, data)
        if self.agent.waiting > self._most:
            return TOO_MUCH
        self.agent.put(Parcel([relayed(data, self._now(), self._envelope)]))
        return ""

    def _tell_resident(self, lodging: Lodging, data: Any) -> str:
        if memoryview(data).nbytes > LONGEST_FOR_RESIDENTS:
            return f"an event for this agent has at most {LONGEST_FOR_RESIDENTS} bytes"
        try:
            event = decoded(data)
        except (ValueError, RecursionError):
            # A number of thousands of digits, for example.
            return "this agent can't read that event"
        return lodging.give(event)

    @property
    def agent_busy(self) -> bool:
        return not self._agent_eased.is_set()

    async def agent_eased(self) -> None:
        """Return when the agent takes more, or is gone."""
        await self._agent_eased.wait()

    def _agent_behind(self, change: int) -> None:
        if change > 0:
            self._agent_eased.clear()
        else:
            self._agent_eased.set()
