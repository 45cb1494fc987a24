"""The native wire behind a real socket, with a toy in place of the engine: it repeats what it is told.

Sound that is sent counts as words after `stop_listen`; "sing" is answered by a long reply that does not end
by itself. No model, no voice and no clock: what comes depends on what was sent alone.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from aizuchi.engine.outbox import Outbox
from aizuchi.errors import ProtocolError
from aizuchi.events import (
    Attach,
    Entry,
    Event,
    Heard,
    HeardPartial,
    Input,
    Interrupt,
    Interrupted,
    Listen,
    MicAudio,
    Noted,
    Played,
    Sentence,
    Speech,
    SpeechDone,
    State,
    StateChanged,
    TextDelta,
    TextDone,
    ToolCall,
    ToolDone,
    ToolResult,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.ports import Frame, Join, Leave, Welcome
from aizuchi.wire.native import NativeWire

RATE = 16_000
TOKEN = "open sesame"


class Parrot:
    """One session."""

    def __init__(self, number: int) -> None:
        self.id = f"parrot-{number}"
        self.generation = 0
        self.turn = 0
        self.state: State = "idle"
        self.seq = 0
        self.inputs: list[Input] = []
        self.heard_ms = 0
        self.text = ""
        self.speaking = False
        self.history = 0
        self.unfinished = ""

    def entries(self, event: Input) -> list[Entry]:
        """What an input makes."""
        self.inputs.append(event)
        self._out: list[Entry] = []
        match event:
            case Typed(text=text) | ToolResult(result=str(text)):
                self._reply(text)
            case Interrupt(reason=reason):
                self.silence(reason)
            case Listen(on=True):
                self._move("listening")
            case MicAudio(pcm=pcm, rate=rate):
                self.heard_ms += len(pcm) * 500 // rate
                self._put(HeardPartial(1, f"{self.heard_ms} ms"))
            case Listen(on=False):
                self._put(Heard(1, f"{self.heard_ms} ms"))
                self._reply(f"{self.heard_ms} ms")
            case _:
                pass
        return self._out

    def silence(self, reason: str) -> list[Entry]:
        dead, old = self.speaking, self.generation
        self.generation += 1
        self.speaking = False
        self.unfinished = self.text if dead else ""
        self._out = getattr(self, "_out", [])
        self._put(
            Interrupted(reason, self.turn if dead else None, old if dead else None, self.text, self.text)
        )
        self._move("idle", reason, always=True)
        if dead:
            self._put(TurnEnded(self.turn, "interrupted", self.text, self.text))
        return self._out

    def _reply(self, text: str) -> None:
        self.turn, self.generation, self.text = self.turn + 1, self.generation + 1, f"You said {text}."
        self.history += 2
        self._put(TurnBegun(self.turn, "user", text))
        self._move("thinking")
        if text == "use the lamp":
            self._put(ToolCall("c-1", "lamp", '{"on": true}', "client"))
            self._put(ToolDone("c-1", "lamp", "done"))
        for word in self.text.split(" "):
            self._put(TextDelta(word if word == "You" else " " + word))
        self._put(Sentence(self.turn, 0, self.text, self.text, emotion="happy"))
        self._move("speaking")
        # A tone of its own for each turn: stale sound can be told apart.
        pcm = bytes([self.turn % 100 + 1, 0]) * (RATE // 50)
        slices = 500 if text == "sing" else 5
        for index in range(slices):
            self._put(Speech(self.turn, 0, index * 20, pcm, RATE, last=index == slices - 1))
        self.speaking = text == "sing"
        if not self.speaking:
            self._put(TextDone(self.text))
            self._put(SpeechDone(self.turn, slices * 20))
            self._move("idle", "done")
            self._put(TurnEnded(self.turn, "finished", self.text, self.text))

    def _move(self, state: State, reason: str = "", *, always: bool = False) -> None:
        if state != self.state or always:
            previous, self.state = self.state, state
            self._put(StateChanged(state, previous, reason))

    def _put(self, event: Event) -> None:
        self._out.append(Entry(self.seq, 0.0, self.turn or None, self.generation, event))
        self.seq += 1


class ToyServer:
    """Sessions by id, and a connection's loop: read, decode, answer; write what the outbox lets go."""

    def __init__(self, *, tokens: bool = False) -> None:
        self.tokens = tokens
        self.url = ""
        self.sessions: dict[str, Parrot] = {}

    @property
    def parrot(self) -> Parrot:
        """The newest session."""
        return list(self.sessions.values())[-1]

    async def serve(self, socket: ServerConnection) -> None:
        wire = NativeWire(token_required=self.tokens)
        wake, answers = asyncio.Event(), list[Frame]()
        state: dict[str, Any] = {}
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(socket, wire, wake, answers, state))
                await self._read(socket, wire, wake, answers, state)
                writer.cancel()
        except* ConnectionClosed:
            pass

    async def _read(
        self,
        socket: ServerConnection,
        wire: NativeWire,
        wake: asyncio.Event,
        answers: list[Frame],
        state: dict[str, Any],
    ) -> None:
        async for message in socket:
            try:
                for event in wire.receive(message, time.time()):
                    match event:
                        case str() | bytes():
                            answers.append(event)
                        case Join():
                            answers.extend(self._join(wire, event, state))
                        case Leave():
                            await socket.close(1000, "goodbye")
                        case Input():
                            self._feed(event, state)
                        case _:
                            pass
            except ProtocolError as error:
                for frame in wire.refuse(error, time.time()):
                    await socket.send(frame)
                if error.close is not None:
                    await socket.close(error.close, str(error)[:120])
            wake.set()

    def _join(self, wire: NativeWire, join: Join, state: dict[str, Any]) -> list[Frame]:
        if self.tokens and TOKEN not in (join.token, join.resume_token):
            raise ProtocolError("a valid token is needed", code="auth_failed", close=4401)
        parrot = self.sessions.get(join.session)
        resumed = parrot is not None
        if parrot is None:
            parrot = Parrot(len(self.sessions))
            self.sessions[parrot.id] = parrot
        else:
            parrot.silence("lost")
        state["parrot"], state["outbox"] = parrot, Outbox(wire.delivery)
        welcome = Welcome(
            parrot.id,
            "link",
            "parrot",
            parrot.generation,
            parrot.state,
            resumed=resumed,
            resume_token=TOKEN,
            history=parrot.history,
            unfinished=parrot.unfinished,
            unfinished_generation=parrot.generation - 1 if parrot.unfinished else None,
            expired=bool(join.session) and not resumed,
        )
        return list(wire.welcome(welcome, time.time()))

    def _feed(self, event: Input, state: dict[str, Any]) -> None:
        bare = replace(event, link="") if isinstance(event, Played | Noted | Attach) else event
        for entry in state["parrot"].entries(bare):
            state["outbox"].put(entry, asyncio.get_running_loop().time())

    async def _write(
        self,
        socket: ServerConnection,
        wire: NativeWire,
        wake: asyncio.Event,
        answers: list[Frame],
        state: dict[str, Any],
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            wake.clear()
            outbox: Outbox | None = state.get("outbox")
            while answers:
                await socket.send(answers.pop(0))
            entry = outbox.take(loop.time()) if outbox is not None else None
            if entry is not None:
                for frame in list(wire.send(entry, time.time())):
                    await socket.send(frame)
                continue
            due = outbox.deadline(loop.time()) if outbox is not None else None
            timer = None if due is None else loop.call_at(due, wake.set)
            await wake.wait()
            if timer is not None:
                timer.cancel()


@asynccontextmanager
async def toy_server(*, tokens: bool = False) -> AsyncIterator[ToyServer]:
    """A server on a free port of this machine."""
    toy = ToyServer(tokens=tokens)
    async with serve(toy.serve, "127.0.0.1", 0, select_subprotocol=_optional, max_size=None) as server:
        toy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield toy


def _optional(socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((each for each in offered if each in NativeWire.subprotocols), None)
