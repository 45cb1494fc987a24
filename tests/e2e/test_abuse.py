"""A server among people who mean it no good: afterwards it is as well as before, and its log shows no bug."""

import asyncio
import base64
import json
import os
import random
import struct
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode

from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk, texts_of

pytestmark = [pytest.mark.network, pytest.mark.slow]

ROUNDS = 60
"""Connections of each fuzzing client; four go at it side by side."""
HELLO = (
    b"GET /digital-human/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
REQUESTS = [
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /%ff%fe%00 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\r\nOrigin: \xff\r\nConnection: close\r\n\r\n",
    b"GET /api/sessions HTTP/1.1\r\nHost: [::\r\nOrigin: http://[::\r\nConnection: close\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    HELLO.replace(b"13\r\n", b"99\r\n"),
    HELLO.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"x"),
    HELLO.replace(b"127.0.0.1", b"127.0.0.1\r\nOrigin: \xe9://["),
]


def framed(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode(opcode), data, fin).serialize(mask=True)


def claimed(opcode: int, length: int) -> bytes:
    """The head of a frame that says it is so long."""
    return bytes([0x80 | opcode, 0xFF]) + struct.pack(">Q", length) + bytes(4)


FRAMES = {
    "no mask": b"\x81\x02{}",
    "reserved bits": b"\xf1\x80" + bytes(4),
    "no such opcode": b"\x87\x80" + bytes(4),
    "no text": framed(1, b"\xff\xfe"),
    "half a message": framed(0, b"x"),
    "a long ping": b"\x89\xfe\x00\xc8" + bytes(4 + 200),
    "a short close": framed(8, b"\x03"),
    "claims exabytes": claimed(1, 2**62),
    "13 MiB": claimed(2, 13 << 20) + bytes(13 << 20),
    "deep": framed(1, b'{"type":"ui_event","name":"x","payload":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001),
    "deep list": framed(1, b"[" * 80_000),
    "a long number": framed(1, b'{"type":"ping","t":' + b"9" * 60_000 + b"}"),
    "half a character": framed(1, b'{"type":"text_input","text":"say: \\ud800"}'),
    "nothing a thousand times": framed(1, b"") * 1_000,
    "ten thousand pings": framed(9, bytes(100)) * 10_000,
    "fragments": framed(1, b'"', fin=False) + framed(0, b"", fin=False) * 20_000,
}


async def thrown(port: int, data: bytes, *, upgrade: bool = False) -> None:
    """Send and hang up without a goodbye, whatever the server answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if upgrade:
            writer.write(HELLO)
            await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        # What it has to say; at most the first of it, since some connections stay open.
        async with asyncio.timeout(0.2):
            await reader.read(65_536)
    except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
        return
    finally:
        writer.transport.abort()


class Fuzz:
    """Messages of every type, mostly right, in any order and state."""

    STRINGS = ("", "a", "😀" * 50, "\0", "x" * 9_000, "[happy] hi", "<think>", "~~~")
    NUMBERS = (-1, 0, 1, 2**31, 2**53, 2**63, -(2**64), 10**300, 1.5, True, None, "1")

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        match self.dice.randrange(4 if depth < 3 else 2):
            case 0:
                return self.dice.choice(self.STRINGS)
            case 1:
                return self.dice.choice(self.NUMBERS)
            case 2:
                return [self.value(depth + 1) for _ in range(self.dice.randrange(3))]
            case _:
                return {self.dice.choice("abc"): self.value(depth + 1) for _ in range(self.dice.randrange(3))}

    def hello(self) -> dict[str, Any]:
        words = ["stream", "visemes", "emotion", "words", "thoughts", "tools", "metrics", "hold", "timeline"]
        return {
            "type": "hello",
            "seq": 0,
            "audio": self.dice.choice(["base64", "binary", "none"]),
            "mode": self.dice.choice(["push", "auto", "continuous"]),
            "want": self.dice.sample(words, self.dice.randrange(len(words))),
            "tools": [{"name": "t"}],
        }

    def message(self, seq: int) -> str | bytes:
        dice = self.dice
        pick = dice.random()
        if pick < 0.05:
            return dice.randbytes(dice.randrange(60))
        if pick < 0.1:
            head = struct.pack(">BBHII", 1, dice.choice([0, 1, 255]), 0, seq, 0)
            return head + dice.randbytes(dice.choice([0, 1, 640, 639, 20_000]))
        if pick < 0.12:
            return dice.choice(["", "{", "[]", "null", '{"type":' * 3_000, '{"type":"hello","type":"bye"}'])
        sound = base64.b64encode(dice.randbytes(640)).decode()
        png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + dice.randbytes(50)).decode()
        fields: dict[str, Any] = dice.choice(
            [
                {"type": "start_listen", "mode": dice.choice(["push", "auto", "continuous"])},
                {"type": "audio_chunk", "data": dice.choice([sound, "AA==", "%"]), "last": pick > 0.9},
                {"type": "stop_listen"},
                {"type": "text_input", "text": dice.choice(["hello", "tell me a story", *self.STRINGS])},
                {"type": "text_input", "text": "look", "images": [{"mime": "image/png", "data": png}]},
                {"type": "interrupt", "reason": dice.choice(["user_click", "barge_in", "lost", "closed"])},
                {"type": "ui_event", "name": "click", "payload": {"a": self.value()}},
                {"type": "context_update", "context_id": "c", "scope": "page", "text": "t" * 5_000},
                {"type": "image", "mime": "image/png", "data": png},
                {
                    "type": "playback_started",
                    "generation_id": dice.choice([0, 1, 2**60]),
                    "sentence_index": 0,
                },
                {
                    "type": "playback_done",
                    "generation_id": dice.choice([0, 1, 9]),
                    "seq": dice.choice([0, 2**53]),
                },
                {"type": "tool_result", "call_id": "c", "result": self.value()},
                {"type": "resume", "session_id": "s", "last_seq": 1},
                {"type": "from_the_future", "x": self.value()},
                {"type": "ping", "t": 1},
                {"type": "webrtc_offer"},
                {"type": "bye"},
            ]
        )
        if dice.random() < 0.2:
            fields[dice.choice(list(fields))] = self.value()
        return json.dumps({"seq": dice.choice([seq] * 9 + [*self.NUMBERS]), **fields})

    async def attack(self, url: str) -> list[str]:
        """One connection; returns what must not have come."""
        highest, wrong = 0, list[str]()
        try:
            async with connect(url, max_size=None, ping_interval=None, proxy=None) as client:

                async def read() -> None:
                    nonlocal highest
                    async for raw in client:
                        if isinstance(raw, bytes):
                            kind, generation = "sound", struct.unpack(">BBHII", raw[:12])[4]
                        else:
                            message = json.loads(raw)
                            kind, generation = message["type"], message["generation_id"]
                            if "internal error" in raw:
                                wrong.append(raw)
                        if generation < highest and kind != "assistant_text_end":
                            wrong.append(f"{kind} of generation {generation} after {highest}")
                        highest = max(highest, generation)

                reading = asyncio.ensure_future(read())
                try:
                    if self.dice.random() < 0.7:
                        await client.send(json.dumps(self.hello()))
                    for seq in range(1, self.dice.randrange(2, 80)):
                        await client.send(self.message(seq))
                        await asyncio.sleep(0)
                    if self.dice.random() < 0.5:
                        client.transport.abort()
                finally:
                    reading.cancel()
                    await asyncio.wait([reading])
        except (WebSocketException, OSError):
            return wrong
        return wrong


async def well(server: Server, marks: str) -> None:
    """A newcomer is served as if nothing had been."""
    async with asyncio.timeout(60), talk(server.socket) as client:
        await client.send("text_input", text=f"say: {marks}")
        await client.until("metrics", outcome="finished")
        assert texts_of(client.log) == f"{marks}."


async def test_garbage_of_every_kind(tmp_path: Path):
    """Broken requests, broken frames, lost connections, big pictures, any message in any state."""
    config = {**TONES, "server": {"resume_ttl": 0.5, "max_sessions": 300}}
    with Server(tmp_path, config) as server:
        port = int(server.url.rstrip("/").rpartition(":")[2])
        process = psutil.Process(server.process.pid)
        await well(server, "before")
        files = process.num_fds() if hasattr(process, "num_fds") else 0

        noise = random.Random(1)
        for request in [*REQUESTS, *(noise.randbytes(noise.randrange(1, 2_000)) for _ in range(30))]:
            await thrown(port, request)
        async with asyncio.TaskGroup() as group:
            for data in FRAMES.values():
                group.create_task(thrown(port, data, upgrade=True))
        await well(server, "after frames")

        async with asyncio.TaskGroup() as group:
            for number in range(200):
                first = (b"", framed(1, b'{"type":"hello"}'), framed(1, b'{"type":"text_input","text":"hi"}'))
                group.create_task(thrown(port, first[number % 3], upgrade=True))
        await well(server, "after the lost")

        async with asyncio.timeout(60), talk(server.socket) as client:
            picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes((8 << 20) - 8)).decode()
            for _ in range(5):
                await client.send("image", mime="image/png", data=picture)
            assert "at most 4 images" in (await client.until("error"))["message"]
            for number in range(200):
                await client.send("context_update", context_id=str(number), scope="page", text="t" * 4_000)
                await client.until("context_ack")
        await well(server, "after pictures")
        size = process.memory_info().rss

        seed = int(os.environ.get("FUZZ_SEED", "1"))
        async with asyncio.timeout(100), asyncio.TaskGroup() as group:

            async def attacker(number: int) -> None:
                for turn in range(ROUNDS):
                    fuzz = Fuzz(seed * 10_000 + number * 1_000 + turn)
                    assert not (wrong := await fuzz.attack(server.socket)), wrong[:3]

            for number in range(4):
                group.create_task(attacker(number))
        await well(server, "after all")

        await asyncio.to_thread(
            server.wait, "every session's end", lambda: server.get("/health")["sessions"] == 0
        )
        grown = process.memory_info().rss - size
        assert grown < 64 << 20, f"{grown >> 20} MB more than before the fuzzing"
        if files:
            assert process.num_fds() <= files + 3
        assert server.get("/health")["status"] == "healthy"
    said = server.output()
    assert "Traceback" not in said and '"level": "error"' not in said, said[-5_000:]
