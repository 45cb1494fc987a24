"""One worker of several: a house whose connections come from the process that owns the port.

What that process says is in `crew.py`. Signals mean nothing here: it forwards them, so that each of them
counts once. If it is gone, so is the port, and the worker drains and ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from aizuchi.errors import ConfigError
from aizuchi.server.channel import Channel
from aizuchi.server.console.live import told
from aizuchi.server.house import House
from aizuchi.server.ledger import FREED, Remote
from aizuchi.server.mounts import Mounted, shards_of
from aizuchi.server.serve import Server, run_server
from aizuchi.server.siblings import Crewmates
from aizuchi.server.tls import Tls

log = logging.getLogger(__name__)

REPORT: Final = 0.25
"""Seconds between two looks at how busy we are."""
AT_ONCE: Final = 64
"""Connections taken before anything else has its turn."""


class Worker:
    """Made in a child process from what its command line says; `run` serves until it is told to end.

    The house is to be built with its `ledger` and `siblings`.
    """

    def __init__(self, task: Mapping[str, Any]) -> None:
        """`task`: slot, workers, and the inherited descriptors control and doors."""
        self.slot = int(task["slot"])
        self.count = int(task["workers"])
        self._control = socket.socket(fileno=int(task["control"]))
        self._doors = socket.socket(fileno=int(task["doors"]))
        for each in (self._control, self._doors):
            each.set_inheritable(False)
        self._channel = Channel(self._hear, self._answer)
        self.ledger = Remote(self._channel.ask, self._channel.tell)
        self.siblings = Crewmates(self._channel, self.slot)
        self._taken = 0
        self._told: tuple[int, int, int] | None = None
        self._stop: asyncio.Event
        self._house: House
        self._server: Server | None = None
        self._group: asyncio.TaskGroup

    def failed(self, error: ConfigError) -> None:
        """Tell why there will be no worker; before `run`, and blocking."""
        message = {"tell": "failed", "text": str(error), "zh": error.zh}
        self._control.settimeout(5.0)
        try:
            self._control.sendall(json.dumps(message).encode() + b"\n")
        except OSError as problem:
            log.error("%s (%s)", error, problem)

    async def run(
        self,
        house: House,
        *,
        tls: Tls | None = None,
        drain: float,
        table: Sequence[Mounted] | None = None,
        lines: Callable[[], list[str]] = list,
        own_process: bool = True,
    ) -> int:
        """Serve until told to end; the exit code, 2 where the user must mend something.

        `lines` is what the first worker says for all when it is ready.
        """
        self._house = house
        table = house.mounts if table is None else table
        self._stop = asyncio.Event()
        self._control.setblocking(False)
        self._doors.setblocking(False)
        code = 0
        async with asyncio.TaskGroup() as self._group:
            listening = self._group.create_task(self._listen())
            reporting = self._group.create_task(self._report())

            def started(server: Server) -> None:
                self._server = server
                self._open()
                self._channel.tell(
                    "ready",
                    lines=lines() if self.slot == 0 else [],
                    shards={path: asdict(each) for path, each in shards_of(table).items()},
                )

            try:
                await run_server(
                    house,
                    [],
                    table=table,
                    tls=tls,
                    on_started=started,
                    stop=self._stop,
                    drain=drain,
                    own_process=own_process,
                )
            except ConfigError as error:
                self._channel.tell("failed", text=str(error), zh=error.zh)
                code = 2
            finally:
                self._close()
                reporting.cancel()
                listening.cancel()
        return code

    async def _listen(self) -> None:
        await self._channel.run(self._control)
        log.info("the process that started this worker is gone")
        self._stop.set()

    # -- connections

    def _open(self) -> None:
        if sys.platform != "win32":
            asyncio.get_running_loop().add_reader(self._doors, self._take)

    def _close(self) -> None:
        if sys.platform != "win32":
            asyncio.get_running_loop().remove_reader(self._doors)
        self._doors.close()

    def _take(self) -> None:
        """Connections have been handed to us."""
        if not hasattr(socket, "recv_fds"):
            return
        for _ in range(AT_ONCE):
            try:
                data, descriptors, _flags, _address = socket.recv_fds(self._doors, 1, 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.error("a connection could not be taken: %s", error)
                data, descriptors = b"", []
            if not data:
                if sys.platform != "win32":
                    asyncio.get_running_loop().remove_reader(self._doors)
                return
            self._taken += 1
            for each in descriptors:
                os.set_inheritable(each, False)
                self._group.create_task(self._adopt(socket.socket(fileno=each)))

    async def _adopt(self, connection: socket.socket) -> None:
        assert self._server is not None
        try:
            await self._server.adopt(connection)
        except OSError as error:
            log.debug("a connection did not get as far as a request: %s", error)
            connection.close()

    # -- what is said

    async def _report(self) -> None:
        while True:
            if self._server is not None:
                talking = sum(live.session.state != "idle" for live in self._house.sessions)
                load = (len(self._server.server_state.connections), talking, self._taken)
                if load != self._told:
                    self._told = load
                    connections, _, taken = load
                    self._channel.tell("load", connections=connections, talking=talking, taken=taken)
            await asyncio.sleep(REPORT)

    def _hear(self, what: str, fields: dict[str, Any]) -> None:
        match what, fields:
            case "drain", _:
                self._stop.set()
            case "now", _:
                self._stop.set()
                if self._server is not None:
                    self._server.end_at_once()
            case str(each), {"kind": str(kind), "key": str(key)} if each == FREED:
                self.ledger.freed(kind, key)
            case _:
                log.error("%r was said to this worker, which does not understand it", what)

    async def _answer(self, what: str, fields: dict[str, Any]) -> dict[str, Any]:
        house = self._house
        match what, fields:
            case "let_go", {"session": str(session), "resume_token": str(token), "person": str(person)}:
                return {"gone": await house.sessions.let_go(session, token, person)}
            case "replaced", {"key": str(key), "link": str(link)}:
                house.sessions.replaced(key, link)
                return {}
            case "make_room", _:
                return {"made": house.sessions.end_oldest_parked()}
            case "tell_me", {"about": "health"}:
                return {"health": house.health()}
            case "tell_me", {"about": "sessions"}:
                return {"sessions": house.about_sessions()}
            case "tell_me", {"about": "console"}:
                return {"console": told(house)}
            case "tell_me", {"about": "reload"}:
                return await house.console.reload() if house.console is not None else {}
            case "tell_me", {"about": "metrics"}:
                return {"metrics": house.parcel() if house.parcel is not None else {}}
            case _:
                raise ValueError(f"{what!r} is no question")


def deaf_to_signals() -> None:
    """The process that owns the port decides when we end. Call it first, in the child's main thread."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
