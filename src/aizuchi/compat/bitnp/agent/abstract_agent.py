"""`Agent`: a client of a bitnp relay that holds a name and answers events.

It survives what it should: events of any shape, handlers that fail, and a connection that is lost, which it
makes anew.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from aizuchi.compat.bitnp.calling import Handler, call, guarded, guarded_call, name_of, registrar
from aizuchi.providers.openai import is_local

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)

EventData = dict[str, Any]
TimeStampISO = str

LOOP_PAUSE: Final = 0.1
"""Seconds between two calls of a loop function, and 1 after one that failed."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds before a lost connection is made anew: the first, doubled up to the longest."""
CONNECT: Final = 10.0
SENDING: Final = 30.0
LARGEST: Final = 16 << 20
"""Bytes of a message from the relay, as much as it takes itself."""
AT_ONCE: Final = 1_000
"""Handlers at work; beyond it messages wait in the connection."""
FAREWELL: Final = 1000
"""A connection that the relay closes with this is over, on purpose."""


class Agent:
    """`server_url` is `host:port`, `http(s)://...` or `ws(s)://...`.

    Make one and register handlers on it, or derive from it and do so in `__init__`.
    """

    reconnect: bool = True
    """Make a lost connection anew. The first one is tried once, and its error rises from `run`."""

    def __init__(self, server_url: str, agent_name: str) -> None:
        self.server_url = websocket_url(server_url)
        self.agent_name = agent_name
        self.ws: ClientConnection | None = None
        """The connection; None while there is none."""
        self._event_handlers: dict[str, list[Callable[..., Any]]] = {}
        self._loop_funcs: list[Callable[..., Any]] = []
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._over = False

    def on(self, event_type: str) -> Callable[[Handler], Handler]:
        """Decorator: `func(agent, time_iso, event_data)` for each event of that type from a page.

        An async function runs as a task of its own, a plain one at once. The type "loop" is never dispatched.
        """
        return registrar(self._event_handlers, event_type)

    def loop(self, func: Handler) -> Handler:
        """Decorator: `func(agent)`, plain or async, is called about every 0.1 s while the agent runs."""
        self._loop_funcs.append(func)
        return func

    async def emit(self, event_data: EventData) -> None:
        """Send an event to all pages of this name. Without a connection nothing happens."""
        from websockets.exceptions import ConnectionClosed

        if (socket := self.ws) is None:
            return
        message = json.dumps({"type": "event", "data": event_data})
        try:
            async with asyncio.timeout(SENDING):
                await socket.send(message)
        except ConnectionClosed:
            return
        except TimeoutError:
            # A relay that takes nothing any more; the reading side sees the end and connects anew.
            socket.transport.abort()

    async def run(self) -> None:
        """Connect, and answer until the relay says goodbye (close code 1000) or `stop` is called.

        Raises what the first connection raises: OSError, TimeoutError, or `websockets`' InvalidStatus when
        the name is taken.
        """
        self._over = False
        socket = await self._connect()
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                self.start(self._arrived())
                for func in self._loop_funcs:
                    self.start(self._repeat(func))
                await self._serve(socket)
            finally:
                self._group = None
                for task in tuple(self._tasks):
                    task.cancel()

    async def stop(self) -> None:
        """End `run`; the name is free again."""
        self._over = True
        if (socket := self.ws) is not None:
            await socket.close()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the agent; it ends with `run` at the latest. What it raises is logged.

        Raises RuntimeError while `run` does not run.
        """
        if self._group is None:
            work.close()
            raise RuntimeError("the agent does not run")
        task = self._group.create_task(guarded(f"{type(self).__name__}: {work.__qualname__}", work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _arrived(self) -> None:
        """For agents of ours: once, beside everything else, when the first connection is there."""

    async def _connect(self) -> ClientConnection:
        from websockets.asyncio.client import connect

        return await connect(
            f"{self.server_url}/ws/agent/{quote(self.agent_name, safe='')}",
            compression=None,  # sound does not get smaller, only later
            open_timeout=CONNECT,
            close_timeout=2.0,
            max_size=LARGEST,
            # Handlers of a script may block the loop, so an answer to our own ping may be late.
            ping_timeout=60.0,
            proxy=None if is_local(urlsplit(self.server_url).hostname or "") else True,
        )

    async def _serve(self, socket: ClientConnection) -> None:
        while True:
            self.ws = socket
            try:
                code = await self._read(socket)
            finally:
                self.ws = None
                socket.transport.abort()
            if self._over or code == FAREWELL or not self.reconnect:
                return
            log.warning("%s: the connection is lost (%s); connecting anew", self.agent_name, code)
            again = await self._again()
            if again is None:
                return
            socket = again

    async def _again(self) -> ClientConnection | None:
        """A new connection, however long that takes; None once the agent was stopped."""
        from websockets.exceptions import InvalidHandshake

        pause = FIRST_PAUSE
        while not self._over:
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
            pause = min(LONGEST_PAUSE, 2 * pause)
            try:
                socket = await self._connect()
            except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
                # Also a refused name: the relay may not have noticed yet that our last connection is gone.
                log.warning("%s: still no connection (%s)", self.agent_name, type(error).__name__)
                continue
            log.warning("%s: connected again", self.agent_name)
            return socket
        return None

    async def _read(self, socket: ClientConnection) -> int:
        """Dispatch what comes until the connection ends; gives its close code."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                self._received(await socket.recv())
                if len(self._tasks) > AT_ONCE:
                    await asyncio.wait(tuple(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def _received(self, message: str | bytes) -> None:
        """One message of the relay. What is no event, or none that anybody waits for, is passed over."""
        try:
            frame = json.loads(message)
        except (ValueError, RecursionError):
            return
        data = frame.get("data") if isinstance(frame, dict) else None
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind == "loop":
            return
        time = frame.get("time")
        for handler in tuple(self._event_handlers.get(kind, ())):
            what = f"the handler {name_of(handler)}"
            result = guarded_call(what, handler, self, time if isinstance(time, str) else "", data)
            if inspect.isawaitable(result):
                self.start(_awaited(result))

    async def _repeat(self, func: Callable[..., Any]) -> None:
        while True:
            well = await guarded(f"the loop function {name_of(func)}", call(func, self))
            await asyncio.sleep(LOOP_PAUSE if well else 1.0)


AbstractAgent = Agent
"""The name that the guide gives it."""


def websocket_url(server_url: str) -> str:
    """A relay's address as ws:// or wss://, without a slash at its end."""
    url = server_url.strip().rstrip("/")
    for scheme, ours in (("https://", "wss://"), ("http://", "ws://")):
        if url.startswith(scheme):
            return ours + url.removeprefix(scheme)
    return url if url.startswith(("ws://", "wss://")) else f"ws://{url}"


async def _awaited(result: Any) -> Any:
    return await result
