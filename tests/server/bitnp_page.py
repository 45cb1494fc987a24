"""bitnp's page with its player, written from the protocol's document: it plays what it gets and says so."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable
from typing import Any, cast

from tests.server.bitnp_client import WITHIN, Bitnp


def seconds(media_data: str) -> float:
    """How long a sound is. Walks over the chunks as the real player does, and is as strict."""
    wav = base64.b64decode(media_data.removeprefix("data:audio/wav;base64,"), validate=True)
    assert wav[:4] == b"RIFF" and wav[8:12] == b"WAVE", "Not a valid WAV file"
    at, rate, width = 12, 0, 0
    while at < len(wav):
        kind, size = cast("tuple[bytes, int]", struct.unpack_from("<4sI", wav, at))
        if kind == b"fmt ":
            format_, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", wav, at + 8)
            assert (format_, channels, bits) == (1, 1, 16), "Only PCM WAV format is supported"
            width = channels * bits // 8
        elif kind == b"data":
            assert at + 8 + size == len(wav) and size, "No audio data found in WAV file"
            return size / width / rate
        at += 8 + size
    raise AssertionError("No audio data found in WAV file")


class Page(Bitnp):
    """Enter it to connect; `run` as a task. `reports`: it tells when it has played a sentence."""

    def __init__(self, base: str, name: str = "shumeiniang", *, reports: bool = True, **more: Any) -> None:
        super().__init__(base, "frontend", name, **more)
        self.events: list[dict[str, Any]] = []
        """Everything but the pieces of a sentence that follow its first, and what the real page ignores."""
        self.subtitle = ""
        self.slide: int | None = None
        self.slides: list[str] = []
        self.played = 0.0
        """Seconds of sound that came."""
        self.most_queued = 0.0
        self._reports = reports
        self._free_at = 0.0
        self._more_came = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        async for frame in self.socket:
            message = json.loads(frame)
            if isinstance(data := message.get("data"), dict):
                self._take(cast("dict[str, Any]", data), loop)
            self._more_came.set()

    def _take(self, data: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        match data["type"]:
            case "start_of_response":
                self.subtitle = ""
            case "say_aloud":
                self.subtitle += data["content"]
                self._play(data, loop)
            case "ppt_assets":
                self.slides, self.slide = data["urls"], 1
            case "flip_ppt_page" if 1 <= data["page_num"] <= (len(self.slides) or 100):
                self.slide = data["page_num"]
            case "viseme" | "emotion" | "lecture_state" | "user_text":
                self.events.append(data)
                return
            case _:
                pass
        if data["type"] != "say_aloud" or data["content"]:
            self.events.append(data)

    def _play(self, data: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        length, now = seconds(data["media_data"]), loop.time()
        self._free_at = max(now, self._free_at) + length
        self.played += length
        self.most_queued = max(self.most_queued, self._free_at - now)
        assert self._free_at - now < 120, "Audio queue is too large"
        if self._reports and data["is_last"]:
            loop.call_at(self._free_at, self._finished, data["seq"], loop)

    def _finished(self, seq: int, loop: asyncio.AbstractEventLoop) -> None:
        if self.socket.close_code is None:
            done = {"type": "audio_playback_finished", "seq": seq, "media_id": seq}
            self._last = loop.create_task(self.event(done))

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["type"] == type_]

    @property
    def types(self) -> list[str]:
        """What the real page understands, in order."""
        ours = ("viseme", "emotion", "lecture_state", "user_text", "interrupt", "stop_audio")
        return [each["type"] for each in self.events if each["type"] not in ours]

    async def until(self, true: Callable[[], Any], within: float = WITHIN) -> None:
        async with asyncio.timeout(within):
            while not true():
                self._more_came.clear()
                await self._more_came.wait()

    async def until_of(self, type_: str, count: int = 1) -> dict[str, Any]:
        await self.until(lambda: len(self.of(type_)) >= count)
        return self.of(type_)[count - 1]
