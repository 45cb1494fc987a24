"""The sockets a server listens on, and the signals that end it; needs nothing of what is served.

The sockets are made first, so that a port in use is one clear sentence and costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from types import FrameType
from typing import Any

from aizuchi.errors import ConfigError
from aizuchi.server.origin import is_loopback

log = logging.getLogger(__name__)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed, else None for asyncio's own; for `asyncio.Runner`."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def watch_signals(stop: asyncio.Event, second: Callable[[], None]) -> Generator[None, None, None]:
    """First signal: `stop`. Second: also `second`. In another thread than the main one there are no signals.

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
            loop.call_soon_threadsafe(second)
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


def refuse_open(guarded: bool, hosts: Sequence[str]) -> None:
    """Other machines only where there are tokens or everybody may come (`guarded`). Raises ConfigError."""
    beyond = [each for each in hosts if not is_loopback(each)]
    if beyond and not guarded:
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
