"""Connections to a hub without sockets: outlets that are lists, moved by the same loops as real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.outlets import Parcel
from aizuchi.server.hub.talking import as_agent, as_page
from aizuchi.server.pipe import Gone


class ListOutlet:
    """What a client got is in `got`; what it sends is `put` into `sent`."""

    def __init__(self, number: int) -> None:
        self.id = f"00000000-0000-4000-8000-{number:012}"
        self.waiting = 0
        self.behind: Callable[[int], None] = lambda _change: None
        self.got: asyncio.Queue[str] = asyncio.Queue()
        self.sent: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.answers_pings = True
        self.closed: tuple[int, str] | None = None

    async def accept(self, welcome: bytes) -> None:
        self.got.put_nowait(welcome.decode())

    async def receive(self) -> str | bytes:
        message = None if self.closed else await self.sent.get()
        if message is None:
            raise Gone(1005)
        return message

    async def alive(self, within: float) -> bool:
        return self.answers_pings

    def put(self, what: Parcel) -> None:
        if self.closed is None:
            for text in what.texts:
                self.got.put_nowait(text)

    def close(self, code: int, reason: str = "") -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self.sent.put_nowait(None)

    def abort(self) -> None:
        self.close(1006)


class MemoryHub:
    """A hub and its connections; leave it to end them all."""

    def __init__(self, hub: Hub | None = None) -> None:
        self.hub = Hub() if hub is None else hub
        self._count = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self):
        await self._group.__aenter__()
        self.hub.open(self._group.create_task)
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.hub.close()
        for task in self._tasks.values():
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def connect(self, side: str, name: str) -> ListOutlet | None:
        """None when it is refused."""
        self._count += 1
        out = ListOutlet(self._count)
        if side == "agent":
            room = await self.hub.take(name, out)
            if room is None:
                return None
            talking = as_agent(room, out)
        else:
            talking = as_page(self.hub, name, out)

        async def until_gone() -> None:
            try:
                await talking
            except Gone:
                return
            out.close(1000)

        self._tasks[out.id] = self._group.create_task(until_gone())
        return out

    async def over(self, out: ListOutlet) -> tuple[int, str]:
        """Wait for a connection's end."""
        async with asyncio.timeout(20):
            await self._tasks[out.id]
        return out.closed or (1005, "")
