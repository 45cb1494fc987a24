"""Voices as users write them: to the guide, to the original's code, and otherwise."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aizuchi.compat.bitnp.tts import REGISTRY, AbstractTTS
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav


def sound(text: str) -> bytes:
    """10 ms a character, s16le at 24 kHz; each character its own value."""
    return b"".join(bytes([ord(char) % 200 + 1, 0]) * 240 for char in text)


class PlainVoice(AbstractTTS):
    """To the guide: a plain method for the whole, an async one for the stream. It blocks its thread."""

    def __init__(self, format: str = "pcm", **_: Any) -> None:
        super().__init__(format)

    def synthesize(self, text: str) -> bytes:
        time.sleep(0.01)
        return sound(text) if self.format == "pcm" else pcm2wav(sound(text))

    async def synthesize_stream(self, text: str) -> AsyncIterator[bytes]:
        for at in range(0, len(text), 2):
            piece = sound(text[at : at + 2])
            yield piece if self.format == "pcm" else pcm2wav(piece)


class AsyncVoice(PlainVoice):
    """To the code: async both."""

    async def synthesize(self, text: str) -> bytes:  # pyright: ignore
        return super().synthesize(text)


class CoroutineVoice(PlainVoice):
    """As Genie's: a plain method that gives a coroutine, and no stream."""

    def synthesize(self, text: str) -> Any:
        async def work() -> bytes:
            return sound(text)

        return work()

    def synthesize_stream(self, text: str) -> Any:
        raise NotImplementedError


class GeneratorVoice(PlainVoice):
    """Plain both: the stream is a plain generator."""

    def synthesize_stream(self, text: str) -> Iterator[bytes]:  # pyright: ignore
        yield from (sound(char) for char in text)


class BrokenVoice(PlainVoice):
    """Fails after its first piece."""

    def synthesize(self, text: str) -> bytes:
        raise RuntimeError("no voice today")

    async def synthesize_stream(self, text: str) -> AsyncIterator[bytes]:
        yield sound(text[:1])
        raise RuntimeError("lost my voice")


VOICES: dict[str, type[PlainVoice]] = {
    "plain": PlainVoice,
    "async": AsyncVoice,
    "coroutine": CoroutineVoice,
    "generator": GeneratorVoice,
    "broken": BrokenVoice,
}


def register(monkeypatch: Any) -> None:
    for name, voice in VOICES.items():
        monkeypatch.setitem(REGISTRY, name, voice)
