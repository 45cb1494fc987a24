"""The way out to one agent or page: a queue with a bound in bytes, and nobody who waits for it.

What is put goes to the transport at once while that has room, else it waits here, as references to bytes
that all receivers share. A page that lets too much pile up, or takes nothing for too long, is told so and
cut off; the rest of the hub does not notice. `SocketOutlet` writes ready-made WebSocket frames to our own
`Socket`; `PlainOutlet` serves behind any other ASGI server.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from aizuchi.server.pipe import Gone
from aizuchi.server.socket import SCOPE_KEY, Socket, head_of_text

log = logging.getLogger(__name__)

BEHIND: Final = 256 << 10
"""So many bytes waiting mean that a receiver is slower than its senders."""
TOO_SLOW: Final = 1013
"""Close code of a receiver that did not keep up."""
HANDSHAKE: Final = 10.0
"""Seconds for a handshake's answer to leave."""
Pieces = tuple[Any, ...]
"""A message as bytes-like pieces, in order."""


class Parcel:
    """Some messages, in order, for any number of receivers; put together once."""

    def __init__(self, messages: Sequence[Pieces]) -> None:
        self._messages = messages
        self._framed: bytes | None = None

    @property
    def framed(self) -> bytes:
        """All of them as WebSocket frames."""
        if self._framed is None:
            pieces: list[Any] = []
            for message in self._messages:
                pieces.append(head_of_text(sum(memoryview(piece).nbytes for piece in message)))
                pieces.extend(message)
            self._framed = b"".join(pieces)
        return self._framed

    @property
    def texts(self) -> list[str]:
        return [b"".join(message).decode() for message in self._messages]


def parcel(*messages: bytes) -> Parcel:
    return Parcel([(each,) for each in messages])


class Outlet(Protocol):
    """One connection's way out. All but `accept`, `receive` and `alive` are quick and never raise."""

    id: str
    """The client's id, as its welcome tells."""
    waiting: int
    """Bytes that wait for room."""
    behind: Callable[[int], None]
    """Told +1 when more than `BEHIND` bytes wait, and -1 when no longer."""

    async def accept(self, welcome: bytes) -> None:
        """Answer the handshake, then say welcome before anything else. Raises Gone."""
        ...

    async def receive(self) -> str | bytes:
        """The next message. Raises Gone."""
        ...

    async def alive(self, within: float) -> bool:
        """Whether the client shows within so many seconds that it is there."""
        ...

    def put(self, what: Parcel) -> None: ...

    def close(self, code: int, reason: str = "") -> None:
        """End the connection; what waits is lost, `receive` raises soon. May be called twice."""
        ...

    def abort(self) -> None:
        """End it without a word."""
        ...


class SocketOutlet:
    """Over our own socket. `most` is the bound; `stalled` None leaves a client that takes nothing to the
    pings."""

    def __init__(self, socket: Socket, websocket: WebSocket, most: int, stalled: float | None) -> None:
        self.id = str(uuid.uuid4())
        self.waiting = 0
        self.behind: Callable[[int], None] = lambda _change: None
        self._socket = socket
        self._websocket = websocket
        self._most = most
        self._stalled = stalled
        self._queue: deque[bytes] = deque()
        self._open = self._over = self._late = False
        self._moved_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def accept(self, welcome: bytes) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE):
                await self._websocket.accept()
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError) as error:
            raise Gone(1006, str(error)) from error
        self._socket.on_room = self._pour
        self._socket.pour(parcel(welcome).framed)
        self._open = True
        self._pour()

    async def receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            self._end()
            raise Gone(message.get("code") or 1005, message.get("reason") or "")
        text = message.get("text")
        return text if text is not None else message["bytes"]

    async def alive(self, within: float) -> bool:
        return await self._socket.alive(within)

    def put(self, what: Parcel) -> None:
        if self._over:
            return
        data = what.framed
        if self._open and not self._queue and self._socket.writable.is_set():
            self._socket.pour(data)
            return
        if self._queue and self.waiting + len(data) > self._most:
            self._cut(f"too slow: {self.waiting} bytes were waiting")
            return
        self._queue.append(data)
        self.waiting += len(data)
        if not self._late and self.waiting > BEHIND:
            self._late = True
            self.behind(+1)
        if self._timer is None and self._stalled is not None:
            loop = self._socket.loop
            self._moved_at = loop.time()
            self._timer = loop.call_later(self._stalled, self._look)

    def close(self, code: int, reason: str = "") -> None:
        self._end()
        self._socket.part(code, reason)

    def abort(self) -> None:
        self._end()
        self._socket.abort()

    def _pour(self) -> None:
        """The transport has room."""
        self._moved_at = self._socket.loop.time()
        while self._open and self._queue and self._socket.writable.is_set():
            data = self._queue.popleft()
            self.waiting -= len(data)
            self._socket.pour(data)
        if self._late and self.waiting <= BEHIND // 2:
            self._late = False
            self.behind(-1)

    def _look(self) -> None:
        """Whether it has taken something since the queue began to wait."""
        self._timer = None
        if self._over or not self._queue or self._stalled is None:
            return
        loop = self._socket.loop
        left = self._moved_at + self._stalled - loop.time()
        if left <= 0:
            self._cut(f"too slow: nothing was taken for {self._stalled:g} seconds")
        else:
            self._timer = loop.call_later(left, self._look)

    def _cut(self, why: str) -> None:
        log.warning("a client of the hub is cut off: %s", why, extra={"client": self.id})
        self.close(TOO_SLOW, why)

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._queue.clear()
        self.waiting = 0
        if self._late:
            self._late = False
            self.behind(-1)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class PlainOutlet:
    """Behind somebody else's server: `run` is to run as long as the connection does."""

    def __init__(self, websocket: WebSocket, most: int, stalled: float | None) -> None:
        self.id = str(uuid.uuid4())
        self.waiting = 0
        self.behind: Callable[[int], None] = lambda _change: None
        self._websocket = websocket
        self._most = most
        self._stalled = stalled
        self._queue: deque[str] = deque()
        self._more = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._over = self._late = False

    async def accept(self, welcome: bytes) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE):
                await self._websocket.accept()
                await self._websocket.send_text(welcome.decode())
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError) as error:
            raise Gone(1006, str(error)) from error

    async def receive(self) -> str | bytes:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self._over = True
            self._queue.clear()
            self._count(0)
            self._more.set()
            raise Gone(message.get("code") or 1005, message.get("reason") or "")
        text = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def alive(self, within: float) -> bool:
        return not self._over

    def put(self, what: Parcel) -> None:
        if self._over or self._closing is not None:
            return
        for text in what.texts:
            if self._queue and self.waiting + len(text) > self._most:
                self.close(TOO_SLOW, f"too slow: {self.waiting} bytes were waiting")
                return
            self._queue.append(text)
            self._count(self.waiting + len(text))
        self._more.set()

    def close(self, code: int, reason: str = "") -> None:
        if self._closing is None:
            self._closing = (code, reason)
            self._queue.clear()
            self._count(0)
            self._more.set()

    def abort(self) -> None:
        self.close(1011)

    async def run(self) -> None:
        """Send what is put, until the connection is over."""
        try:
            while not self._over:
                while self._queue:
                    async with asyncio.timeout(self._stalled):
                        await self._websocket.send_text(self._queue[0])
                    if self._queue:
                        self._count(self.waiting - len(self._queue.popleft()))
                if self._closing is not None:
                    async with asyncio.timeout(HANDSHAKE):
                        await self._websocket.close(*self._closing)
                    return
                self._more.clear()
                await self._more.wait()
        except TimeoutError:
            log.warning("a client of the hub is cut off: it takes nothing", extra={"client": self.id})
            raise Gone(TOO_SLOW, "too slow") from None
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            # The reader learns of it from its own side.
            log.debug("a client of the hub is gone: %s", error)
        finally:
            self._over = True

    def _count(self, waiting: int) -> None:
        self.waiting = waiting
        late = waiting > (BEHIND // 2 if self._late else BEHIND)
        if late != self._late:
            self._late = late
            self.behind(+1 if late else -1)


def outlet(websocket: WebSocket, most: int, stalled: float | None) -> SocketOutlet | PlainOutlet:
    socket = websocket.scope.get(SCOPE_KEY)
    if isinstance(socket, Socket):
        return SocketOutlet(socket, websocket, most, stalled)
    return PlainOutlet(websocket, most, stalled)
