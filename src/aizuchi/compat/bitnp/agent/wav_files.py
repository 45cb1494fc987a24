"""A voice's bytes -> WAV files that the page plays: whole ones, 16-bit mono, each small enough for a frame.

The page wants true lengths and takes one file a message; receivers in Python take messages up to 1 MiB.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Any, Final

from aizuchi.compat.bitnp.tts.either_way import pieces, whole
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav
from aizuchi.decoding import decode
from aizuchi.wav import PCM, WavFormat, WavReader, to_mono

log = logging.getLogger(__name__)

LARGEST: Final = 640_000
"""Bytes of samples in one file: 13 s at 24 kHz, under 900 kB as base64."""
HEADER: Final = 44
SILENT: Final = pcm2wav(b"")
"""A file without a sample, which the page takes for played at once."""


async def spoken(tts: Any, text: str, *, stream: bool) -> AsyncGenerator[bytes, None]:
    """A sentence as WAV files, one a piece of the voice's; one without a sample where there is no sound.

    So the page gets the text in any case: a text in which nothing can be said asks no voice, and what a voice
    raises ends its sentence and is logged.
    """
    silent = True
    if any(char.isalnum() for char in text):
        try:
            async with aclosing(_sound(tts, text, stream)) as files:
                async for file in files:
                    yield file
                    silent = False
        except Exception:
            log.exception("%s failed", type(tts).__name__)
    if silent:
        yield SILENT


async def _sound(tts: Any, text: str, stream: bool) -> AsyncGenerator[bytes, None]:
    """Raises what the voice raises, TimeoutError, ValueError for bytes that are not what `format` says."""
    kind = getattr(tts, "format", "wav")
    async with aclosing(pieces(tts, text) if stream else _once(tts, text)) as given:
        files = _packed(given, _Samples(tts), kind) if kind in ("wav", "pcm") else _decoded(given)
        async with aclosing(files) as packed:
            async for file in packed:
                yield file


def seconds(file: bytes) -> float:
    """How long one of our WAV files plays."""
    rate = int.from_bytes(file[24:28], "little")
    return (len(file) - HEADER) / 2 / rate if rate else 0.0


async def _once(tts: Any, text: str) -> AsyncGenerator[bytes, None]:
    yield await whole(tts, text)


async def _packed(given: AsyncIterable[bytes], samples: _Samples, kind: str) -> AsyncGenerator[bytes, None]:
    reader: WavReader | None = None
    async for chunk in given:
        if kind == "pcm":
            pcm, rate = samples.push(chunk), samples.rate
        elif not chunk:
            pcm, rate = b"", samples.rate
        elif _playable(chunk):
            yield chunk
            continue
        else:
            # A file of another shape, or one that was cut: the header in the first piece, bare samples after.
            if reader is None or chunk.startswith(b"RIFF"):
                reader = WavReader()
            pcm = await asyncio.to_thread(reader.push, chunk) if len(chunk) > LARGEST else reader.push(chunk)
            rate = reader.rate or samples.rate
        for file in files(pcm, rate):
            yield file


async def _decoded(given: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """MP3 and whatever else libav knows; what comes out is gathered into files of a fifth of a second."""
    held, rate = b"", 0
    async with aclosing(decode(given, "mp3")) as slices:
        async for slice_ in slices:
            held, rate = held + slice_.pcm, slice_.rate
            if len(held) >= rate * 2 // 5:
                for file in files(held, rate):
                    yield file
                held = b""
    if held:
        for file in files(held, rate):
            yield file


def files(pcm: bytes, rate: int) -> list[bytes]:
    """Mono s16le as WAV files; one without a sample for none."""
    return [pcm2wav(pcm[at : at + LARGEST], rate) for at in range(0, len(pcm), LARGEST)] or [
        pcm2wav(b"", rate)
    ]


def _playable(chunk: bytes) -> bool:
    """Whether bytes are a file just as the page wants it, and not too large; it then travels untouched."""
    shape = b"fmt \x10\x00\x00\x00\x01\x00\x01\x00"
    return (
        HEADER <= len(chunk) <= LARGEST + HEADER
        and chunk[:4] == b"RIFF"
        and chunk[8:24] == b"WAVE" + shape
        and chunk[34:40] == b"\x10\x00data"
        and int.from_bytes(chunk[40:44], "little") == len(chunk) - HEADER
        and int.from_bytes(chunk[4:8], "little") == len(chunk) - 8
    )


class _Samples:
    """Bare samples of the shape that a voice states -> mono s16le; half a sample waits for its other half."""

    def __init__(self, tts: Any) -> None:
        self.rate: int = getattr(tts, "sample_rate", 24000)
        channels, bits = getattr(tts, "channels", 1), getattr(tts, "bits_per_sample", 16)
        self._shape = WavFormat(PCM, channels, self.rate, bits)
        self._rest = b""

    def push(self, chunk: bytes) -> bytes:
        data = self._rest + chunk
        at = len(data) // self._shape.block * self._shape.block
        self._rest = data[at:]
        return to_mono(data[:at], self._shape)
