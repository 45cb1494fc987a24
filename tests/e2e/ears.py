"""Does a reply's sound hold speech, and which? Asked of a recogniser that knows only a few sentences.

Free dictation can't read synthesised speech; a grammar can. It always answers with one of its sentences,
so there must be several, and tests show that different replies are told apart.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from aizuchi.audio import Resampler, level
from aizuchi.ports import Final, Hints
from aizuchi.providers.asr.pocketsphinx import PocketsphinxRecognizer

GOING = "going forward ten meters"
SENTENCES = (
    GOING,
    "going backward ten meters",
    "going forward four miles",
    "turning left",
    "turning right at the station",
    "all right",
    "goodbye it was a pleasure to talk with you",
    "i heard you well i only lack the wits to answer",
    "you are welcome",
)


async def sentence(pcm: bytes, rate: int, among: Sequence[str] = SENTENCES) -> str:
    """Which of the sentences the sound is; empty if it is none. AssertionError for silence."""
    assert level(pcm) > -40, f"the sound is all but silent: {level(pcm):.0f} dBFS"
    resampler = Resampler(rate, 16_000)
    sound = resampler(pcm, True) if rate != 16_000 else pcm
    # Silence round it, as a microphone would hear it.
    sound = bytes(9_600) + sound + bytes(9_600)
    options = PocketsphinxRecognizer.Options(grammar=list(among), workers=1, waiting=1)
    async with (
        asyncio.timeout(90),
        PocketsphinxRecognizer(options) as recogniser,
        aclosing(recogniser.transcribe(_slices(sound), Hints())) as results,
    ):
        final = [result async for result in results][-1]
    assert isinstance(final, Final)
    return final.text


async def _slices(sound: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(sound), 3_200):
        yield sound[start : start + 3_200]
