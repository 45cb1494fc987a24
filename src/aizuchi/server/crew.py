"""The process that owns the port where a server is several: it starts workers, feeds them, asks them to end.

It holds no conversation. Connections go to workers by `dispatch` and `routing`; over one channel per worker
come loads, the counting behind limits (`ledger`), which session is where, and questions that several
workers answer together. A worker that dies is started again; its clients come back to the others meanwhile.

    starting ──all ready──▶ serving ──stop──▶ draining ──all ended──▶ over
        └── one fails: all end, the reason is raised
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aizuchi.errors import ConfigError
from aizuchi.ports import Shard
from aizuchi.server import ledger
from aizuchi.server.channel import Channel
from aizuchi.server.dispatch import Door
from aizuchi.server.listening import watch_signals
from aizuchi.server.routing import Board
from aizuchi.server.sole import Holders

log = logging.getLogger(__name__)

STARTING: Final = 600.0
"""Seconds that workers have to load what they need."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a dead worker is started again; doubled each time that it dies young."""
STEADY: Final = 60.0
"""A worker that lived so long did not die young."""
AFTER_DRAIN: Final = 45.0
"""Seconds beyond the drain that workers have for goodbyes and for their stores."""
AT_ONCE: Final = 10.0
"""Seconds they have after a second signal."""
LET_GO: Final = 4.0
"""Seconds that a worker has to put a session aside for another, and the other to take it up."""
TOGETHER: Final = 2.0
"""Seconds for a question to all workers; who is late is left out."""


@dataclass(eq=False)
class Hand:
    """One worker process, from its start to its end."""

    slot: int
    process: asyncio.subprocess.Process
    channel: Channel
    doors: socket.socket
    """Connections leave by it."""
    ready: bool = False
    lost: bool = False


@dataclass(eq=False, slots=True)
class Move:
    """A session on its way to a worker; whoever else wants it waits."""

    to: int
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Crew:
    """`count` workers behind `sockets`.

    Each is started as `command` with one more argument, `task` as JSON with its number (`slot`) and the two
    descriptors it inherits (`control`, `doors`); see `worker.py`. `run` returns when `stop` was set and all
    have ended; `on_ready` gets the lines that the first worker says of itself. `at_once` shortens the end.
    """

    def __init__(
        self,
        *,
        count: int,
        command: Sequence[str],
        task: Mapping[str, Any],
        sockets: Sequence[socket.socket],
        tls: bool,
        drain: float,
        on_ready: Callable[[list[str]], None],
        stop: asyncio.Event,
        at_once: asyncio.Event,
    ) -> None:
        self._count = count
        self._command = tuple(command)
        self._task = dict(task)
        self._drain = drain
        self._on_ready = on_ready
        self._stop = stop
        self._at_once = at_once
        self.board = Board()
        self._book = ledger.Book()
        self._door = Door(sockets, self.board.pick, self._give, tls=tls)
        self._hands: dict[int, Hand] = {}
        self._moves: dict[str, Move] = {}
        self._alone = Holders()
        self._all_ready = asyncio.Event()
        self._lines: list[str] = []
        self._failure: ConfigError | None = None
        self._tls = tls
        self._shards: dict[str, Shard] = {}

    @property
    def pids(self) -> list[int]:
        """Of the living workers, by their numbers."""
        return [hand.process.pid for _, hand in sorted(self._hands.items())]

    # -- life

    async def run(self) -> None:
        """Serve until `stop`. Raises ConfigError when a worker can't start."""
        try:
            async with asyncio.TaskGroup() as group:
                keeping = [group.create_task(self._keep(slot)) for slot in range(self._count)]
                if await self._started():
                    if self._tls and any(each.pinned or each.room for each in self._shards.values()):
                        log.warning("with TLS a path can't be kept in one process; let a proxy end TLS")
                    self._door.open(self._shards)
                    self._on_ready(self._lines)
                    await self._stop.wait()
                await self._leave(keeping)
        finally:
            if self._all_ready.is_set():
                self._door.close()
            for hand in self._hands.values():
                _kill(hand.process)
        if self._failure is not None:
            raise self._failure

    async def _started(self) -> bool:
        """Whether all workers are ready, before anybody wished to stop."""
        both = (self._all_ready, self._stop)
        try:
            async with asyncio.timeout(STARTING):
                await _first(*both)
        except TimeoutError:
            self._fail(f"the workers were not ready within {STARTING:g} s", "工作进程未能及时就绪")
        return self._all_ready.is_set() and not self._stop.is_set()

    async def _leave(self, keeping: Sequence[asyncio.Task[None]]) -> None:
        log.info("shutting down; running turns have %.0f s to end", self._drain)
        self._tell_all("drain")
        everybody = asyncio.gather(*keeping)
        limit = self._drain + AFTER_DRAIN
        try:
            async with asyncio.timeout(limit) as patience:
                hurry = asyncio.get_running_loop()
                async with asyncio.TaskGroup() as group:

                    async def shorten() -> None:
                        await self._at_once.wait()
                        self._tell_all("now")
                        patience.reschedule(hurry.time() + AT_ONCE)

                    shortening = group.create_task(shorten())
                    await asyncio.shield(everybody)
                    shortening.cancel()
        except TimeoutError:
            log.error("some workers did not end in time and are killed")
            for hand in self._hands.values():
                _kill(hand.process)

    def _fail(self, text: str, zh: str) -> None:
        """A worker can't start: the first reason counts."""
        if self._failure is None:
            self._failure = ConfigError(text, zh=zh)
        self._stop.set()

    # -- one worker

    async def _keep(self, slot: int) -> None:
        """Have a worker at this place until the end."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while not self._stop.is_set():
            began = loop.time()
            code = await self._once(slot)
            if self._stop.is_set():
                return
            if not self._all_ready.is_set():
                self._fail(
                    f"worker {slot} ended with code {code} before it was ready",
                    f"工作进程 {slot} 在就绪前退出，代码 {code}",
                )
                return
            pause = FIRST_PAUSE if loop.time() - began > STEADY else min(2 * pause, LONGEST_PAUSE)
            log.error("worker %d ended with code %s; it is started again in %.1f s", slot, code, pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()

    async def _once(self, slot: int) -> int:
        """One process from start to end; its exit code. What it held is free afterwards."""
        if sys.platform == "win32":
            raise NotImplementedError("sockets can't be handed over here")
        control, its_control = socket.socketpair()
        doors, its_doors = socket.socketpair()
        doors.setblocking(False)
        control.setblocking(False)
        try:
            task = self._task | {
                "slot": slot,
                "workers": self._count,
                "control": its_control.fileno(),
                "doors": its_doors.fileno(),
            }
            process = await asyncio.create_subprocess_exec(
                *self._command,
                json.dumps(task),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(its_control.fileno(), its_doors.fileno()),
                # Ctrl-C in a terminal reaches all processes of a group; ours are told by the channel.
                start_new_session=True,
            )
        except BaseException:
            control.close()
            doors.close()
            raise
        finally:
            its_control.close()
            its_doors.close()
        hand = Hand(
            slot,
            process,
            Channel(
                lambda what, fields: self._hear(hand, what, fields), lambda *asked: self._answer(hand, *asked)
            ),
            doors,
        )
        self._hands[slot] = hand
        try:
            async with asyncio.TaskGroup() as group:
                talking = group.create_task(self._talk(hand, control))
                code = await process.wait()
                # Its last words are read to the end, unless a process of its own keeps the channel open.
                await asyncio.wait({talking}, timeout=1.0)
                talking.cancel()
            return code
        finally:
            _kill(process)
            del self._hands[slot]
            self._lost(hand)
            doors.close()

    async def _talk(self, hand: Hand, control: socket.socket) -> None:
        await hand.channel.run(control)
        # Sooner than the process's exit is known: its clients come back at once and want its places.
        self._lost(hand)
        if not self._stop.is_set() and hand.process.returncode is None:
            # It is ending, or it was cut off because it no longer listens.
            await asyncio.sleep(AT_ONCE)
            _kill(hand.process)

    def _lost(self, hand: Hand) -> None:
        """A worker speaks no more: it gets no connections, and what it held is free. May be called twice."""
        if not hand.lost:
            hand.ready, hand.lost = False, True
            self.board.gone(hand.slot)
            self._alone.gone(hand.slot)
            self._tell_freed(self._book.gone(hand.slot))

    def _give(self, slot: int, connection: socket.socket) -> bool:
        """Hand a connection over; False when the worker takes none just now."""
        hand = self._hands.get(slot)
        if hand is None or not hasattr(socket, "send_fds"):
            return False
        try:
            socket.send_fds(hand.doors, [b"c"], [connection.fileno()])
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            log.debug("worker %d takes no connection: %s", slot, error)
            return False
        self.board.gave(slot)
        return True

    # -- what workers say

    def _hear(self, hand: Hand, what: str, fields: dict[str, Any]) -> None:
        slot = hand.slot
        match what, fields:
            case "load", {"connections": connections, "talking": talking, "taken": taken}:
                self.board.report(slot, connections=connections, talking=talking, taken=taken)
            case "hold", {"session": str(session)}:
                self.board.sessions[session] = slot
                self._moved(session, slot)
            case "drop", {"session": str(session)}:
                self.board.dropped(session, slot)
                self._moved(session, slot)
            case "left", {"key": str(key), "link": str(link)}:
                self._alone.leave(key, slot, link)
            case ledger.RELEASE, {"number": int(number)}:
                self._tell_freed(self._book.release(slot, number))
            case "ready", {"lines": list(lines), "shards": dict(shards)}:
                hand.ready = True
                self.board.come(slot)
                if slot == 0:
                    self._lines = lines
                    self._shards = {
                        path: Shard(
                            tuple(each["query"]), tuple(each["headers"]), each["pinned"], each["room"]
                        )
                        for path, each in shards.items()
                    }
                if len(self._hands) == self._count and all(each.ready for each in self._hands.values()):
                    self._all_ready.set()
            case "failed", {"text": str(text), "zh": str(zh)}:
                if not self._all_ready.is_set():
                    self._fail(text, zh)
            case _:
                log.error("worker %d said %r, which is not understood", slot, what)

    def _tell_freed(self, places: Sequence[tuple[str, str]]) -> None:
        for kind, key in dict.fromkeys(places):
            self._tell_all(ledger.FREED, kind=kind, key=key)

    def _tell_all(self, what: str, **fields: Any) -> None:
        for hand in self._hands.values():
            hand.channel.tell(what, **fields)

    # -- what workers ask

    async def _answer(self, hand: Hand, what: str, fields: dict[str, Any]) -> dict[str, Any]:
        match what, fields:
            case ledger.ACQUIRE, {"number": int(number), "kind": kind, "key": key, "most": most}:
                return {"given": self._book.acquire(hand.slot, number, kind, key, most)}
            case "claim", {"session": str(session)}:
                return {"free": await self._claim(hand, session, fields)}
            case "alone", {"key": str(key), "link": str(link)}:
                await self._replace(self._alone.take(key, hand.slot, link), key, hand)
                return {}
            case "gather", {"about": str(about)}:
                return {"told": await self._gather(hand, about)}
            case "make_room", _:
                return {"made": await self._make_room(hand)}
            case _:
                raise ValueError(f"{what!r} is no question")

    async def _claim(self, hand: Hand, session: str, proof: Mapping[str, Any]) -> bool:
        """Get a session free for a worker whose client wants to go on with it.

        False if it is another client's. Until the worker says `hold` or `drop`, nobody else gets it.
        """
        while (move := self._moves.get(session)) is not None:
            try:
                async with asyncio.timeout(LET_GO):
                    await move.done.wait()
            except TimeoutError:
                self._moved(session, move.to)
        move = self._moves[session] = Move(hand.slot)
        free = True
        try:
            owner = self.board.sessions.get(session)
            other = None if owner is None or owner == hand.slot else self._hands.get(owner)
            if other is not None:
                asked = {name: str(proof.get(name, "")) for name in ("resume_token", "person")}
                answer = await other.channel.ask("let_go", within=LET_GO / 2, session=session, **asked)
                free = bool(answer.get("gone"))
        except OSError as error:
            log.warning("a session could not be had from its worker (%s); its snapshot must do", error)
        if not free:
            self._moved(session, hand.slot)
        return free

    def _moved(self, session: str, to: int) -> None:
        move = self._moves.get(session)
        if move is not None and move.to == to:
            del self._moves[session]
            move.done.set()

    async def _replace(self, before: tuple[int, str] | None, key: str, hand: Hand) -> None:
        """Have the worker that had a key let go of it; a worker's own connections it knows itself."""
        other = None if before is None or before[0] == hand.slot else self._hands.get(before[0])
        if before is not None and other is not None:
            await other.channel.ask("replaced", within=TOGETHER, key=key, link=before[1])

    async def _gather(self, hand: Hand, about: str) -> list[dict[str, Any]]:
        """What the other workers say of themselves, by their numbers; a silent one says so."""

        async def ask(other: Hand) -> dict[str, Any]:
            try:
                told = await other.channel.ask("tell_me", within=TOGETHER, about=about)
            except OSError:
                return {"worker": other.slot, "silent": True}
            return {"worker": other.slot, **told}

        others = [each for _, each in sorted(self._hands.items()) if each is not hand and each.ready]
        missing = set(range(self._count)) - {each.slot for each in others} - {hand.slot}
        told = await asyncio.gather(*(ask(each) for each in others))
        return [*told, *({"worker": slot, "silent": True} for slot in sorted(missing))]

    async def _make_room(self, hand: Hand) -> bool:
        """Let another worker end a parked session, since all places are taken."""
        for other in [each for each in self._hands.values() if each is not hand and each.ready]:
            with contextlib.suppress(OSError):
                if (await other.channel.ask("make_room", within=TOGETHER)).get("made"):
                    return True
        return False


async def lead(
    sockets: Sequence[socket.socket],
    *,
    count: int,
    command: Sequence[str],
    task: Mapping[str, Any],
    tls: bool,
    drain: float,
    on_ready: Callable[[list[str]], None],
) -> None:
    """Run a crew until a signal comes. Closes the sockets. Raises ConfigError."""
    stop, at_once = asyncio.Event(), asyncio.Event()
    crew = Crew(
        count=count,
        command=command,
        task=task,
        sockets=sockets,
        tls=tls,
        drain=drain,
        on_ready=on_ready,
        stop=stop,
        at_once=at_once,
    )
    try:
        with watch_signals(stop, at_once.set):
            await crew.run()
    finally:
        for each in sockets:
            each.close()


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    async with asyncio.TaskGroup() as group:
        waiting = {group.create_task(each.wait()) for each in events}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()


def can_hand_over() -> bool:
    """Whether this system lets one process give a connection to another."""
    return os.name == "posix" and hasattr(socket, "send_fds")
