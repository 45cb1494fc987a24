"""WebSockets to one vendor, opened ahead of need and used again.

Built on the `websockets` library, imported when the first connection is made. Errors are ProviderErrors
that name the host, never a key.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aizuchi.errors import ProviderError
from aizuchi.providers.openai import is_local, reason, trust

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

SENDING = 10.0
"""Seconds that a message may take to leave."""
LARGEST = 4 << 20
"""Bytes of one message, unless a provider says otherwise."""


class Gone(ProviderError):
    """The connection is no longer there."""


class Roused(Exception):
    """Somebody else has found out that no message is waited for any more."""


class Socket:
    """One connection."""

    def __init__(self, connection: ClientConnection, host: str) -> None:
        self.kept_at = 0.0
        self.purpose = ""
        """What it was made ready for; empty: for anything."""
        self.past: deque[str] = deque(maxlen=64)
        """What it has served, by the vendor's ids, so that late messages about it can be told."""
        self._connection = connection
        self._host = host
        self._limit: asyncio.Timeout | None = None
        """Of the `receive` that waits now."""
        self._roused = False

    @property
    def open(self) -> bool:
        return self._connection.state.name == "OPEN"

    @property
    def headers(self) -> dict[str, str]:
        """What the server said when it opened, by lower-case name."""
        response = self._connection.response
        return {name.lower(): value for name, value in response.headers.raw_items()} if response else {}

    async def send(self, message: str | bytes) -> None:
        """Raises Gone when the connection is closed or does not move; it is then cut."""
        from websockets.exceptions import ConnectionClosed

        try:
            async with asyncio.timeout(SENDING):
                await self._connection.send(message)
        except (ConnectionClosed, TimeoutError):
            self.cut()
            raise self._lost() from None

    async def receive(self, within: float) -> str | bytes:
        """The next message. Raises ProviderError when none comes in so many seconds, Roused after `rouse`."""
        from websockets.exceptions import ConnectionClosed

        self._roused = False
        try:
            async with asyncio.timeout(within) as self._limit:
                return await self._connection.recv()
        except ConnectionClosed:
            raise self._lost() from None
        except TimeoutError:
            if self._roused:
                raise Roused from None
            raise ProviderError(f"{self._host} said nothing for {within:g} s") from None
        finally:
            self._limit = None

    def rouse(self) -> None:
        """End the `receive` that waits now, if one does; no message is lost."""
        if self._limit is not None:
            self._roused = True
            self._limit.reschedule(0.0)

    async def skip(self) -> None:
        """Pass over what came while nobody asked."""
        from websockets.exceptions import ConnectionClosed

        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(0):
                while True:
                    await self._connection.recv()

    def cut(self) -> None:
        """Gone at once, without a goodbye that somebody would have to wait for."""
        self._connection.transport.abort()

    def _lost(self) -> Gone:
        return Gone(f"{self._host} closed the connection")


class Sockets:
    """The connections to one address. `refused` explains a 401.

    One may be kept `idle` seconds, and `most` of them at a time; None: as many as were needed at once.
    `own` makes the headers that each connection has for itself; `largest` bounds a message, in bytes.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        *,
        connect: float,
        idle: float,
        refused: str,
        verify_tls: bool = True,
        most: int | None = None,
        own: Callable[[], dict[str, str]] = dict,
        largest: int = LARGEST,
    ) -> None:
        self._url = url
        self._headers = headers
        self._connect_timeout = connect
        self._idle = idle
        self._refused = refused
        self._verify_tls = verify_tls
        self._most = most
        self._own = own
        self._largest = largest
        self._host = urlsplit(url).hostname or ""
        self._kept: list[Socket] = []
        self._warming = False

    async def take(self, purpose: str = "") -> tuple[Socket, bool]:
        """A connection for one task, and whether it is a new one. Raises ProviderError.

        The newest one that was kept for this purpose, else one for any, else a new one.
        """
        self._tidy()
        for wanted in dict.fromkeys((purpose, "")):
            for socket in reversed(self._kept):
                if socket.purpose == wanted:
                    self._kept.remove(socket)
                    return socket, False
        return await self._connect(), True

    def give_back(self, socket: Socket, *, reusable: bool, purpose: str = "") -> None:
        """After a task; what can't be used again is cut."""
        if reusable and socket.open:
            socket.kept_at = asyncio.get_running_loop().time()
            socket.purpose = purpose
            self._kept.append(socket)
            while self._most is not None and len(self._kept) > self._most:
                self._kept.pop(0).cut()
        else:
            socket.cut()

    async def warm(self) -> bool:
        """See that there is a spare for any purpose."""
        self._tidy()
        if not self._spare() and not self._warming:
            self._warming = True
            try:
                self.give_back(await self._connect(), reusable=True)
            except ProviderError:
                pass
            finally:
                self._warming = False
        return self._spare()

    def close(self) -> None:
        while self._kept:
            self._kept.pop().cut()

    def _spare(self) -> bool:
        return any(not socket.purpose for socket in self._kept)

    def _tidy(self) -> None:
        now = asyncio.get_running_loop().time()
        kept, self._kept = self._kept, []
        for socket in kept:
            if socket.open and now - socket.kept_at < self._idle:
                self._kept.append(socket)
            else:
                socket.cut()

    async def _connect(self) -> Socket:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        try:
            connection = await connect(
                self._url,
                additional_headers=self._headers | self._own(),
                user_agent_header=None,
                compression=None,  # sound does not get smaller, only later
                open_timeout=self._connect_timeout,
                close_timeout=1.0,
                max_size=self._largest,
                ssl=trust(True, self._verify_tls) if self._url.startswith("wss:") else None,
                proxy=None if is_local(self._host) else True,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            what = self._refused if status in (401, 403) else f"refused the connection (HTTP {status})"
            raise ProviderError(f"{self._host} {what}", retryable=status == 429 or status >= 500) from None
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise ProviderError(f"cannot reach {self._host}: {reason(error)}") from None
        return Socket(connection, self._host)
