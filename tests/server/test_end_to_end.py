"""The real engine behind the native protocol on a real socket; only the vendors are fakes."""

import asyncio
import contextlib
import itertools
import json
import random
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets

from aizuchi.engine.rules import Rules
from aizuchi.server.house import House
from aizuchi.server.mounts import mounts
from aizuchi.server.store import MemoryStore
from aizuchi.views.metrics import Meter
from tests import fakes
from tests.server.sockets import serving, ws

pytestmark = pytest.mark.network

PATH = "/digital-human/ws"
SENTENCES = ("Hello there.", "How are you today?")
MS = 15
"""How long the voice takes for a character."""
BINARY = struct.Struct("!BBHII")
"""Kind, flags, reserved, seq, generation."""


def real_house(**settings: Any) -> House:
    meter = Meter()

    given: dict[str, Any] = {
        "parts": fakes.parts(
            llm=[fakes.FakeModel(lambda prompt: fakes.tokens(" ".join(SENTENCES), first=0.01, gap=0.005))],
            tts=[fakes.FakeVoice(ms_per_char=MS, first=0.01)],
        ),
        "characters": {"hero": fakes.HERO},
        "default_character": "hero",
        "rules": Rules(),
        "store": MemoryStore(),
        "observers": [meter],
        "measure": meter.measured,
        "summary": meter.as_dict,
        "sent": meter.sent,
    }
    return House(**given | settings)


class Client:
    """A client written from the protocol's document: numbers what it sends, tells frames apart."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.seq = itertools.count()
        self.got: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "seq": next(self.seq), **fields}))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            message = await self.socket.recv()
        if isinstance(message, bytes):
            _, flags, _, seq, generation = BINARY.unpack_from(message)
            body: dict[str, Any] = {"type": "sound", "seq": seq, "generation_id": generation}
            body |= {"data": message[BINARY.size :], "last": bool(flags & 1)}
        else:
            body = json.loads(message)
        self.got.append(body)
        return body

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        while True:
            message = await self.receive()
            if message["type"] == kind and fields.items() <= message.items():
                return message

    @property
    def text(self) -> str:
        return "".join(each["delta"] for each in self.of("assistant_text_delta"))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.got if message["type"] == kind]


@contextlib.asynccontextmanager
async def talking(base: str, **hello: Any) -> AsyncIterator[Client]:
    async with websockets.connect(ws(base, PATH), compression=None) as socket:
        client = Client(socket)
        wishes = {"protocol": "dh.v1", "audio": "binary", "want": ["stream", "metrics"]}
        await client.send("hello", **wishes | hello)
        await client.until("hello_ack")
        yield client


async def test_a_text_turn():
    """Text in; states, deltas, sound and figures out, numbered without gaps, each with its generation."""
    async with serving(real_house(), table=mounts()) as base, talking(base) as client:
        await client.send("text_input", text="hello")
        metrics = await client.until("metrics")
        assert client.text == " ".join(SENTENCES)
        assert [each["state"] for each in client.of("state_update")] == ["thinking", "speaking", "idle"]
        assert sum(len(each["data"]) for each in client.of("sound")) == len("".join(SENTENCES)) * MS * 32
        assert [each["seq"] for each in client.got] == list(range(len(client.got)))
        assert metrics["outcome"] == "finished" and metrics["first_audio_ms"] > 0
        assert {each["generation_id"] for each in client.got[1:]} == {1}


async def test_an_interrupt_storm():
    """Interrupts at random moments: nothing of an older generation follows the new idle state."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    async with serving(real_house(), table=mounts()) as base, talking(base) as client:
        for _ in range(20):
            await client.send("text_input", text="hello")
            await client.until("state_update", state="thinking")
            for _ in range(dice.randrange(25)):
                await client.receive()
            await client.send("interrupt")
            await client.until("state_update", state="idle", reason="interrupt")
        newest = 0
        for message in client.got:
            old = message["generation_id"] < newest
            # The one message that bears the old id precedes the state that makes it old.
            assert not old, f"seed {seed}: {message['type']} of {message['generation_id']} after {newest}"
            if message["type"] == "state_update":
                newest = message["generation_id"]
        interrupts = [each for each in client.of("metrics") if each["outcome"] == "interrupted"]
        assert interrupts and all((each["interrupt_ms"] or 0) < 1000 for each in interrupts)
        assert [each["seq"] for each in client.got] == list(range(len(client.got)))


async def test_a_spoken_turn_by_voice():
    """Sound in is heard, answered, and answered with sound."""
    async with serving(real_house(), table=mounts()) as base, talking(base) as client:
        await client.send("start_listen")
        for pcm in (fakes.speech(400), fakes.silence(1000)):
            for at in range(0, len(pcm), 640):
                header = BINARY.pack(1, 0, 0, next(client.seq), 0)
                await client.socket.send(header + pcm[at : at + 640])
        assert (await client.until("asr_final"))["text"] == "hello there"
        await client.until("metrics")
        assert client.of("sound") and client.of("assistant_text_delta")


async def test_lost_and_resumed_in_the_middle_of_a_reply():
    """A broken connection cuts the reply; the resumed one tells its text, keeps the history and talks on."""
    house = real_house()
    async with serving(house, table=mounts()) as base:
        async with talking(base) as client:
            await client.send("text_input", text="hello")
            for _ in range(5):
                await client.until("sound")
            (live,) = house.sessions
            token, session = client.got[0]["resume_token"], client.got[0]["session_id"]
            gone = asyncio.Event()
            live.session.timeline.follow(
                lambda entry: gone.set() if type(entry.event).__name__ == "LinkClosed" else None
            )
            client.socket.transport.abort()
            async with asyncio.timeout(10):
                await gone.wait()
        resume = {"session_id": session, "last_seq": client.got[-1]["seq"], "resume_token": token}
        async with talking(base, resume=resume) as client:
            acknowledged = await client.until("resume_ack")
            assert client.got[0]["resumed"] and acknowledged["history_len"] >= 1
            await client.send("text_input", text="and now?")
            await client.until("metrics", outcome="finished")
            assert len(house.sessions) == 1


async def test_several_clients_at_once():
    """Twenty clients talk at once and each gets its own whole reply."""
    async with serving(real_house(), table=mounts()) as base:

        async def one() -> None:
            async with talking(base) as client:
                await client.send("text_input", text="hello")
                await client.until("metrics", outcome="finished")
                assert client.text == " ".join(SENTENCES)

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(one())
