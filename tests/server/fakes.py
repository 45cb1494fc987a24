"""A session that says what a test tells it to, a toy wire, and a connection without a socket.

`FakeSession` has the face of `aizuchi.engine.session.Session` that the server uses, over a real timeline.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from aizuchi.character import Character
from aizuchi.engine.rules import Rules
from aizuchi.errors import ProtocolError
from aizuchi.events import (
    Dropped,
    Entry,
    Input,
    Interrupt,
    Interrupted,
    LinkClosed,
    LinkOpened,
    Measured,
    Packet,
    Played,
    SessionClosed,
    SessionOpened,
    Speech,
    StateChanged,
    TextDelta,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.ports import Ask, Delivery, Frame, Join, Leave, Limits, Provider, Welcome, Wire
from aizuchi.server.house import House
from aizuchi.server.pipe import Gone
from aizuchi.server.store import MemoryStore
from aizuchi.timeline import Timeline

HERO = Character("hero", "Hero", "You are a hero in a test.")
FOE = Character("foe", "Foe", "You are a foe in a test.", language="zh")
FRAME = struct.Struct("!II")
"""The toy wire's binary frame: generation, turn, then PCM."""


def _now() -> float:
    return asyncio.get_running_loop().time()


class FakeSession:
    """A session whose turns a test speaks itself, by `speak` and `finish`."""

    def __init__(
        self,
        *,
        id: str,
        person: str,
        character: Character,
        parts: Any,
        rules: Rules,
        record_sound: bool = False,
        restored: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.person = person
        self.character = character
        self.state: Any = "idle"
        self.generation = 0 if restored is None else int(restored["generation"]) + 1
        self.restored = restored
        self.timeline = Timeline(_now)
        self.fed: list[Input] = []
        self.joined: dict[str, tuple[str, ...]] = {}
        self.turn: int | None = None
        self.shown = ""
        self.history_len = 0 if restored is None else int(restored["history"])
        self.closed = ""
        self.over = asyncio.Event()
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.draining = asyncio.Event()
        self.fault: Exception | None = None
        self.on_feed: Callable[[Input], None] = lambda _input: None
        self._end = asyncio.Event()

    async def run(self) -> None:
        self.note(SessionOpened(self.id, self.character.name, self.person))
        await self._end.wait()
        if self.fault is not None:
            raise self.fault
        self.note(SessionClosed(self.closed))
        self.over.set()

    def feed(self, input: Input) -> None:
        self.fed.append(input)
        self.on_feed(input)
        match input:
            case Typed(text=text):
                self.begin(text)
            case Interrupt(reason=reason):
                self.interrupt(reason)
            case _:
                pass

    def begin(self, text: str) -> None:
        self.interrupt("text_input")
        self.turn = (self.turn or 0) + 1
        self.generation += 1
        self.quiet.clear()
        self.history_len += 1
        self.note(TurnBegun(self.turn, "user", text))
        self.move("thinking")

    def speak(self, text: str, ms: int = 0) -> None:
        """Put text and so much sound of the running turn on the timeline."""
        assert self.turn is not None
        self.shown += text
        if text:
            self.note(TextDelta(text))
        if ms:
            self.note(Speech(self.turn, 0, 0, bytes(ms * 32), 16_000))

    def finish(self) -> None:
        assert self.turn is not None
        self.note(TurnEnded(self.turn, "finished", self.shown, self.shown))
        self.shown = ""
        self.quiet.set()

    def interrupt(self, reason: str, link: str = "") -> None:
        turn, of = (self.turn, self.generation) if self.shown else (None, None)
        self.generation += 1
        heard, self.shown = self.shown, ""
        self.note(Interrupted(reason, turn, of, heard, heard))
        self.move("idle", reason)
        self.quiet.set()

    def move(self, state: Any, reason: str = "") -> None:
        previous, self.state = self.state, state
        self.note(StateChanged(state, previous, reason))

    def join(self, link: str, roles: Any, **more: Any) -> None:
        self.joined[link] = roles
        self.note(LinkOpened(link, roles, more.get("protocol", "")))

    def leave(self, link: str, reason: str = "") -> None:
        self.joined.pop(link, None)
        self.note(LinkClosed(link, reason))

    async def drain(self, within: float) -> None:
        self.draining.set()
        await self.quiet.wait()

    def recast(self, character: Character) -> None:
        self.character = character

    def close(self, reason: str) -> None:
        self.closed = reason
        self._end.set()

    def snapshot(self) -> dict[str, Any]:
        return {"generation": self.generation, "history": self.history_len}

    def drop(self, what: str, reason: str) -> None:
        self.note(Dropped(what, reason))

    def note(self, event: Any) -> None:
        self.timeline.append(event, turn=self.turn, generation=self.generation)


class ToyWire(Wire):
    """JSON up and down, sound as binary frames that bear generation and turn."""

    protocol = "toy"
    path = "/toy"
    subprotocols = ("toy.v1", "toy.v2")
    LIMITS: ClassVar[Limits] = Limits(ping_interval=None)
    DELIVERY: ClassVar[Delivery] = Delivery()

    @property
    def delivery(self) -> Delivery:
        return self.DELIVERY

    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        if isinstance(message, bytes):
            raise ProtocolError("no binary messages here")
        try:
            data = json.loads(message)
        except ValueError as error:
            raise ProtocolError("not JSON") from error
        match data:
            case {"type": "hello"}:
                fields: dict[str, Any] = {name: value for name, value in data.items() if name != "type"}
                fields["roles"] = tuple(fields.get("roles", ("mouth", "ear")))
                yield Join("toy", **fields)
            case {"type": "text", "text": str(text)}:
                yield Typed(text)
            case {"type": "interrupt"}:
                yield Interrupt()
            case {"type": "played"}:
                yield Played(1, at_ms=0)
            case {"type": "ask", "what": str(what)}:
                yield Ask("1", what)
            case {"type": "bye"}:
                yield Leave()
            case {"type": "ping"}:
                yield json.dumps({"type": "pong"})
            case {"type": "crash"}:
                raise ZeroDivisionError("the toy wire is broken on purpose")
            case _:
                raise ProtocolError("unknown message", close=4400 if data == {"type": "fatal"} else None)

    def welcome(self, welcome: Welcome, now: float) -> Iterator[Frame]:
        yield json.dumps(
            {
                "type": "welcome",
                "session": welcome.session,
                "resume_token": welcome.resume_token,
                "resumed": welcome.resumed,
                "expired": welcome.expired,
                "generation": welcome.generation,
                "unfinished": welcome.unfinished,
                "unfinished_generation": welcome.unfinished_generation,
                "history": welcome.history,
                "character": welcome.character,
                "limits": dict(welcome.limits),
                "features": welcome.features,
            }
        )

    def send(self, entry: Entry, now: float) -> Iterator[Frame]:
        match entry.event:
            case Packet(turn=turn, data=data):
                yield FRAME.pack(entry.generation, turn) + data
            case TextDelta(text=text):
                yield json.dumps({"type": "text", "generation": entry.generation, "text": text})
            case Interrupted():
                yield json.dumps({"type": "interrupted", "generation": entry.generation})
            case StateChanged(state=state):
                yield json.dumps({"type": "state", "generation": entry.generation, "state": state})
            case TurnEnded():
                yield json.dumps({"type": "ended", "generation": entry.generation})
            case Measured(figures=figures):
                yield json.dumps({"type": "measured", "figures": figures})
            case _:
                pass

    def refuse(self, error: ProtocolError, now: float) -> Iterator[Frame]:
        yield json.dumps({"type": "error", "code": error.code, "message": str(error)})

    def answer(self, ask: Ask, result: Mapping[str, Any], now: float) -> Iterator[Frame]:
        yield json.dumps({"type": "answer", **result})


class FakePipe:
    """A connection without a socket: a test puts messages in and reads what was handed over."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Frame | Gone] = asyncio.Queue(1000)
        self.sent: list[Frame] = []
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self.open = asyncio.Event()
        """Clear it and the transport is full."""
        self.open.set()
        self._more = asyncio.Event()

    def put(self, **message: Any) -> None:
        self.incoming.put_nowait(json.dumps(message))

    def hang_up(self) -> None:
        self.incoming.put_nowait(Gone(1006))

    async def receive(self) -> Frame:
        message = await self.incoming.get()
        if isinstance(message, Gone):
            raise message
        return message

    async def room(self) -> None:
        await self.open.wait()

    async def send(self, frame: Frame) -> None:
        assert self.open.is_set(), "a frame was handed over although the transport is full"
        if self.closed or self.aborted:
            raise Gone
        self.sent.append(frame)
        self._more.set()

    async def close(self, code: int, reason: str) -> None:
        if self.closed is None and not self.aborted:
            self.closed = (code, reason)
            self.incoming.put_nowait(Gone(code))
            self._more.set()

    def abort(self) -> None:
        self.aborted = True
        self.incoming.put_nowait(Gone(1006, "aborted"))
        self._more.set()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.sent if isinstance(frame, str)]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait, five seconds at most, until something sent or closed makes it true."""
        async with asyncio.timeout(5):
            while not true():
                self._more.clear()
                await self._more.wait()

    async def until_sent(self, kind: str, count: int = 1) -> dict[str, Any]:
        await self.until(lambda: len(self.of_type(kind)) >= count)
        return self.of_type(kind)[count - 1]


class FakeProvider(Provider):
    """A provider that only comes and goes."""

    def __init__(
        self,
        name: str = "fake",
        *,
        ready: bool = True,
        languages: frozenset[str] | None = None,
        fault: Exception | None = None,
    ) -> None:
        super().__init__(None)
        self.name = name  # type: ignore[misc]
        self.sees = False
        self.loaded = ready
        self._languages = languages
        self._fault = fault
        self.came = self.went = 0

    async def __aenter__(self):
        self.came += 1
        if self._fault is not None:
            raise self._fault
        return self

    async def __aexit__(self, *error: object) -> None:
        self.went += 1

    @property
    def ready(self) -> bool:
        return self.loaded

    @property
    def languages(self) -> frozenset[str] | None:
        return self._languages


def parts(**stages: list[FakeProvider]) -> Any:
    """What a house needs to know of its providers."""
    chains = {
        stage: SimpleNamespace(permits=None, providers=tuple(stages.get(stage, [FakeProvider(stage)])))
        for stage in ("asr", "llm", "tts")
    }
    return SimpleNamespace(vad=FakeProvider("vad"), turn=None, toolbox=None, **chains)


def make_house(**settings: Any) -> House:
    """A house of fake sessions."""
    given: dict[str, Any] = {
        "parts": parts(),
        "characters": {"hero": HERO, "foe": FOE},
        "default_character": "hero",
        "rules": Rules(),
        "store": MemoryStore(),
        "new_session": FakeSession,
    }
    return House(**given | settings)


@contextlib.asynccontextmanager
async def linked(
    house: House, wire: Wire | None = None, *, hello: dict[str, Any] | None = None, header: str = ""
) -> AsyncIterator[tuple[FakePipe, FakeSession, dict[str, Any]]]:
    """A link that has said hello: its pipe, its session and the welcome it got."""
    async with connected(house, wire, header=header) as pipe:
        pipe.put(type="hello", **(hello or {}))
        welcome = await pipe.until_sent("welcome")
        live = house.sessions.get(welcome["session"])
        assert live is not None
        session = live.session
        assert isinstance(session, FakeSession)
        yield pipe, session, welcome


@contextlib.asynccontextmanager
async def connected(house: House, wire: Wire | None = None, *, header: str = "") -> AsyncIterator[FakePipe]:
    """A running link on a fake pipe; hangs up at the end and waits for the link to end."""
    from aizuchi.server.link import Link

    pipe = FakePipe()
    link = Link(house, wire or ToyWire(), pipe, header=header)
    running = asyncio.ensure_future(link.run())
    try:
        yield pipe
    finally:
        pipe.hang_up()
        async with asyncio.timeout(5):
            await running
