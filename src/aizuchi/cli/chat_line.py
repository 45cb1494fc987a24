"""A connection to a ChatAnon server: JSON messages one by one, and what the server says of itself."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

CONNECTING: Final = 15.0
"""Seconds for the handshake, and again for the answer to `connect`."""
ASKING: Final = 3.0
LARGEST: Final = 16 << 20
"""Bytes of a message that are taken."""


class Gone(Exception):
    """There is no connection; the text says why, for people."""


class Line:
    """One connection. `trace` is shown every message, both ways, without sound and token."""

    def __init__(self, socket: ClientConnection, trace: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._socket = socket
        self._trace = trace

    async def send(self, type_: str, /, **fields: Any) -> None:
        """Raises Gone."""
        message = {"type": type_, **fields}
        self._trace(">", message)
        try:
            await self._socket.send(json.dumps(message))
        except ConnectionClosed as error:
            raise Gone(_why(error)) from error

    async def receive(self) -> dict[str, Any]:
        """The next message that is an object. Raises Gone."""
        while True:
            try:
                # The library's pings find a connection that is dead.
                frame = await self._socket.recv()
            except ConnectionClosed as error:
                raise Gone(_why(error)) from error
            try:
                message: Any = json.loads(frame)
            except ValueError:
                continue
            if isinstance(message, dict):
                told = cast("dict[str, Any]", message)
                self._trace("<", told)
                if told.get("type") != "ping":
                    return told
                await self.send("pong")


def _why(error: ConnectionClosed) -> str:
    closed = error.rcvd
    if closed is None:
        return "the connection was lost"
    return f"{closed.reason} ({closed.code})" if closed.reason else f"closed with {closed.code}"


def address(text: str) -> str:
    """A WebSocket URL from what people write: a host, an HTTP address, or the whole of it."""
    parts = urlsplit(text if "://" in text else f"ws://{text}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit(
        (scheme, parts.netloc, "/ws" if parts.path in ("", "/") else parts.path, parts.query, "")
    )


def site(url: str) -> str:
    """The HTTP origin of a WebSocket URL."""
    parts = urlsplit(url)
    return f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}"


@asynccontextmanager
async def line(
    url: str,
    token: str,
    character: str,
    *,
    verify: bool | Path,
    trace: Callable[[str, Mapping[str, Any]], None],
) -> AsyncIterator[tuple[Line, dict[str, Any]]]:
    """Connect and say who we are; yields the line and the server's first answer. Raises Gone."""
    settings: dict[str, Any] = {"max_size": LARGEST, "open_timeout": CONNECTING, "close_timeout": 3.0}
    # As a page of the same server: ours then sends each sentence's text with its first sound.
    settings["additional_headers"] = {"Origin": site(url)}
    settings["proxy"] = None if is_local(url) else True
    if url.startswith("wss:"):
        settings["ssl"] = trust(verify)
    try:
        socket = await connect(url, **settings)
    except TimeoutError as error:
        raise Gone(f"no answer within {CONNECTING:g} s") from error
    except (OSError, InvalidURI, InvalidHandshake, EOFError) as error:
        raise Gone(str(error) or type(error).__name__) from error
    try:
        made = Line(socket, trace)
        hello = {"type": "connect", "api_token": token, "character_name": character}
        trace(">", hello | {"api_token": "***"})
        try:
            async with asyncio.timeout(CONNECTING):
                await socket.send(json.dumps(hello))
                first = await made.receive()
        except TimeoutError as error:
            raise Gone(f"no answer within {CONNECTING:g} s") from error
        except ConnectionClosed as error:
            raise Gone(_why(error)) from error
        yield made, first
    finally:
        await socket.close()


def is_local(url: str) -> bool:
    from aizuchi.server.origin import is_loopback

    return is_loopback(urlsplit(url).hostname)


def trust(verify: bool | Path) -> ssl.SSLContext:
    """`verify`: the usual authorities, one certificate, or anybody."""
    if isinstance(verify, Path):
        return ssl.create_default_context(cafile=str(verify))
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def stops_when_spoken_over(url: str, *, verify: bool | Path) -> bool:
    """Whether the server hears the user while it replies, as ours does: `/health` tells it by what it says.

    The protocol has no word for it. Servers that say nothing are taken for those that are deaf meanwhile.
    """
    import httpx

    check = trust(verify) if url.startswith("wss:") else True
    try:
        async with httpx.AsyncClient(verify=check, timeout=ASKING, trust_env=not is_local(url)) as http:
            told: Any = (await http.get(site(url) + "/health")).json()
    except (httpx.HTTPError, ValueError, OSError):
        return False
    return isinstance(told, dict) and {"version", "providers", "languages"} <= set(
        cast("dict[str, Any]", told)
    )
