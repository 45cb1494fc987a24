"""A vendor of settable latency: OpenAI-style HTTP for recogniser, model and voice, in a process of its own.

    python bench/mocks.py           prints its port and runs until its standard input closes

`POST /set` with JSON changes the latencies, `GET /stats` gives the counters and `POST /reset` clears them.
A recogniser's latency counts from the end of the upload. What a client closes early is noted with its time,
which is how the bench sees whether an interrupt reaches the vendor. Times are `time.time()`, so that they
compare with those of the other processes of this machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from marks import BLOCK, marked
from words import FRAME, RATE, reply, tone, word_in
from words import WORDS as WORD_LIST

Kind = Literal["asr", "llm", "tts"]
KINDS: dict[str, Kind] = {
    "/v1/audio/transcriptions": "asr",
    "/v1/chat/completions": "llm",
    "/v1/audio/speech": "tts",
}
SLICE_FRAMES = 5
"""A voice's slice is 100 ms."""


@dataclass
class Settings:
    """Latencies in ms; a rate of 0 means at once."""

    asr_ms: float = 0.0
    llm_first_ms: float = 0.0
    tokens_per_second: float = 0.0
    tts_first_ms: float = 0.0
    tts_speed: float = 0.0
    """Slices come so many times as fast as they sound."""
    reply_tokens: int = 9
    ms_per_character: float = 20.0
    voice: str = ""
    """File of 24 kHz s16le that the voice repeats instead of its tones, for what should sound like speech."""


@dataclass
class Count:
    """One kind of request. `closed` holds [word, time, whether anything had been answered]."""

    started: int = 0
    finished: int = 0
    open: int = 0
    early: int = 0
    """Closed by the client before the first token or sample."""
    late: int = 0
    closed: list[tuple[int, float, bool]] = field(default_factory=list)


class Mocks:
    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.group = group
        self.settings = Settings()
        self.counts: dict[Kind, Count] = {"asr": Count(), "llm": Count(), "tts": Count()}
        self.utterances = 0
        self.spoken = 0
        self.made: list[tuple[int, int, int]] = []
        """Of each piece of speech that was made whole: word, identity of its marks, blocks."""

    def reset(self) -> None:
        for count in self.counts.values():
            count.started = count.finished = count.early = count.late = 0
            count.closed.clear()
        self.made.clear()


class Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection; knows what httpx sends and no more."""

    def __init__(self, mocks: Mocks) -> None:
        self._mocks = mocks
        self._buffer = bytearray()
        self._body = bytearray()
        self._path = ""
        self._chunked = False
        self._left: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._kind: Kind | None = None
        self._word = -1
        self._answered = False

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._kind is not None:
            count = self._mocks.counts[self._kind]
            count.open -= 1
            count.early += not self._answered
            count.late += self._answered
            count.closed.append((self._word, time.time(), self._answered))
            self._kind = None
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._advance()

    def _advance(self) -> None:
        if self._left is None and not self._chunked and not self._head():
            return
        if self._chunked:
            if not self._chunks():
                return
        elif self._left is not None:
            if len(self._buffer) < self._left:
                return
            self._body += self._buffer[: self._left]
            del self._buffer[: self._left]
        self._left, self._chunked = None, False
        body = bytes(self._body)
        self._body.clear()
        self._task = self._mocks.group.create_task(self._answer(body))

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        self._path = first.split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self._left = None if self._chunked else int(headers.get("content-length", 0))
        self._kind, self._word, self._answered = KINDS.get(self._path), -1, False
        if self._kind is not None:
            self._mocks.counts[self._kind].started += 1
            self._mocks.counts[self._kind].open += 1
        return True

    def _chunks(self) -> bool:
        """Take what chunks are whole; True after the last."""
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return False
            size = int(bytes(self._buffer[:end]).split(b";")[0], 16)
            if len(self._buffer) < end + 2 + size + 2:
                return False
            if self._kind != "asr":
                self._body += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + 2 + size + 2]
            if size == 0:
                return True

    async def _answer(self, body: bytes) -> None:
        match self._kind:
            case "asr":
                await self._asr()
            case "llm":
                await self._llm(body)
            case "tts":
                await self._tts(body)
            case _:
                self._whole(self._control(body))
        if self._kind is not None:
            count = self._mocks.counts[self._kind]
            count.open -= 1
            count.finished += 1
            self._kind = None
        self._task = None
        if self._buffer:
            self._advance()

    def _control(self, body: bytes) -> dict[str, Any]:
        mocks = self._mocks
        match self._path:
            case "/set":
                mocks.settings = Settings(**json.loads(body))
            case "/reset":
                mocks.reset()
            case _:
                pass
        counts = {kind: asdict(count) for kind, count in mocks.counts.items()}
        return counts | {"data": [], "made": mocks.made}

    async def _asr(self) -> None:
        await pause(time.monotonic() + self._mocks.settings.asr_ms / 1000)
        number = self._mocks.utterances % len(WORD_LIST)
        self._mocks.utterances += 1
        self._word = number
        self._whole({"text": f"say {WORD_LIST[number]}"})

    async def _llm(self, body: bytes) -> None:
        settings, began = self._mocks.settings, time.monotonic()
        asked = [message for message in json.loads(body)["messages"] if message["role"] == "user"]
        number = word_in(str(asked[-1]["content"])) if asked else None
        self._word = -1 if number is None else number
        first = began + settings.llm_first_ms / 1000
        await pause(first)
        self._start("text/event-stream")
        for place, token in enumerate(reply(self._word, settings.reply_tokens)):
            if settings.tokens_per_second:
                await pause(first + place / settings.tokens_per_second)
            self._event({"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    async def _tts(self, body: bytes) -> None:
        settings, began = self._mocks.settings, time.monotonic()
        text = str(json.loads(body)["input"])
        number = word_in(text)
        self._word = -1 if number is None else number
        first = began + settings.tts_first_ms / 1000
        await pause(first)
        self._start("audio/pcm")
        frames = max(1, round(len(text) * settings.ms_per_character / 20))
        self._mocks.spoken += 1
        identity = self._mocks.spoken & 0xFFFF
        sound = speech(settings.voice, number, frames)
        for done in range(0, frames, SLICE_FRAMES):
            if settings.tts_speed:
                await pause(first + done * FRAME / RATE / settings.tts_speed)
            piece = sound[done * FRAME : (done + SLICE_FRAMES) * FRAME]
            self._chunk(marked(piece, identity, done * FRAME // BLOCK).tobytes())
        self._chunk(b"")
        self._mocks.made.append((self._word, identity, frames * FRAME // BLOCK))

    # -- out

    def _start(self, kind: str) -> None:
        self._answered = True
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        self._transport.write(head.encode())

    def _chunk(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _event(self, fields: dict[str, Any]) -> None:
        event = {"id": "bench", "object": "chat.completion.chunk", "created": 0, "model": "mock", **fields}
        self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _whole(self, fields: dict[str, Any]) -> None:
        body = json.dumps(fields).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._answered = True
        self._transport.write(head.encode() + body)


@lru_cache(maxsize=128)
def speech(voice: str, number: int | None, frames: int) -> np.ndarray:
    """So many frames of a word's tone, or of the voice in a file."""
    if voice:
        sound = np.fromfile(voice, "<i2")
    else:
        sound = np.frombuffer(tone(number) if number is not None else bytes(FRAME * 2), "<i2")
    return np.resize(sound, frames * FRAME)


async def pause(until: float) -> None:
    """Sleep until a moment of the monotonic clock; not at all when it is past."""
    left = until - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)


async def main() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def parent_gone() -> None:
        sys.stdin.buffer.read()
        with suppress(RuntimeError):  # the loop may be closed already
            loop.call_soon_threadsafe(over.set)

    threading.Thread(target=parent_gone, daemon=True).start()
    async with asyncio.TaskGroup() as group:
        mocks = Mocks(group)
        server = await loop.create_server(lambda: Connection(mocks), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await over.wait()
        server.close()
    sys.exit(0)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        try:
            import uvloop

            uvloop.run(main())
        except ImportError:
            asyncio.run(main())
