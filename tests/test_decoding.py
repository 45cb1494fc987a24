"""Containers decoded while they arrive."""

import asyncio
import gc
import random
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from aizuchi.audio import level
from aizuchi.decoding import decode
from aizuchi.errors import ProviderError
from aizuchi.ports import Audio
from aizuchi.wav import wav_header
from tests.audio_files import CONTAINERS, encoded

RATE = 24_000
SECONDS = 2.0


def chirp() -> bytes:
    """A tone that rises from 300 to 900 Hz over two seconds: each moment sounds different."""
    t = np.arange(int(RATE * SECONDS)) / RATE
    return (np.sin(2 * np.pi * (300 * t + 150 * t**2)) * 12000).astype("<i2").tobytes()


def pitch(pcm: bytes, rate: int) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * rate / len(samples))


async def pieces(data: bytes, size: int, pulled: list[int] | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        if pulled is not None:
            pulled.append(size)
        yield data[start : start + size]


async def decoded(data: bytes, format: str, size: int, **more: int) -> tuple[bytes, int]:
    """All of it joined, and its rate."""
    out = [a async for a in decode(pieces(data, size), format, **more)]
    assert all(a.pcm and len(a.pcm) % 2 == 0 for a in out)
    rates = {a.rate for a in out}
    assert len(rates) <= 1
    return b"".join(a.pcm for a in out), rates.pop() if rates else 0


def threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name == "aizuchi-decode"}


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("size", [97, 4096, 10**7], ids=["drops", "chunks", "whole"])
async def test_every_container(kind: str, size: int):
    """Length, pitch at each moment and loudness come through, however the bytes are cut."""
    pcm, rate = await decoded(encoded(chirp(), RATE, kind), kind, size)
    assert rate == (48_000 if kind == "opus" else RATE)
    assert len(pcm) / 2 / rate == pytest.approx(SECONDS, abs=0.15)
    for second in (0.5, 1.5):
        part = pcm[int((second - 0.1) * rate) * 2 : int((second + 0.1) * rate) * 2]
        assert pitch(part, rate) == pytest.approx(300 + 300 * second, abs=35)
        assert level(part) == pytest.approx(level(chirp()), abs=2)


@pytest.mark.parametrize("kind", CONTAINERS)
async def test_sound_comes_before_the_end(kind: str):
    """The first slice is there before the last byte was asked for."""
    data = encoded(chirp() * 4, RATE, kind)
    pulled: list[int] = []
    async with aclosing(decode(pieces(data, 500, pulled), kind)) as stream:
        first = await anext(stream)
    assert first.pcm
    assert sum(pulled) < len(data) * (0.4 if kind == "flac" else 0.25)


@pytest.mark.parametrize("claimed", ["audio/mpeg", "pcm", "audio/wav; codecs=1", ""])
async def test_content_counts_not_the_claim(claimed: str):
    """A WAV is read as WAV whatever the server called it."""
    pcm, rate = await decoded(wav_header(16_000) + chirp(), claimed, 333)
    assert (pcm, rate) == (chirp(), 16_000)


@pytest.mark.parametrize("kind", [k for k in CONTAINERS if k != "wav"])
async def test_other_containers_are_recognised_too(kind: str):
    """A server that ignores the wanted format is understood all the same."""
    pcm, _ = await decoded(encoded(chirp(), RATE, kind), "audio/wav", 1000)
    assert len(pcm) > RATE


async def test_mp3_behind_a_cover_picture():
    """An ID3 tag larger than the probe does not hide the sound."""
    size = 30_000
    tag = b"ID3\x04\0\0" + bytes([0, size >> 14 & 127, size >> 7 & 127, size & 127])
    picture = b"APIC" + bytes([0, size - 10 >> 14 & 127, size - 10 >> 7 & 127, size - 10 & 127]) + bytes(2)
    body = picture + b"\0image/png\0\3\0" + random.Random(1).randbytes(size - 23)
    pcm, rate = await decoded(tag + body[:size] + encoded(chirp(), RATE, "mp3"), "mp3", 1000)
    assert rate == RATE
    assert len(pcm) / 2 / rate == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize(
    "kind, rate", [("audio/L16; rate=16000", 16_000), ("audio/pcm", 22_050), ("pcm", 22_050)]
)
async def test_bare_pcm(kind: str, rate: int):
    """PCM keeps its samples whole across odd cuts; the rate is the type's own, else the one given."""
    assert await decoded(chirp() + b"x", kind, 333, rate=22_050) == (chirp(), rate)


@pytest.mark.parametrize("size", [1, 500])
@pytest.mark.parametrize(
    "data",
    [
        b'{"error": {"message": "no such voice"}}' * 40,
        random.Random(7).randbytes(20_000),
        encoded(chirp(), RATE, "mp3")[:60],
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RIFF\0\0\0\0AVI LIST",
        b"x",
        bytes(5_000),
    ],
    ids=["json", "noise", "cut mp3", "cut wav", "avi", "one byte", "zeros"],
)
async def test_garbage_is_a_provider_error(data: bytes, size: int):
    """What is no sound ends in a ProviderError, never in another error or for ever."""
    with pytest.raises(ProviderError):
        await decoded(data, "mp3", size)


async def test_damage_in_the_middle_is_survived():
    """A stretch of broken bytes costs its own sound, not the rest."""
    data = bytearray(encoded(chirp(), RATE, "mp3"))
    data[3000:3400] = random.Random(3).randbytes(400)
    pcm, rate = await decoded(bytes(data), "mp3", 512)
    assert len(pcm) / 2 / rate > SECONDS * 0.75


async def test_nothing_gives_nothing():
    """An empty stream is empty sound, and starts no thread."""
    before = threads()  # of an earlier test, on its way out
    assert await decoded(b"", "mp3", 100) == (b"", 0)
    assert threads() <= before


@pytest.mark.parametrize("where", ["before the first slice", "between slices"])
async def test_closing_ends_the_thread(where: str):
    """Cancelled while it waits for bytes, or closed between two slices, the decoder's thread ends."""
    data, before = encoded(chirp(), RATE, "mp3"), threads()
    asked = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield data[:500] if where == "before the first slice" else data
        asked.set()
        await asyncio.Event().wait()

    stream = decode(stalls(), "mp3")
    if where == "before the first slice":
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_drain(stream))
            await asked.wait()
            (thread,) = threads() - before
            task.cancel()
    else:
        await anext(stream)
        (thread,) = threads() - before
        await stream.aclose()
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    gc.collect()


async def _drain(stream: AsyncIterator[Audio]) -> None:
    async for _ in stream:
        pass


async def test_many_decoders_share_the_loop():
    """Twenty streams decode side by side, each gets its own sound."""
    kinds = [CONTAINERS[i % len(CONTAINERS)] for i in range(20)]
    data = {kind: encoded(chirp(), RATE, kind) for kind in CONTAINERS}
    alone = {kind: await decoded(data[kind], kind, 1000) for kind in CONTAINERS}
    assert await asyncio.gather(*(decoded(data[k], k, 1000) for k in kinds)) == [alone[k] for k in kinds]
