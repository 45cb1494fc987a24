"""Aizuchi's voices for scripts: from plain code, from loops, kept open, closed in time."""

import asyncio
import io
import threading
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Self

import pytest

from aizuchi.compat.bitnp.tts import create_tts
from aizuchi.compat.bitnp.tts import studio as studio_module
from aizuchi.compat.bitnp.tts.studio import AHEAD, Studio
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style, Voice

SLICE = Audio(b"\x01\x02" * 10, 16_000)


class Singer(Voice):
    """Sings a slice a character, and notes what became of it."""

    def __init__(self) -> None:
        super().__init__(Voice.Options())
        self.entered = self.left = 0
        self.sung = 0
        self.closed = threading.Event()
        self.fails: Exception | None = None
        self.threads: set[str] = set()

    async def __aenter__(self) -> Self:
        self.entered += 1
        if self.fails is not None:
            raise self.fails
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.left += 1

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio, None]:
        self.threads.add(threading.current_thread().name)
        try:
            for char in sentence.spoken:
                if char == "!":
                    raise ProviderError("off key")
                if char == "?":
                    raise ZeroDivisionError
                self.sung += 1
                yield SLICE
        finally:
            self.closed.set()


async def sing(studio: Studio, singer: Singer, text: str, key: Any = "a") -> int:
    async with aclosing(studio.say(key, lambda: singer, text, Style())) as slices:
        return len([each async for each in slices])


def test_one_voice_for_many_loops():
    """It is opened once, whatever loops ask it, and lives in a thread of its own."""
    studio, singer = Studio(), Singer()
    assert [asyncio.run(sing(studio, singer, "la" * n)) for n in range(3)] == [0, 2, 4]
    assert (singer.entered, singer.left) == (1, 0)
    assert singer.threads == {"aizuchi-voices"}


async def test_many_at_once():
    studio, singer = Studio(), Singer()
    sung = await asyncio.gather(*(sing(studio, singer, "x" * n) for n in range(20)))
    assert sung == list(range(20))
    assert singer.entered == 1


async def test_what_a_voice_raises():
    """It reaches the script; the voice stays open. An unforeseen one comes as a ProviderError."""
    studio, singer = Studio(), Singer()
    with pytest.raises(ProviderError, match="off key"):
        await sing(studio, singer, "la!")
    with pytest.raises(ProviderError, match="ZeroDivisionError"):
        await sing(studio, singer, "la?")
    assert await sing(studio, singer, "la") == 2
    assert singer.entered == 1


@pytest.mark.parametrize("error", [ConfigError("no key"), ZeroDivisionError()])
async def test_a_voice_that_does_not_open(error: Exception):
    """The reason is told, and the next request tries again."""
    studio, singer = Studio(), Singer()
    singer.fails = error
    for _ in range(2):
        with pytest.raises((ConfigError, ProviderError), match=r"no key|ZeroDivisionError"):
            await sing(studio, singer, "la")
    singer.fails = None
    assert await sing(studio, singer, "la") == 2
    assert singer.entered == 3


async def test_warming():
    """A voice may be opened ahead of its first sentence; what goes wrong then is told with that."""
    studio, singer = Studio(), Singer()
    await studio.warm("a", lambda: singer)
    assert singer.entered == 1
    assert await sing(studio, singer, "la") == 2
    broken = Singer()
    broken.fails = ConfigError("no key")
    await studio.warm("b", lambda: broken)
    with pytest.raises(ConfigError):
        await sing(studio, broken, "la", key="b")


async def test_closing_closes_the_stream():
    """Who stops listening stops the voice, which was a bounded number of slices ahead."""
    studio, singer = Studio(), Singer()
    async with aclosing(studio.say("a", lambda: singer, "x" * 10_000, Style())) as slices:
        await anext(slices)
    assert await asyncio.to_thread(singer.closed.wait, 30)
    assert singer.sung <= AHEAD + 2


async def test_the_oldest_is_closed(monkeypatch: pytest.MonkeyPatch):
    """Of many voices only so many stay open."""
    monkeypatch.setattr(studio_module, "KEPT", 2)
    studio, singers = Studio(), [Singer() for _ in range(3)]
    for number in (0, 1, 0, 2, 0):
        await sing(studio, singers[number], "la", key=number)
    async with asyncio.timeout(30):
        while not singers[1].left:  # noqa: ASYNC110 (another thread tells nobody)
            await asyncio.sleep(0.005)
    assert [singer.entered for singer in singers] == [1, 1, 1]
    assert [singer.left for singer in singers] == [0, 1, 0]


def frames(file: bytes) -> int:
    with wave.open(io.BytesIO(file), "rb") as read:
        assert (read.getnchannels(), read.getsampwidth()) == (1, 2)
        return read.getnframes()


async def test_any_voice_by_name():
    """`create_tts("aizuchi", ...)` gives WAV files of any voice of the server's, whole and in slices."""
    voice = create_tts("aizuchi", provider="tone", language="en")
    whole = frames(await voice.synthesize("Hello there."))
    assert whole > 0
    files = [each async for each in voice.synthesize_stream("Hello there.")]
    assert sum(map(frames, files)) == whole
    assert frames(await asyncio.to_thread(voice.synthesize, "Hello there.")) == whole
    assert await voice.synthesize("?!") == b""


def test_no_such_voice():
    with pytest.raises(ConfigError, match="unknown"):
        create_tts("aizuchi", provider="nobody")
    with pytest.raises(ValueError, match="nonsense"):
        create_tts("aizuchi", provider="tone", nonsense=1)
