"""From a house to a listening server, and from a signal to exit code 0.

The sockets are made first, so that a port in use is one clear sentence and costs nothing. Any number of
ports lead to the same application. A first SIGTERM or Ctrl-C drains: no new sessions, running turns may
end, clients are told, sessions are closed. A second one ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from types import FrameType
from typing import Any

import uvicorn

from aizuchi.errors import ConfigError
from aizuchi.server.app import Mount, limits_of, make_app, mounts
from aizuchi.server.house import House
from aizuchi.server.http import Http
from aizuchi.server.origin import is_loopback
from aizuchi.server.socket import socket_class
from aizuchi.server.tls import Tls

log = logging.getLogger(__name__)

DRAIN = 10.0
"""Seconds that running turns have to end after a first signal."""
GOODBYE = 3.0
"""Seconds that clients then have to take their last messages."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed, else None for asyncio's own; for `asyncio.Runner`."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


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
    table: Sequence[Mount] | None = None,
    own_process: bool = False,
) -> None:
    """Serve until a signal comes or `stop` is set. Returns after everything is closed.

    `listen` adds ports; a busy one of those only warns. `on_ready` gets the URLs, main one first, once
    connections are accepted. Port 0 takes a free one. Without `signals` Ctrl-C stays with the caller, who
    then ends by `stop`. `own_process` says that this process does nothing but serve: see `calm`. Raises
    ConfigError.
    """
    _refuse_open_house(house, [host, *(each for each, _ in listen)])
    table = mounts() if table is None else table
    sockets = open_sockets(host, port, listen)
    stop = stop or asyncio.Event()
    try:
        urls = [url(each, tls is not None) for each in sockets]
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
            server = _Server(config, lambda: on_ready(urls) if on_ready else None)
            with _signals(stop, server) if signals else contextlib.nullcontext():
                await _run(house, server, sockets, stop, drain)
    finally:
        for each in sockets:
            each.close()


def calm() -> None:
    """Keep Python's garbage collector from stopping the event loop; for a process that only serves.

    What the start has made, some 90,000 objects, never becomes garbage. Each full collection looked through
    all of it nevertheless, and stopped every conversation for 74 to 138 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


async def _run(
    house: House, server: _Server, sockets: list[socket.socket], stop: asyncio.Event, drain: float
) -> None:
    async def end() -> None:
        await stop.wait()
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


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with a word when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self.at_once = asyncio.Event()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop listening and return from `serve`."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Woken to leave and once a second for the Date header, where the base class looks ten times."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._leaving.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.contextmanager
def _signals(stop: asyncio.Event, server: _Server) -> Generator[None, None, None]:
    """First signal: `stop`. Second: at once. In another thread than the main one there are no signals.

    `signal.signal` and not the event loop's own handlers, which Windows lacks.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    seen = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            server.force_exit = True
            loop.call_soon_threadsafe(server.at_once.set)
        loop.call_soon_threadsafe(stop.set)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before: dict[int, Any] = {each: signal.signal(each, handle) for each in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# -- sockets


def _refuse_open_house(house: House, hosts: Sequence[str]) -> None:
    beyond = [each for each in hosts if not is_loopback(each)]
    if beyond and not house.tokens and not house.open:
        raise ConfigError(
            f"the server would be reachable from other machines at {beyond[0] or 'every address'} without any"
            " token; set server.tokens, or say --open if everybody may talk to it",
            zh=f"其他机器将能通过 {beyond[0] or '所有地址'} 访问本服务器，却没有任何令牌；"
            "请设置 server.tokens，若任何人都可以对话，则加上 --open",
        )


def open_sockets(host: str, port: int, listen: Sequence[tuple[str, int]] = ()) -> list[socket.socket]:
    """Listening sockets, the main one first. Raises ConfigError if that one can't be had."""
    try:
        sockets = [_bind(host, port)]
    except OSError as error:
        raise ConfigError(
            f"the server can't listen on {host or '*'} port {port}: {_why(error)}; stop the other program, or"
            " choose another port with --port (0 takes a free one)",
            zh=f"无法监听 {host or '*'} 的端口 {port}：{_why(error, zh=True)}；请停掉占用它的程序，"
            "或用 --port 换一个端口（0 表示任选空闲端口）",
        ) from error
    for each, number in listen:
        try:
            sockets.append(_bind(each, number))
        except OSError as error:
            log.warning("port %d of %s is left out: %s", number, each or "*", _why(error))
    return sockets


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise OSError(f"{port} is no port number")
    info = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(info[0], info[1], info[2])
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two servers share a port.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(info[4])
        made.listen(1024)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _why(error: OSError, *, zh: bool = False) -> str:
    import errno

    words = {
        errno.EADDRINUSE: ("it is in use", "已被占用"),
        errno.EACCES: ("it may not be used without more rights", "权限不足"),
        errno.EADDRNOTAVAIL: ("this machine has no such address", "本机没有这个地址"),
    }
    known = words.get(error.errno or 0)
    return known[zh] if known else error.strerror or str(error)


def url(listening: socket.socket, tls: bool) -> str:
    """Where a browser finds a listening socket; the wildcard addresses are told as loopback."""
    bound, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, str(bound))
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{name}:{port}/"
