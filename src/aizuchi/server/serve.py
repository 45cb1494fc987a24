"""From a house to a listening server, and from a signal to exit code 0.

Any number of ports lead to the same application; `listening` makes their sockets. A first SIGTERM or Ctrl-C
drains: no new sessions, running turns may end, clients are told, sessions are closed. A second one ends at
once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import socket
from collections.abc import Callable, Generator, Sequence
from typing import Any

import uvicorn

from aizuchi.server.app import make_app
from aizuchi.server.house import House
from aizuchi.server.http import Http
from aizuchi.server.listening import open_sockets, refuse_open, url, watch_signals
from aizuchi.server.mounts import Mounted, limits_of
from aizuchi.server.socket import socket_class
from aizuchi.server.tls import Tls

log = logging.getLogger(__name__)

DRAIN = 10.0
"""Seconds that running turns have to end after a first signal."""
GOODBYE = 3.0
"""Seconds that clients then have to take their last messages."""
HANDSHAKE = 10.0
"""Seconds that a client has for TLS on a connection that was handed over."""


async def serve(
    house: House,
    *,
    host: str = "127.0.0.1",
    port: int = 12393,
    listen: Sequence[tuple[str, int]] = (),
    tls: Tls | None = None,
    on_ready: Callable[[list[str]], None] | None = None,
    stop: asyncio.Event | None = None,
    drain: float = DRAIN,
    signals: bool = True,
    table: Sequence[Mounted] | None = None,
    own_process: bool = False,
) -> None:
    """Serve until a signal comes or `stop` is set. Returns after everything is closed.

    `listen` adds ports; a busy one of those only warns. `on_ready` gets the URLs, main one first, once
    connections are accepted. Port 0 takes a free one. Without `signals` Ctrl-C stays with the caller, who
    then ends by `stop`. `own_process` says that this process does nothing but serve: see `calm`. Raises
    ConfigError.
    """
    refuse_open(bool(house.tokens) or house.open, [host, *(each for each, _ in listen)])
    sockets = open_sockets(host, port, listen)
    urls = [url(each, tls is not None) for each in sockets]
    try:
        await run_server(
            house,
            sockets,
            table=table,
            tls=tls,
            on_started=lambda _server: on_ready(urls) if on_ready else None,
            stop=stop or asyncio.Event(),
            drain=drain,
            signals=signals,
            own_process=own_process,
        )
    finally:
        for each in sockets:
            each.close()


async def run_server(
    house: House,
    sockets: list[socket.socket],
    *,
    on_started: Callable[[Server], None],
    stop: asyncio.Event,
    table: Sequence[Mounted] | None = None,
    tls: Tls | None = None,
    drain: float = DRAIN,
    signals: bool = False,
    own_process: bool = False,
) -> None:
    """Enter the house and serve it on listening sockets; on none, if others hand connections over.

    `on_started` gets the server once connections are accepted; the rest is as in `serve`.
    """
    table = house.mounts if table is None else table
    config = uvicorn.Config(
        make_app(house, table),
        http=Http,
        ws=socket_class(limits_of(table)),
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(GOODBYE),
        ssl_certfile=str(tls.cert) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )
    # Before the house is entered, whose worker processes then want the same cores.
    config.load()
    if own_process:
        calm()
    async with house:
        server = Server(config, on_started)
        with watch_signals(stop, server.end_at_once) if signals else contextlib.nullcontext():
            await _run(house, server, sockets, stop, drain)


def calm() -> None:
    """Keep Python's garbage collector from stopping the event loop; for a process that only serves.

    What the start has made, some 90,000 objects, never becomes garbage. Each full collection looked through
    all of it nevertheless, and stopped every conversation for 74 to 138 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


async def _run(
    house: House, server: Server, sockets: list[socket.socket], stop: asyncio.Event, drain: float
) -> None:
    async def end() -> None:
        await stop.wait()
        if sockets:  # a worker has none of its own; who owns the port has said it for all
            log.info("shutting down; running turns have %.0f s to end", drain)
        draining = group.create_task(house.drain(drain))
        at_once = group.create_task(server.at_once.wait())
        await asyncio.wait({draining, at_once}, timeout=drain + GOODBYE, return_when=asyncio.FIRST_COMPLETED)
        draining.cancel()
        at_once.cancel()
        server.leave()

    async with asyncio.TaskGroup() as group:
        ending = group.create_task(end())
        await server.serve(sockets)
        ending.cancel()


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, with a word when it listens, and with an entrance."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[Server], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self.at_once = asyncio.Event()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop listening and return from `serve`."""
        self.should_exit = True
        self._leaving.set()

    def end_at_once(self) -> None:
        """Do not wait for anything any more."""
        self.force_exit = True
        self.at_once.set()

    async def adopt(self, connection: socket.socket) -> None:
        """Serve a connection that somebody else has accepted, as one of our own.

        Returns when the TLS handshake, if any, is done. Raises OSError.
        """
        make = functools.partial(
            self.config.http_protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        context = self.config.ssl
        more: dict[str, Any] = {} if context is None else {"ssl_handshake_timeout": HANDSHAKE}
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(make, connection, ssl=context, **more)

    async def main_loop(self) -> None:
        """Woken to leave and once a second for the Date header, where the base class looks ten times."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._leaving.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started(self)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
