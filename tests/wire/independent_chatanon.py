"""ChatAnon clients written from the protocol's document alone: plain `websockets` and `json`.

Nothing of ours is imported. `Client` is what all generations share; a command line client reads one frame
after a command and takes it for the answer, waits for `response` (first generation) or `turn_end` (second),
and stops sending sound from the final transcription to the next `*_listening`. A page has an origin, sends
all the time and can tell what locks its buttons.
"""

import asyncio
import base64
import json
import math
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 30.0
RATE = 16_000
UNLOCKS = ("tts_start", "response", "turn_end", "voice_call_listening", "agent_listening", "error")
"""What lets a page's user write again after `thinking`."""


def tone(ms: int) -> bytes:
    """Something loud."""
    return b"".join(
        struct.pack("<h", round(9_000 * math.sin(at * 440 / RATE * 2 * math.pi))) for at in range(ms * 16)
    )


def quiet(ms: int) -> bytes:
    return bytes(ms * 32)


class Client:
    """One connection: what was received, with the sound taken out of it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.log: list[dict[str, Any]] = []
        self.sound = bytearray()

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def receive(self) -> dict[str, Any]:
        """The next frame, which is JSON in a text frame of less than 1 MiB."""
        async with asyncio.timeout(PATIENCE):
            frame = await self.socket.recv()
        assert isinstance(frame, str) and len(frame) < 1 << 20
        message: dict[str, Any] = json.loads(frame)
        if message["type"] == "audio_chunk":
            pcm = base64.b64decode(message.pop("audio_base64"), validate=True)
            assert len(pcm) % 2 == 0, "an Int16Array can't be made of this"
            assert 640 <= len(pcm) <= 6_400 and message["audio_sample_rate"] == RATE
            self.sound += pcm
        self.log.append(message)
        return message

    async def until(self, *types: str) -> dict[str, Any]:
        while True:
            message = await self.receive()
            if message["type"] in types:
                return message

    async def silence_for(self, seconds: float) -> None:
        """Nothing comes that nobody asked for."""
        try:
            async with asyncio.timeout(seconds):
                frame = await self.socket.recv()
        except TimeoutError:
            return
        raise AssertionError(f"unasked for: {frame!r:.200}")

    async def closed(self) -> tuple[int | None, str]:
        """Read to the end; the close frame's code and reason."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as gone:
            return (None, "") if gone.rcvd is None else (gone.rcvd.code, gone.rcvd.reason)

    @property
    def order(self) -> list[str]:
        """The types of all messages, runs of sound as one."""
        types = [message["type"] for message in self.log]
        return [
            each for at, each in enumerate(types) if each != "audio_chunk" or types[at - 1 : at] != [each]
        ]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [message for message in self.log if message["type"] == type_]

    def forget(self) -> None:
        self.log.clear()
        self.sound.clear()

    # -- the sequences

    async def speak(self, type_: str, pieces: Iterable[bytes], *, ms: int = 20, pace: float = 1.0) -> None:
        """Microphone sound in chunks of `ms`, so many times as fast as it sounds."""
        for pcm in pieces:
            for at in range(0, len(pcm), ms * 32):
                chunk = pcm[at : at + ms * 32]
                await self.send(type_, audio_base64=base64.b64encode(chunk).decode())
                await asyncio.sleep(ms / 1000 / pace)

    async def streamed(self, *pieces: bytes, end: str) -> None:
        """One utterance as the command line client streams it: one frame is read after the start."""
        await self.send("audio_stream_start")
        started = await self.receive()
        assert started["type"] in ("audio_stream_started", "asr_start"), started
        await self.speak("audio_stream_chunk", pieces, pace=8)
        await self.send("audio_stream_end")
        await self.until(end)

    async def command(self, type_: str, **fields: Any) -> dict[str, Any]:
        """A command and the one frame that is its answer."""
        await self.send(type_, **fields)
        return await self.receive()


@asynccontextmanager
async def anon(
    url: str, token: str = "dev_token_001", *, page: bool = False, character: str | None = "anon"
) -> AsyncIterator[Client]:
    """A connected client; a page with an origin on this machine."""
    headers = {"Origin": "http://localhost:5173"} if page else {}
    async with connect(url, additional_headers=headers, max_size=1 << 20) as socket:
        client = Client(socket)
        named = {} if character is None else {"character_name": character}
        first = await client.command("connect", api_token=token, **named)
        assert first["type"] == "connected", first
        assert set(first) == {"type", "character", "character_display_name", "message"}
        client.forget()
        yield client


@asynccontextmanager
async def storm(
    url: str, count: int, token: str = "dev_token_001"
) -> AsyncIterator[tuple[Client, list[tuple[int | None, str]]]]:
    """So many connections with one token at once; the one that is left, and how the others were closed.

    Each of the others was told `disconnected` before, or never got as far as `connected`.
    """
    clients: list[Client] = []
    ends: list[tuple[int | None, str]] = []

    async def one() -> None:
        client = Client(await connect(url, max_size=1 << 20, open_timeout=60))
        clients.append(client)
        await client.send("connect", api_token=token)
        try:
            while True:
                await client.receive()
        except ConnectionClosed as gone:
            assert client.log[-1]["type"] == "disconnected", client.log
            clients.remove(client)
            ends.append((None, "") if gone.rcvd is None else (gone.rcvd.code, gone.rcvd.reason))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(count)]
        async with asyncio.timeout(120):
            while len(ends) < count - 1:  # noqa: ASYNC110 - they end by themselves
                await asyncio.sleep(0.05)
            while len(clients) != 1 or not clients[0].of("connected"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
    (living,) = clients
    try:
        yield living, ends
    finally:
        await living.socket.close()
