"""ChatAnon servers of the two generations, small and deaf as they are, written from the protocol's document.

Nothing of ours is imported. `seed` is the README's: sound, its end and the text, once for each sentence,
nothing at the end of a turn, names in `agent_*`. `head` is the newest: stage events, text before its sound,
one `audio_end` and one `turn_end`, names in `voice_call_*`. Both answer each other's names as unknown, read
nothing while they reply, send a reply as fast as it goes, and say of themselves that they are healthy.
"""

import asyncio
import base64
import http
import json
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Dialect = Literal["seed", "head"]
RATE = 16_000
CHARACTERS = {"anon": "Anon (test)", "mutsumi": "Mutsumi (test)"}
REPLY = (("你好。", "こんにちは。", "happy"), ("再见。", "さようなら。", "auto"))
"""What is always answered: Chinese, Japanese, mood."""
VOICE = 0.3
"""Seconds that each sentence sounds."""
HEARD = "good evening"
LOUD = 500
QUIET_MS = 400
"""So much quiet after a voice ends an utterance of a call."""


def tone(seconds: float, hertz: int) -> bytes:
    return b"".join(
        struct.pack("<h", round(9_000 * math.sin(at * hertz / RATE * 2 * math.pi)))
        for at in range(round(seconds * RATE))
    )


def loud(pcm: bytes) -> bool:
    return any(abs(each) > LOUD for (each,) in struct.iter_unpack("<h", pcm[: len(pcm) // 2 * 2]))


class Connection:
    """One client, served one message after the other."""

    def __init__(self, server: "ChatAnonServer", socket: ServerConnection) -> None:
        self.server = server
        self.socket = socket
        self.head = server.dialect == "head"
        self.call = "voice_call" if self.head else "agent"
        self.mode = ""
        self.voiced = False
        self.quiet = 0

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def error(self, message: str) -> None:
        await self.send("error", message=message)

    async def run(self) -> None:
        first = json.loads(await self.socket.recv())
        if first.get("api_token") not in self.server.tokens:
            await self.error("Invalid API token")
            await self.socket.close(1008)
            return
        name = first.get("character_name", "anon")
        await self.send(
            "connected",
            character=name,
            character_display_name=CHARACTERS.get(name, name),
            message="Connection established successfully",
        )
        async for frame in self.socket:
            message = json.loads(frame)
            self.server.received.append(message)
            await self.take(message)

    async def take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        pcm = base64.b64decode(message.get("audio_base64", ""))
        if self.mode == "call" and kind not in (f"{self.call_names[1]}", self.call_names[2], "ping"):
            return  # passed over without a word
        match kind:
            case "message":
                await self.turn()
            case "audio_message":
                if self.head:
                    await self.send("asr_start")
                await self.send("thinking", message="Transcribing...")
                await self.understood()
                await self.turn(thought=not self.head)
            case "audio_stream_start":
                self.mode, self.voiced = "stream", False
                if self.head:
                    await self.send("asr_start")
                await self.send("audio_stream_started", message="Streaming ASR session started")
            case "audio_stream_chunk" if self.mode == "stream":
                await self.partial(pcm)
            case "audio_stream_end":
                self.mode = ""
                if not self.voiced:
                    await self.error("No speech detected")
                    return
                await self.understood()
                await self.turn()
            case "switch_character":
                name = message.get("character_name", "")
                if name not in CHARACTERS:
                    await self.error(f"Character '{name}' not available")
                    return
                said = f"Switched to character: {name}"
                display = CHARACTERS[name]
                await self.send(
                    "character_switched", character=name, character_display_name=display, message=said
                )
            case "clear_history":
                await self.send("history_cleared", message="Conversation history cleared")
            case "ping":
                await self.send("pong")
            case str() if kind in self.call_names:
                await self.in_call(self.call_names.index(kind), pcm)
            case _:
                await self.error(f"Unknown message type: {kind or ''}")

    @property
    def call_names(self) -> tuple[str, str, str]:
        if self.head:
            return "voice_call_start", "voice_call_audio_chunk", "voice_call_stop"
        return "agent_mode_start", "agent_audio_chunk", "agent_mode_stop"

    async def in_call(self, what: int, pcm: bytes) -> None:
        if what == 0:
            self.mode = "call"
            await self.listen()
        elif what == 2:
            self.mode = ""
        elif self.mode == "call":
            await self.partial(pcm)
            if self.voiced and self.quiet >= QUIET_MS:
                await self.understood()
                await self.turn()
                await self.listen()

    async def listen(self) -> None:
        self.voiced, self.quiet = False, 0
        if self.head:
            await self.send("asr_start")
        await self.send(f"{self.call}_listening", message="Ready to listen")

    async def partial(self, pcm: bytes) -> None:
        if loud(pcm):
            self.quiet = 0
            if not self.voiced:
                self.voiced = True
                await self.send("transcription", text=HEARD.split()[0], is_partial=True)
        else:
            self.quiet += len(pcm) // 32

    async def understood(self) -> None:
        final = {"text": HEARD, "is_partial": False}
        if not self.head:
            await self.send("transcription", **final)
            return
        if self.mode == "call":
            await self.send("transcription", **final)
            await self.send("asr_end", text=HEARD)
        else:
            await self.send("asr_end", text=HEARD)
            await self.send("transcription", **final)

    async def turn(self, *, thought: bool = False) -> None:
        if not thought:
            await self.send("thinking", message="Processing...")
        if self.head:
            await self.send("llm_start")
            await self.send("llm_end", elapsed_time=0.1)
        for number, (cn, jp, mood) in enumerate(REPLY):
            if self.head:
                if number:
                    await self.sound(bytes(round(0.1 * RATE) * 2))
                await self.send("tts_start", text=jp, emotion=mood)
                await self.text(cn, jp, mood)
                await self.sound(tone(VOICE, 300 + 100 * number))
            else:
                await asyncio.sleep(self.server.between if number else 0)
                await self.sound(tone(VOICE, 300 + 100 * number))
                await self.send("audio_end")
                await self.text(cn, jp, mood)
        if self.head:
            await self.send("audio_end")
            await self.send("turn_end")

    async def text(self, cn: str, jp: str, mood: str) -> None:
        format_ = {"audio_format": "pcm", "audio_sample_rate": RATE}
        await self.send("response", content_cn=cn, content_jp=jp, emotion=mood, **format_)

    async def sound(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 800):
            data = base64.b64encode(pcm[at : at + 800]).decode()
            await self.send("audio_chunk", audio_base64=data, audio_format="pcm", audio_sample_rate=RATE)


class ChatAnonServer:
    """`between`: seconds from one sentence to the next of the first generation."""

    def __init__(self, dialect: Dialect, tokens: tuple[str, ...] = ("dev_token_001",)) -> None:
        self.dialect: Dialect = dialect
        self.tokens = tokens
        self.between = 0.2
        self.url = ""
        self.received: list[dict[str, Any]] = []

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [each for each in self.received if each.get("type") == type_]

    async def _talk(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await Connection(self, socket).run()

    def _answer(self, _socket: ServerConnection, request: Request) -> Response | None:
        if request.path != "/health":
            return None
        body = json.dumps({"status": "healthy"}).encode()
        return Response(
            http.HTTPStatus.OK.value,
            "OK",
            Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body)))]),
            body,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ChatAnonServer"]:
        async with serve(self._talk, "127.0.0.1", 0, process_request=self._answer) as running:
            port = next(iter(running.sockets)).getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/ws"
            yield self
