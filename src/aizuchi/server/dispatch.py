"""Accepting connections for others: look at a request's head, choose a worker, hand the socket over.

The head is only peeked at, so that the worker finds every byte where it belongs; nothing is answered here.
A head that is too slow ends its connection, one that is too large is routed by its beginning and judged by
the worker, garbage goes to any worker, which answers as always.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aizuchi.ports import Shard
from aizuchi.server.routing import Key, by_address, complete, keys

log = logging.getLogger(__name__)

HEAD: Final = 16 << 10
"""Bytes of a head that are looked at."""
SLOW: Final = 5.0
"""Seconds from the connection to the end of its head, and to a worker that takes it."""
WAITING: Final = 1_000
"""Connections whose head may be missing; beyond it the oldest is dropped."""
AT_ONCE: Final = 64
"""Connections accepted before anything else has its turn."""
PAUSE: Final = 0.5
"""Seconds without accepting when the system has no more sockets."""
SOONEST, LATEST = 0.005, 0.1
"""Seconds until an incomplete head is looked at again: a socket with unread bytes would wake us for ever."""


@dataclass(eq=False, slots=True)
class Caller:
    """A connection that no worker has yet."""

    connection: socket.socket
    until: float
    again: float = SOONEST
    timer: asyncio.TimerHandle | None = None
    watched: bool = False


class Door:
    """Accepts on `sockets` from `open` to `close`.

    `pick(keys)` names a worker or None, `give(worker, connection)` hands it over: False when that worker
    takes nothing just now; then it is tried again. With `tls` heads can't be read and the client's address
    is the key, unless no wire is keyed by anything that outlasts a connection.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        pick: Callable[[Sequence[Key]], int | None],
        give: Callable[[int, socket.socket], bool],
        *,
        tls: bool = False,
        slow: float = SLOW,
        waiting: int = WAITING,
    ) -> None:
        self._sockets = tuple(sockets)
        self._pick = pick
        self._give = give
        self._tls = tls
        self._slow = slow
        self._most = waiting
        self._callers: dict[Caller, None] = {}
        self._pauses: list[asyncio.TimerHandle] = []
        self._loop: asyncio.AbstractEventLoop
        self._shards: Mapping[str, Shard] = {}
        self._by_address = False

    def open(self, shards: Mapping[str, Shard]) -> None:
        """Begin to accept. `shards` tells how each path's connections find their worker."""
        self._shards = shards
        self._by_address = any(
            each.pinned or each.room or each.headers or set(each.query) - {"session"}
            for each in shards.values()
        )
        if sys.platform == "win32":
            raise NotImplementedError("sockets can't be handed over here")
        self._loop = asyncio.get_running_loop()
        for each in self._sockets:
            self._loop.add_reader(each, self._accept, each)

    def close(self) -> None:
        """Accept no more; those who wait are dropped. The listening sockets stay open."""
        if sys.platform == "win32":
            raise NotImplementedError("sockets can't be handed over here")
        for pause in self._pauses:
            pause.cancel()
        for each in self._sockets:
            self._loop.remove_reader(each)
        for caller in tuple(self._callers):
            self._drop(caller)

    @property
    def waiting(self) -> int:
        """Connections that no worker has yet."""
        return len(self._callers)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._exhausted(listening, error)
                return
            connection.setblocking(False)
            caller = Caller(connection, self._loop.time() + self._slow)
            self._callers[caller] = None
            if len(self._callers) > self._most:
                self._drop(next(iter(self._callers)))
            self._look(caller)

    def _exhausted(self, listening: socket.socket, error: OSError) -> None:
        """As asyncio's own server does: without it the ready socket would wake us for ever."""
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            raise error
        log.error("no more connections can be accepted now: %s", error)
        if sys.platform == "win32":
            raise error
        self._loop.remove_reader(listening)
        add = self._loop.add_reader
        self._pauses = [each for each in self._pauses if each.when() > self._loop.time()]
        self._pauses.append(self._loop.call_later(PAUSE, add, listening, self._accept, listening))

    def _look(self, caller: Caller) -> None:
        """Route a connection if its head is there; else look again later."""
        if caller not in self._callers:
            return
        self._unwatch(caller)
        found: tuple[Key, ...] = ()
        if self._tls:
            if self._by_address:
                found = by_address(_address_of(caller.connection))
        else:
            try:
                head = caller.connection.recv(HEAD, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                self._watch(caller)
                return
            except OSError:
                self._drop(caller)
                return
            if not head:
                # They hung up before they had said anything.
                self._drop(caller)
                return
            if len(head) < HEAD and not complete(head):
                self._later(caller)
                return
            found = keys(head, self._shards)
        worker = self._pick(found)
        if worker is None or not self._give(worker, caller.connection):
            self._later(caller)
            return
        self._drop(caller)

    def _watch(self, caller: Caller) -> None:
        """Nothing has come yet: wait for the first byte."""
        if sys.platform == "win32":
            raise NotImplementedError("sockets can't be handed over here")
        self._loop.add_reader(caller.connection, self._look, caller)
        caller.watched = True
        caller.timer = self._loop.call_at(caller.until, self._drop, caller)

    def _later(self, caller: Caller) -> None:
        now = self._loop.time()
        if now >= caller.until:
            self._drop(caller)
            return
        caller.timer = self._loop.call_at(min(now + caller.again, caller.until), self._look, caller)
        caller.again = min(2 * caller.again, LATEST)

    def _unwatch(self, caller: Caller) -> None:
        if sys.platform == "win32":
            raise NotImplementedError("sockets can't be handed over here")
        if caller.timer is not None:
            caller.timer.cancel()
            caller.timer = None
        if caller.watched:
            self._loop.remove_reader(caller.connection)
            caller.watched = False

    def _drop(self, caller: Caller) -> None:
        """Let go of our copy of the socket; where a worker has another the connection goes on."""
        if self._callers.pop(caller, False) is None:
            self._unwatch(caller)
            caller.connection.close()


def _address_of(connection: socket.socket) -> str:
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return ""
