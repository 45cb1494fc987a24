"""A voice that hums: each sentence one steady tone, so that stale sound gives itself away.

For tests and the bench. The tone tells which sentence it belongs to: `frequency_of` gives it, `heard` reads
it back from a piece of sound.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import lru_cache
from itertools import count
from typing import Literal

from pydantic import Field

from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style, Voice

LOWEST = 200.0
"""Hz of the first tone; the others follow in steps of 20."""
STEP = 20.0
TONES = 100


class ToneVoice(Voice):
    """A tone for each sentence. Embedded; speaks every language equally badly."""

    name = "tone"
    embedded = True

    class Options(Voice.Options):
        frequency: Literal["text", "count", "index"] = Field(
            default="text",
            description="what the tone tells: text, a checksum of the sentence; count, how many this voice "
            "has spoken before; index, the sentence's place in its turn",
        )
        rate: int = Field(default=24_000, ge=8_000, le=48_000, description="sample rate in Hz")
        ms_per_character: float = Field(default=60.0, ge=0, le=1_000, description="length of the sound")
        shortest_ms: int = Field(
            default=120, ge=0, le=60_000, description="no sentence sounds shorter than this"
        )
        first_ms: float = Field(default=0.0, ge=0, le=60_000, description="wait before the first slice")
        slice_ms: int = Field(default=40, ge=1, le=1_000, description="length of a slice")
        pace: float = Field(
            default=0.0,
            ge=0,
            le=1_000,
            description="slices come so many times as fast as they sound; 0: at once",
        )
        level: float = Field(default=0.25, gt=0, le=1, description="amplitude, 1 is full scale")
        streaming: bool = Field(default=False, description="also take text while it is written")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._count = count()

    @property
    def about(self) -> str:
        return "a test tone for each sentence, no speech"

    @property
    def streams(self) -> bool:
        return self._options.streaming

    async def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Audio]:
        """Hum a sentence; an empty one gives nothing. Phase and length depend on the text alone."""
        number = self._number(sentence.spoken, sentence.index)
        if not sentence.spoken:
            return
        if self._options.first_ms:
            await asyncio.sleep(self._options.first_ms / 1000)
        async with aclosing(self._hum(number, sentence.spoken, style, self._options.shortest_ms)) as slices:
            async for slice_ in slices:
                yield slice_

    async def speak(
        self, text: AsyncIterator[str], style: Style, language: str
    ) -> AsyncGenerator[Audio | Spoken, None]:
        """Hum every piece as soon as it comes, and say so; its index is the place of its first character."""
        done = 0
        async for piece in text:
            if not done and self._options.first_ms:
                await asyncio.sleep(self._options.first_ms / 1000)
            async with aclosing(self._hum(self._number(piece, done), piece, style, 0)) as slices:
                async for slice_ in slices:
                    yield slice_
            done += len(piece)
            yield Spoken(done)

    def _number(self, text: str, index: int) -> int:
        match self._options.frequency:
            case "count":
                return next(self._count)
            case "index":
                return index
            case "text":
                return zlib.crc32(text.encode("utf-8", "replace"))

    async def _hum(
        self, number: int, text: str, style: Style, shortest_ms: float
    ) -> AsyncGenerator[Audio, None]:
        options = self._options
        loop = asyncio.get_running_loop()
        began = loop.time()
        speed = style.speed if style.speed > 0 else 1.0
        ms = max(float(shortest_ms), len(text) * options.ms_per_character / speed)
        left = round(ms * options.rate / 1000)
        period = _period(frequency_of(number), options.rate, options.level)
        size = options.rate * options.slice_ms // 1000
        sent = 0
        while left > 0:
            samples = min(size, left)
            yield Audio(_cut(period, sent, samples), options.rate)
            sent += samples
            left -= samples
            if options.pace:
                due = began + sent / options.rate / options.pace
                await asyncio.sleep(max(0.0, due - loop.time()))
            else:
                await asyncio.sleep(0)


def frequency_of(number: int) -> float:
    """The tone of a number, in Hz; numbers a hundred apart share one."""
    return LOWEST + STEP * (number % TONES)


def heard(pcm: bytes, rate: int) -> int | None:
    """Which of the hundred tones a piece of sound is, or None for silence. Needs 50 ms or more.

    Measures the energy at each tone's frequency (Goertzel's algorithm), so a little noise does not matter.
    """
    samples = array("h", pcm[: len(pcm) & ~1])
    samples = samples[: rate // 20 * (len(samples) // (rate // 20) or 1)]
    if not samples or max(samples) - min(samples) < 64:
        return None
    return max(range(TONES), key=lambda number: _energy(samples, frequency_of(number), rate))


def _energy(samples: Sequence[int], frequency: float, rate: int) -> float:
    turn = 2 * math.cos(2 * math.pi * frequency / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    return before * before + last * last - turn * before * last


@lru_cache(maxsize=2 * TONES)
def _period(frequency: float, rate: int, level: float) -> bytes:
    """A stretch of the tone that can be repeated without a click: all tones fit into 50 ms."""
    samples = rate // 20
    peak = level * 32_767
    return array(
        "h", (round(peak * math.sin(2 * math.pi * frequency * at / rate)) for at in range(samples))
    ).tobytes()


def _cut(period: bytes, start: int, samples: int) -> bytes:
    begin = start * 2 % len(period)
    need = begin + samples * 2
    return (period * (need // len(period) + 1))[begin:need]
