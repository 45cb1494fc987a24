"""A server to talk with: the one that runs at a URL, or one of our own for as long as the talk lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aizuchi.errors import ConfigError

if TYPE_CHECKING:
    from aizuchi.config import Loaded

READY: Final = 60.0
"""Seconds a server may take to load what it needs."""
KNOCK: Final = 1.0
"""Seconds to find out whether anybody listens at an address of this machine."""
ELSEWHERE: Final = 5.0


def is_here(url: str) -> bool:
    """The URL names this machine."""
    from aizuchi.server.origin import is_loopback

    return is_loopback(urlsplit(url).hostname)


async def listens(url: str) -> bool:
    """Somebody accepts connections at the URL's host and port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    try:
        async with asyncio.timeout(KNOCK if is_here(url) else ELSEWHERE):
            _reader, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def with_own_server(loaded: Loaded, body: Callable[[str], Awaitable[int]]) -> int:
    """Run a server on a free port of loopback while `body(url)` runs; returns what that returned.

    Raises ConfigError as `serve` does. Must run in the main task of the main thread for its signals.
    """
    from aizuchi import build
    from aizuchi.server.logs import configure
    from aizuchi.server.serve import serve

    configure("error", "console")
    house = build.house(loaded)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    code = 1

    def listening(urls: Sequence[str]) -> None:
        if not ready.done():
            ready.set_result(urls[0])

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve(house, host="127.0.0.1", port=0, on_ready=listening, stop=stop, drain=0.0)
            )
            try:
                async with asyncio.timeout(READY):
                    url = await ready
                code = await body(url)
            finally:
                stop.set()
    except* ConfigError as group_of_one:
        first = group_of_one.exceptions[0]
        raise ConfigError(str(first), zh=getattr(first, "zh", "")) from group_of_one
    return code
