"""A small HTTP/1.1 server for fakes: strict where a client must be right, and able to misbehave on purpose.

It parses with h11, so a client that breaks HTTP is refused, and notices a client's disconnection while it
answers. Handlers get an `Exchange`: the request, and ways to answer well or badly.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

import h11


class Gone(Exception):
    """The connection is over; nothing more can be read or sent."""


class Received:
    """One request as it came. `body` grows while it arrives."""

    def __init__(self, request: h11.Request) -> None:
        self.method = request.method.decode()
        self.path = request.target.decode().partition("?")[0]
        self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        self.body = bytearray()
        self.complete = asyncio.Event()
        """The whole body is here."""
        self.disconnected = asyncio.Event()
        """The client has gone before it had the whole answer."""
        self.answered = asyncio.Event()
        """The whole answer was sent."""
        self._more = asyncio.Event()

    @property
    def chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "")

    @property
    def json(self) -> Any:
        return json.loads(bytes(self.body))

    async def got(self, size: int) -> None:
        """Wait until so many bytes of the body are here."""
        while len(self.body) < size:
            self._more.clear()
            await self._more.wait()

    def grow(self, data: bytes) -> None:
        self.body += data
        self._more.set()


class Exchange:
    """A request being answered."""

    def __init__(self, request: Received, connection: Connection) -> None:
        self.request = request
        self._connection = connection

    async def head(self, status: int, headers: dict[str, str]) -> None:
        await self._connection.send(
            h11.Response(status_code=status, headers=[(name, value) for name, value in headers.items()])
        )

    async def data(self, data: bytes) -> None:
        """One piece of the body; each becomes an HTTP chunk of its own."""
        await self._connection.send(h11.Data(data=data))

    async def end(self) -> None:
        await self._connection.send(h11.EndOfMessage())

    async def whole(self, status: int, body: bytes, content_type: str, **headers: str) -> None:
        """A complete answer."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.head(status, {"content-type": content_type, "content-length": str(len(body)), **extra})
        if body:
            await self.data(body)
        await self.end()

    async def json(self, status: int, body: object, **headers: str) -> None:
        await self.whole(status, json.dumps(body).encode(), "application/json", **headers)

    async def stall(self) -> None:
        """Be silent until the client goes."""
        await asyncio.Event().wait()

    def drop(self) -> None:
        """Cut the connection as if the machine had gone."""
        self._connection.abort()
        raise Gone


Handler = Callable[[Exchange], Coroutine[Any, Any, None]]


class Connection:
    """One client's connection: requests in turn, until it closes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER)

    def abort(self) -> None:
        self._writer.transport.abort()

    async def serve(self, handler: Handler, arrived: Callable[[Received], None]) -> None:
        try:
            while True:
                event = await self._event()
                if not isinstance(event, h11.Request):
                    return
                request = Received(event)
                arrived(request)
                if not await self._exchange(handler, request):
                    request.disconnected.set()
                    return
                request.answered.set()
                if self._http.our_state is h11.MUST_CLOSE or self._http.their_state is h11.MUST_CLOSE:
                    return
                self._http.start_next_cycle()
        except (Gone, ConnectionError, h11.RemoteProtocolError):
            return
        finally:
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _exchange(self, handler: Handler, request: Received) -> bool:
        """Read the rest of a request and answer it; False if the connection ended meanwhile."""
        try:
            await self._body(request)
            async with asyncio.TaskGroup() as group:
                answer = group.create_task(handler(Exchange(request, self)))
                watch = group.create_task(self._watch(request, answer))
                answer.add_done_callback(lambda _: watch.cancel())
        except* (Gone, ConnectionError, h11.RemoteProtocolError):
            request.disconnected.set()
        return not request.disconnected.is_set()

    async def send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if self._writer.transport.is_closing():
            raise Gone
        self._writer.write(data or b"")
        await self._writer.drain()

    async def _event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(1 << 16))

    async def _body(self, request: Received) -> None:
        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                request.grow(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                request.complete.set()
                return
            else:
                raise Gone

    async def _watch(self, request: Received, answer: asyncio.Task[None]) -> None:
        try:
            data = await self._reader.read(1 << 16)
        except ConnectionError:
            data = b""
        if data:  # the next request, sent early
            self._http.receive_data(data)
            return
        request.disconnected.set()
        answer.cancel()


class LoopbackServer:
    """Listens on a free port of this machine while entered."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests: list[Received] = []
        self.connections = 0
        """How many there have been."""
        self._open: set[Connection] = set()
        self._news = asyncio.Event()

    async def handle(self, exchange: Exchange) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for connection in tuple(self._open):
            connection.abort()
        while self._open:
            self._news.clear()
            await self._news.wait()
        await self._server.wait_closed()

    async def seen(self, count: int) -> Received:
        """Wait for the request of this number, counted from 1."""
        while len(self.requests) < count:
            self._news.clear()
            await self._news.wait()
        return self.requests[count - 1]

    def _arrived(self, request: Received) -> None:
        self.requests.append(request)
        self._news.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections += 1
        self._open.add(connection)
        try:
            await connection.serve(self.handle, self._arrived)
        finally:
            self._open.discard(connection)
            self._news.set()
