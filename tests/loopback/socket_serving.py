"""WebSocket servers for fakes: what they share, whatever their protocol."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, Self, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

SENTENCE = re.compile(r".*?[.!?。！？]\s*", re.DOTALL)
"""As much of a text as a vendor would begin to speak."""

T = TypeVar("T")


class SocketServer(Generic[T]):
    """Listens on a free port of this machine while entered. What it was asked for is noted, in order."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.handshakes = 0
        """Connections that were let in."""
        self._seen: list[T] = []
        self._tls = tls
        self._open: set[ServerConnection] = set()
        self._news = asyncio.Event()
        self._server: Server | None = None

    # -- what a vendor's server says

    def knock(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a handshake by an answer."""
        return None

    def greet(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """Add headers to the answer of one that is let in."""

    async def talk(self, connection: ServerConnection) -> None:
        """One connection, until it is over."""
        raise NotImplementedError

    # -- for the tests

    @property
    def host(self) -> str:
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}"

    def note(self, asked: T) -> None:
        self._seen.append(asked)
        self._news.set()

    async def nth(self, count: int) -> T:
        """Wait for what was asked under this number, counted from 1."""
        while len(self._seen) < count:
            self._news.clear()
            await self._news.wait()
        return self._seen[count - 1]

    async def drop(self) -> None:
        """Close every connection."""
        for connection in list(self._open):
            await connection.close()

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            process_request=self._knock,
            process_response=self.greet,
            ssl=self._tls,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    def _knock(self, connection: ServerConnection, request: Request) -> Response | None:
        refused = self.knock(connection, request)
        if refused is None:
            self.handshakes += 1
        return refused

    async def _serve(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        try:
            with suppress(ConnectionClosed):
                await self.talk(connection)
        finally:
            self._open.discard(connection)


def bearer(headers: Headers) -> str:
    """The key of a request; the word before it is written in any case."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


class Mouth(Generic[T]):
    """What is to be said, in order, while the connection is read on; what is being said ends when cleared.

    A context: inside it speaks.
    """

    def __init__(self, say: Callable[[T], Awaitable[None]]) -> None:
        self._say = say
        self._waiting: list[T] = []
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._now: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self.clear()
        self._task.cancel()
        await asyncio.wait([self._task])

    def put(self, what: T) -> None:
        self._waiting.append(what)
        self._idle.clear()
        self._news.set()

    def clear(self) -> None:
        self._waiting.clear()
        if self._now is not None:
            self._now.cancel()

    async def done(self) -> None:
        """Wait until all is said."""
        await self._idle.wait()

    async def _one(self, what: T) -> None:
        with suppress(ConnectionClosed):
            await self._say(what)

    async def _run(self) -> None:
        while True:
            while self._waiting:
                self._now = asyncio.create_task(self._one(self._waiting.pop(0)))
                await asyncio.wait([self._now])
                self._now = None
            self._idle.set()
            self._news.clear()
            await self._news.wait()
