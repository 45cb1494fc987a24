"""A client of the native protocol written from its document alone: plain `websockets` and `json`.

Nothing of ours is imported, so that a mistake in our models can't hide behind itself. End-to-end tests talk
to a server through it, and its `log` holds everything that came.
"""

import asyncio
import base64
import json
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PATIENCE = 30.0
"""Seconds after which a message that does not come is a failure."""


@dataclass
class Turn:
    """What a client saw of one reply."""

    text: str = ""
    whole: str | None = None
    finish: str | None = None
    sound: bytearray = field(default_factory=bytearray)
    rate: int = 0
    states: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def of_type(self, *types: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] in types]


class Plain:
    """One connection. `async with Plain(url, want=["stream"]) as client: ...`"""

    def __init__(
        self, url: str, *, hello: bool = True, headers: dict[str, str] | None = None, **fields: Any
    ) -> None:
        self.url = url
        self.fields = {"protocol": "dh.v1", **fields} if hello else None
        self.headers = headers or {}
        self.session: str | None = None
        self.ack: dict[str, Any] = {}
        self.generation = 0
        self.log: list[dict[str, Any]] = []
        self.seq_up = 0
        self.seq_down = 0
        self._socket: ClientConnection | None = None
        self._heading: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self.url,
            subprotocols=[Subprotocol("dh.v1")],
            additional_headers=self.headers,
            open_timeout=PATIENCE,
            max_size=None,
            compression=None,
            proxy=None,
        )
        if self.fields is not None:
            await self.send("hello", **self.fields)
            self.ack = await self.until("hello_ack")
            self.session = self.ack["session_id"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.socket.close())
            # What still comes must be read, or the server's side of the goodbye is never seen.
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    def cut(self) -> None:
        """Lose the connection without a word."""
        self.socket.transport.abort()

    # -- up

    async def send(self, type_: str, **fields: Any) -> None:
        message: dict[str, Any] = {"type": type_, "seq": self.seq_up, "ts": time.time() * 1000}
        if self.session is not None:
            message["session_id"] = self.session
        self.seq_up += 1
        await self.socket.send(json.dumps(message | fields))

    async def sound(self, pcm: bytes, *, binary: bool = False, last: bool = False) -> None:
        """One chunk of 16 kHz sound."""
        if binary:
            header = struct.pack(">BBHII", 1, 1 if last else 0, 0, self.seq_up, 0)
            self.seq_up += 1
            await self.socket.send(header + pcm)
        else:
            await self.send("audio_chunk", data=base64.b64encode(pcm).decode(), last=last)

    async def speak(
        self, pcm: bytes, *, chunk_ms: int = 20, pace: bool = True, binary: bool = False
    ) -> float:
        """Sound in chunks, in real time if `pace`; returns when the last one left, by `time.monotonic`."""
        size, began = 32 * chunk_ms, time.monotonic()
        for start in range(0, len(pcm), size):
            chunk = pcm[start : start + size]
            if pace:
                await asyncio.sleep(max(0.0, began + (start + len(chunk)) / 32_000 - time.monotonic()))
            await self.sound(chunk, binary=binary)
        return time.monotonic()

    # -- down

    async def receive(self) -> dict[str, Any]:
        """The next message; a binary frame as `tts_audio_chunk` with `pcm`. Checks what all must keep."""
        async with asyncio.timeout(PATIENCE):
            raw = await self.socket.recv()
        if isinstance(raw, bytes):
            kind, flags, _, seq, generation = struct.unpack(">BBHII", raw[:12])
            assert kind == 2
            message = {**self._heading, "seq": seq, "generation_id": generation}
            message |= {"pcm": raw[12:], "last": bool(flags & 1)}
        else:
            message = json.loads(raw)
            if message["type"] == "tts_audio_chunk" and "data" not in message:
                self._heading = {k: v for k, v in message.items() if k != "text"}
            elif "data" in message:
                message["pcm"] = base64.b64decode(message["data"])
        message["received"] = time.monotonic()
        assert message["seq"] == self.seq_down, f"expected number {self.seq_down}, got {message}"
        self.seq_down += 1
        self.log.append(message)
        self.generation = max(self.generation, message["generation_id"])
        if self.session is None and message["type"] == "hello_ack":
            self.ack, self.session = message, message["session_id"]
        return message

    async def until(
        self, type_: str, judge: Callable[[dict[str, Any]], bool] | None = None, **fields: Any
    ) -> dict[str, Any]:
        """The next message of a type whose fields have these values."""
        while True:
            message = await self.receive()
            fits = message["type"] == type_ and all(message.get(k) == v for k, v in fields.items())
            if fits and (judge is None or judge(message)):
                return message

    async def turn(self, *, resting: tuple[str, ...] = ("idle", "listening")) -> Turn:
        """Everything from here to the end of the next reply, ghosts dropped as the document asks."""
        turn, begun = Turn(), False
        while True:
            message = await self.receive()
            stale = message["generation_id"] < self.generation and message["type"] != "assistant_text_end"
            if stale:
                continue
            turn.messages.append(message)
            match message["type"]:
                case "assistant_text_delta":
                    turn.text += message["delta"]
                case "assistant_text" | "assistant_text_end":
                    turn.whole, turn.finish = message["text"], message.get("finish_reason", "stop")
                case "tts_audio_chunk" | "tts_audio" if "pcm" in message:
                    turn.sound += message["pcm"]
                    turn.rate = message["sample_rate"]
                case "state_update":
                    turn.states.append((message["state"], message.get("reason")))
                    if message["state"] in ("thinking", "speaking"):
                        begun = True
                    elif begun and message["state"] in resting:
                        return turn
                case _:
                    pass
