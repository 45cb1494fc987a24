"""The humming voice: a sentence is known by its tone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style
from aizuchi.providers.tts.tone import ToneVoice, frequency_of, heard

PLAIN = Style()


def voice(**options: Any) -> ToneVoice:
    return ToneVoice(ToneVoice.Options.model_validate(options))


async def hum(chosen: ToneVoice, text: str, index: int = 0, style: Style = PLAIN) -> list[Audio]:
    return [slice_ async for slice_ in chosen.say(Sentence(1, index, text, text), style)]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
async def test_every_tone_is_told_apart(rate: int):
    """Each of the hundred tones is recognised, at every rate, from a tenth of a second."""
    chosen = voice(frequency="index", rate=rate)
    for number in range(0, 100, 9):
        pcm = b"".join(slice_.pcm for slice_ in await hum(chosen, "hello", number))
        assert heard(pcm[: rate // 10 * 2], rate) == number


async def test_what_the_tone_tells():
    """By text the same sentence sounds the same; by count each one differs."""
    by_text, by_count = voice(), voice(frequency="count")
    assert await hum(by_text, "one") == await hum(by_text, "one", 5)
    assert await hum(by_text, "one") != await hum(by_text, "two")
    tones = [heard(b"".join(s.pcm for s in await hum(by_count, "one")), 24_000) for _ in range(3)]
    assert tones == [0, 1, 2]


async def test_length():
    """A sentence lasts so long per character, less at a higher speed, never under the shortest."""
    chosen = voice(ms_per_character=50, shortest_ms=100, rate=8_000)

    async def ms(text: str, speed: float = 1.0) -> float:
        return sum(len(slice_.pcm) for slice_ in await hum(chosen, text, style=Style(speed=speed))) / 16

    assert [await ms("a" * 10), await ms("a" * 10, 2.0), await ms("a"), await ms("")] == [500, 250, 100, 0]


async def test_slices_join_without_a_click():
    """Cut in slices or not, the wave is the same, to the sample."""
    thin, thick = await hum(voice(slice_ms=7), "hello"), await hum(voice(slice_ms=1_000), "hello")
    assert b"".join(slice_.pcm for slice_ in thin) == b"".join(slice_.pcm for slice_ in thick)
    assert len(thin) > len(thick) == 1


async def test_first_byte_and_pace(monkeypatch: pytest.MonkeyPatch):
    """It waits for the first slice as told and then keeps the pace; the waits are counted, not waited."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("aizuchi.providers.tts.tone.asyncio.sleep", counted)
    slices = await hum(voice(first_ms=150, pace=2, slice_ms=50, ms_per_character=20), "hello there")
    assert len(slices) == 5
    assert waits[0] == pytest.approx(0.15)
    for number, wait in enumerate(waits[1:], 1):  # each is due on the voice's own clock, which hardly moved
        assert wait <= 0.15 + min(number * 0.05, 0.22) / 2


def test_silence_has_no_tone():
    """Silence and nothing at all are no tone; frequencies repeat after a hundred."""
    assert heard(bytes(4_800), 24_000) is None and heard(b"", 24_000) is None
    assert frequency_of(3) == frequency_of(103)


async def test_text_is_hummed_while_it_is_written():
    """Each piece sounds before the next one is asked for, and the voice says how far it is."""
    voice = ToneVoice(ToneVoice.Options(streaming=True, ms_per_character=50))
    assert voice.streams and not ToneVoice(ToneVoice.Options()).streams
    steps: list[str | int] = []

    async def written() -> AsyncIterator[str]:
        for piece in ("One", " two"):
            steps.append(piece)
            yield piece

    sound = b""
    async for item in voice.speak(written(), Style(), "en"):
        if isinstance(item, Spoken):
            steps.append(item.upto)
        else:
            sound += item.pcm
    assert steps == ["One", 3, " two", 7]
    assert len(sound) == 7 * 50 * 24 * 2
