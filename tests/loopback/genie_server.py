"""Genie TTS's HTTP server on loopback: as the package 2.0.2 behaves, its faults included, and more to order.

Sound is a tone of 50 ms a character at 32 kHz, one chunk a sentence, with a stretch of near silence behind
it, labelled as WAV and headerless. After `/stop`, and for a reference that can't be read, the answer never
ends; for a model that is not there it is empty. `python -m tests.loopback.genie_server PORT` runs it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import PurePath
from typing import Any

from tests.loopback.serving import Exchange, LoopbackServer
from tests.loopback.sound import tone

RATE = 32_000
MS = 50
TAIL_MS = 90
_EXTENSIONS = {".wav", ".flac", ".ogg", ".aiff", ".aif"}


class GenieLoopback(LoopbackServer):
    """`spoken` is what was said to its end, in order."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.characters: dict[str, dict[str, Any]] = {}
        self.references: dict[str, dict[str, Any]] = {}
        self.spoken: list[str] = []
        self.together = 0
        """How many requests to speak there are now; the package can't bear a second one."""
        self.most = 0
        self.stops = 0
        self.trouble: list[str] = []
        """Of the next sentences, one each: stall, drop, empty, odd, error, forget, slow, flood."""
        self.deaf = False
        """A stop is not answered."""
        self.broken_models = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """As a restart would."""
        self.characters.clear()
        self.references.clear()

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if (request.method, request.path) == ("GET", "/openapi.json"):
            await exchange.json(200, {"openapi": "3.1.0", "info": {"title": "FastAPI"}})
        elif request.method != "POST":
            await exchange.json(405, {"detail": "Method Not Allowed"})
        elif request.path == "/load_character":
            await self._load(exchange)
        elif request.path == "/set_reference_audio":
            await self._reference(exchange)
        elif request.path == "/tts":
            await self._tts(exchange)
        elif request.path == "/stop":
            self.stops += 1
            if self.deaf:
                await exchange.stall()
            await exchange.json(200, {"status": "success", "message": "TTS stopped."})
        else:
            await exchange.json(404, {"detail": "Not Found"})

    async def _load(self, exchange: Exchange) -> None:
        given = _fields(exchange, "character_name", "onnx_model_dir", "language")
        if given is None:
            await exchange.json(422, {"detail": [{"type": "missing"}]})
        elif self.broken_models:
            await exchange.json(500, {"detail": "ONNX Model not found: vits_fp32.onnx"})
        else:
            self.characters[given["character_name"]] = given
            await exchange.json(200, {"status": "success"})

    async def _reference(self, exchange: Exchange) -> None:
        given = _fields(exchange, "character_name", "audio_path", "audio_text", "language")
        if given is None:
            await exchange.json(422, {"detail": [{"type": "missing"}]})
        elif PurePath(given["audio_path"]).suffix.lower() not in _EXTENSIONS:
            await exchange.json(400, {"detail": "Audio format is not supported."})
        else:
            self.references[given["character_name"]] = given
            await exchange.json(200, {"status": "success"})

    async def _tts(self, exchange: Exchange) -> None:
        given = _fields(exchange, "character_name", "text")
        if given is None:
            await exchange.json(422, {"detail": [{"type": "missing"}]})
            return
        fault = self.trouble.pop(0) if self.trouble else ""
        if fault == "forget":
            self.forget()
        if given["character_name"] not in self.references:
            await exchange.json(404, {"detail": "Character not found or reference audio not set."})
            return
        if fault == "error":
            await exchange.json(500, {"detail": "it broke"})
            return
        self.together += 1
        self.most = max(self.most, self.together)
        stopped = self.stops
        try:
            await exchange.head(200, {"content-type": "audio/wav", "transfer-encoding": "chunked"})
            await self._speak(exchange, given, fault)
            if self.stops != stopped:
                await exchange.stall()
            await exchange.end()
            self.spoken.append(given["text"])
        finally:
            self.together -= 1

    async def _speak(self, exchange: Exchange, given: dict[str, Any], fault: str) -> None:
        if fault == "empty" or given["character_name"] not in self.characters:
            return
        if "unreadable" in self.references[given["character_name"]]["audio_path"]:
            await exchange.stall()
        text = given["text"]
        sentences = re.findall(r"[^.!?。！？]+[.!?。！？]*", text) if given.get("split_sentence") else [text]
        for number, sentence in enumerate(sentences):
            if fault == "stall" and number:
                await exchange.stall()
            if fault == "drop" and number:
                exchange.drop()
            if fault == "slow":
                await asyncio.sleep(0.05)
            sound = tone(sentence.strip(), MS, RATE) + b"\5\0" * (RATE * TAIL_MS // 1000)
            step = 333 if fault == "odd" else len(sound)
            for at in range(0, len(sound), step):
                await exchange.data(sound[at : at + step])
            for _ in range(200 if fault == "flood" else 0):
                await exchange.data(bytes(10_000))


def _fields(exchange: Exchange, *names: str) -> dict[str, Any] | None:
    try:
        given = exchange.request.json
    except ValueError:
        return None
    fine = isinstance(given, dict) and all(isinstance(given.get(name), str) for name in names)
    return given if fine else None


async def serve(port: int) -> None:
    async with GenieLoopback(port) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
