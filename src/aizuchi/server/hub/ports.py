"""What an agent that lives in this process sees of the hub, and what the hub wants of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol


class Room(Protocol):
    """One agent name, as its agent sees it."""

    @property
    def name(self) -> str:
        """The agent's name, percent-decoded."""
        ...

    @property
    def pages(self) -> int:
        """How many pages are connected now."""
        ...

    def publish(self, data: Any) -> None:
        """Send an event to every page, in order.

        `data` is what the page finds under that key: anything JSON can say; it is encoded before this
        returns, so it may be changed afterwards. Never waits: queues are bounded, and a page that can't keep
        up is cut off. An event published without a page, or after the resident had to leave, goes nowhere.
        Raises TypeError or ValueError for what is no JSON.
        """
        ...

    def events(self) -> AsyncIterator[Any]:
        """The `data` of what pages send, in order, decoded; mostly objects with a `type`, but any JSON.

        All iterators of one stay share one queue, so there is to be one reader. It holds what came since
        the stay began, and ends when the resident is to leave.
        """
        ...


class Resident(Protocol):
    """An agent that lives in this process, for a name that no outside agent holds."""

    async def run(self, room: Room) -> None:
        """One stay, from the first page on.

        It is cancelled when an outside agent takes the name, `linger` seconds after the last page left, or
        when the server ends. One that returns or raises is started again by the next event of a page. Each
        stay gets a room of its own; what is published to the room of an earlier one is dropped.
        """
        ...
