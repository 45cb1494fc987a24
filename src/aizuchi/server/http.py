"""uvicorn's HTTP protocol with a limit on how long a request's head may take and how large it may be.

The base class waits for ever for a head that comes letter by letter, and collects one of any size. Both cost
a stranger nothing, before any token is asked for. What follows a head has limits of its own: a
WebSocket those of its wire, an answered connection uvicorn's keep-alive.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Http(HttpToolsProtocol):
    """One HTTP connection, which may become a WebSocket."""

    head_timeout: ClassVar[float] = 10.0
    """Seconds from the connection, or from a later request's first byte, to the end of the head."""
    head_bytes: ClassVar[int] = 64 << 10

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_body = False
        self._head = 0
        self._late: asyncio.TimerHandle | None = None
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._late is None and self._answered:
            self._expect_head()
        if not self._in_body:
            self._head += len(data)
        super().data_received(data)
        if self._head > self.head_bytes and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._head_came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    @property
    def _answered(self) -> bool:
        """Nothing is being answered, so what comes belongs to a new head, or to a body nobody wants."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.head_timeout, self._give_up)

    def _head_came(self) -> None:
        self._head = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()
