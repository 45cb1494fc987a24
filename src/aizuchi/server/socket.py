"""uvicorn's WebSocket protocol with manners of its own for every route.

One port serves protocols that want different things of a socket: some devices choke on pings, some
answer them late, some send big pictures. A wire states its `LIMITS`; the table path -> limits is given to
`socket_class`, whose result goes to uvicorn's `Config(ws=...)`. What the base class does with one set
of numbers for the whole server is done here once the request's path is known.

Four habits of the base class are changed for every route, because a client may be gone without
saying so, or be up to no good: whatever closes is aborted after `close_timeout` even while unsent bytes
wait, an oversized message is read away so that its sender gets the close frame instead of a reset, text
that is none closes the connection without a traceback in the log, and no compression.

Two more are changed because of what a hundred people who talk cost. The base class stops reading after each
message until it is taken, two calls of the system for every 20 ms of sound; here reading stops only when
`UNTAKEN` bytes or messages wait. And after the handshake `give` writes a message at once, without the
layers of an application in between; only a hand-over that need not wait can be that short.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio.transports import BaseTransport
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from aizuchi.ports import Frame, Limits
from aizuchi.server.paths import find

SCOPE_KEY = "aizuchi.socket"
"""Where a connection's ASGI scope holds its `Socket`."""
UNTAKEN: Final = (64 << 10, 32)
"""Bytes and messages that may wait for the link before the socket is read no further."""
_SHORT: Final = struct.Struct(">BB")
_LONGER: Final = struct.Struct(">BBH")
_LONGEST: Final = struct.Struct(">BBQ")
_TEXT: Final = 0x81
_BINARY: Final = 0x82


def head_of_text(size: int) -> bytes:
    """What stands before a whole text message of so many bytes."""
    return _head(_TEXT, size)


def _head(kind: int, size: int) -> bytes:
    if size < 126:
        return _SHORT.pack(kind, size)
    if size < 1 << 16:
        return _LONGER.pack(kind, 126, size)
    return _LONGEST.pack(kind, 127, size)


class Socket(WebSocketsSansIOProtocol):
    """One WebSocket connection; its limits are those of its path.

    A segment of a path in the table may be a `{name}`; see `paths`.
    """

    manners: ClassVar[Mapping[str, Limits]] = {}
    otherwise: ClassVar[Limits] = Limits()

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self._discarding = False
        self._untaken = 0
        self.on_room: Callable[[], None] | None = None
        """Called when the transport has taken enough to be given more."""
        self._heard: asyncio.Event | None = None
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle_connect(self, event: Any) -> None:
        path = event.path.partition("?")[0]
        limits = find(self.manners, path) or self.otherwise
        self.conn.max_message_size = limits.max_message
        # Also where the server was started by somebody who left compression on.
        self.conn.available_extensions = []
        self.ping_interval = limits.ping_interval
        self.ping_timeout = limits.ping_timeout
        self.close_timeout = limits.close_timeout
        self.transport.set_write_buffer_limits(high=limits.high_water)
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.send_buffer)
        super().handle_connect(event)
        if self.response.status_code == 101:
            # The application's task starts later than this line, so it always finds the key.
            self.scope[SCOPE_KEY] = self  # type: ignore[typeddict-unknown-key]

    @property
    def waiting(self) -> int:
        """Bytes given to the transport that the system has not taken yet."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """End the connection at once; what waits unsent is lost."""
        self.transport.abort()

    # -- closing, also when the other side no longer reads

    def _abort_later(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None
        if not self.disconnected:
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self._abort_later()
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            # Refused with a status of the application's own, which the base class takes for no answer.
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_later()

    def part(self, code: int, reason: str) -> None:
        """Close without waiting for room; what the transport still holds has `close_timeout` to leave."""
        if self.close_sent or self.disconnected or self.conn.state is not State.OPEN:
            return
        # A close frame's reason is at most 123 bytes.
        reason = reason.encode()[:123].decode(errors="ignore")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._abort_later()

    def data_received(self, data: bytes) -> None:
        if self._heard is not None:
            self._heard.set()
        if not self._discarding:
            super().data_received(data)

    def send_receive_event_to_app(self) -> None:
        """Text that is no UTF-8 closes with 1007, as in the base class, which also logs a traceback."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
            self.frames = [data]  # type: ignore[list-item]
            try:
                str(data, "utf-8")
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007, "text that is no UTF-8")
                self.handle_parser_exception()
                return
        if self.close_sent:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        message: Any = {"type": "websocket.receive"}
        if self.curr_msg_data_type == "text":
            message["text"] = str(data, "utf-8")
        else:
            message["bytes"] = bytes(data)
        self._untaken += len(data)
        self.queue.put_nowait(message)
        if not self.read_paused and (self._untaken > UNTAKEN[0] or self.queue.qsize() > UNTAKEN[1]):
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> Any:
        """The next message or event of the connection, as ASGI names them."""
        message: Any = await self.queue.get()
        if self.queue.empty():
            self._untaken = 0
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
        return message

    def give(self, frame: Frame) -> bool:
        """Write one message now; False when the connection takes none any more."""
        if self.close_sent or self.disconnected or self.conn.state is not State.OPEN:
            return False
        kind, data = (_TEXT, frame.encode()) if isinstance(frame, str) else (_BINARY, frame)
        self.transport.write(_head(kind, len(data)) + data)
        return True

    def pour(self, frames: bytes) -> None:
        """Write whole frames that somebody has put together for many sockets; `head_of_text` begins each."""
        if not self.close_sent and self.conn.state is State.OPEN:
            self.transport.write(frames)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_room is not None:
            self.on_room()

    async def alive(self, within: float) -> bool:
        """Ping, and see whether anything at all comes within so many seconds."""
        if self.close_sent or self.disconnected or self.conn.state is not State.OPEN:
            return False
        if self.read_paused:
            # It says more than we can take.
            return True
        heard = self._heard
        if heard is None:
            heard = self._heard = asyncio.Event()
            self.conn.send_ping(b"alive?")
            self.transport.write(b"".join(self.conn.data_to_send()))
        try:
            async with asyncio.timeout(within):
                await heard.wait()
        except TimeoutError:
            return False
        finally:
            if self._heard is heard:
                self._heard = None
        return not self.disconnected

    def handle_parser_exception(self) -> None:
        """Say goodbye, then read on without listening.

        Closing a socket with unread bytes resets it, and a client still busy sending its oversized
        message would never see why.
        """
        assert self.conn.close_sent is not None
        closed = self.conn.close_sent
        self.queue.put_nowait({"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason})
        self._discarding = self.close_sent = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._abort_later()


def socket_class(limits: Mapping[str, Limits]) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `Config(ws=...)`; paths not in the table get `Limits()`."""
    return type("RoutedSocket", (Socket,), {"manners": dict(limits)})
