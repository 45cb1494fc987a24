"""The few things a link needs of its connection, and the WebSocket that gives them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from aizuchi.ports import Frame
from aizuchi.server.socket import SCOPE_KEY, Socket


class Gone(Exception):
    """The connection is no more; `code` is its close code, `reason` why."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(reason or f"closed with {code}")
        self.code = code
        self.reason = reason


class Pipe(Protocol):
    """One connection, message by message. All methods raise Gone once it is over."""

    async def receive(self) -> Frame: ...

    async def room(self) -> None:
        """Return when the transport holds less than its high-water mark."""
        ...

    async def send(self, frame: Frame) -> None:
        """Hand one message to the transport; after `room()` this does not wait."""
        ...

    async def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None:
        """End it at once, unsent bytes included; `receive` then raises."""
        ...


class SocketPipe:
    """A `Pipe` over a WebSocket.

    On our own `Socket` waiting for room and writing are two steps, so that what is written is chosen
    after the wait; once accepted, messages pass between it and the pipe directly. Behind another server's
    protocol class `send` itself may wait; it is then held to the same time limit. A client that makes us
    wait longer than `drain_timeout` seconds is cut off.
    """

    def __init__(self, websocket: WebSocket, drain_timeout: float) -> None:
        self._websocket = websocket
        self._drain_timeout = drain_timeout
        self._socket: Socket | None = websocket.scope.get(SCOPE_KEY)
        self._over = False

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the handshake; before this nothing else may be called."""
        try:
            async with asyncio.timeout(self._drain_timeout):
                await self._websocket.accept(subprotocol)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError) as error:
            raise Gone(1006, str(error)) from error

    async def receive(self) -> Frame:
        if self._over:
            raise Gone
        message = await (self._websocket if self._socket is None else self._socket).receive()
        if message["type"] == "websocket.disconnect":
            self._over = True
            raise Gone(message.get("code") or 1005, message.get("reason") or "")
        text = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def room(self) -> None:
        if self._socket is None or self._socket.writable.is_set():
            return
        try:
            async with asyncio.timeout(self._drain_timeout):
                await self._socket.writable.wait()
        except TimeoutError:
            self.abort()
            raise Gone(1006, "slow") from None

    async def send(self, frame: Frame) -> None:
        if self._socket is not None and self._socket.writable.is_set():
            if not self._socket.give(frame):
                raise Gone
            return
        key = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", key: frame})

    async def close(self, code: int, reason: str) -> None:
        # A close frame's reason is at most 123 bytes.
        text = reason.encode()[:123].decode(errors="ignore")
        await self._send({"type": "websocket.close", "code": code, "reason": text})

    def abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    async def _send(self, message: dict[str, object]) -> None:
        if self._socket is not None and (self._socket.close_sent or self._socket.disconnected):
            raise Gone
        try:
            if self._socket is not None and self._socket.writable.is_set():
                await self._websocket.send(message)
            else:
                async with asyncio.timeout(self._drain_timeout):
                    await self._websocket.send(message)
        except TimeoutError:
            self.abort()
            raise Gone(1006, "slow") from None
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            # Servers tell a lost connection in all three ways; RuntimeError is "after close".
            raise Gone(1006, str(error)) from error
