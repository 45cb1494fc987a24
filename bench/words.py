"""What the bench's replies are about: each turn has a word, each word a tone, by which stale sound is known.

All tones are multiples of 50 Hz and so come out whole in a frame of 20 ms, whatever its place.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

RATE = 24_000
FRAME = RATE // 50
WORDS: Final = """
    amber anchor apple autumn basil beacon berry birch bottle branch bridge button camel candle canvas
    carpet castle cedar cherry clover cobalt copper coral cotton desert dragon eagle ember falcon feather
    fennel forest garden ginger granite hazel helmet island ivory jasmine kettle ladder lantern lemon
    linen magnet maple marble meadow mirror nutmeg olive orchid paper pebble pepper plum pocket raven
    river saddle silver timber walnut
""".split()  # noqa: SIM905
TONES = [400 + 100 * number for number in range(len(WORDS))]
NUMBERS = {word: number for number, word in enumerate(WORDS)}
_WORD = re.compile("|".join(WORDS))


def word_in(text: str) -> int | None:
    """The number of the first word a text holds."""
    found = _WORD.search(text.lower())
    return NUMBERS[found[0]] if found else None


def tone(number: int) -> bytes:
    """20 ms of a word's tone."""
    at = np.arange(FRAME) / RATE
    return (8_000 * np.sin(2 * np.pi * TONES[number] * at)).astype("<i2").tobytes()


def heard(pcm: bytes) -> int | None:
    """Which word's tone the first 20 ms of some sound are; None for a shorter piece or silence."""
    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2")[:FRAME]
    if len(samples) < FRAME or not samples.any():
        return None
    peak = int(np.argmax(np.abs(np.fft.rfft(samples)))) * 50
    return TONES.index(peak) if peak in TONES else None


def reply(number: int, tokens: int) -> list[str]:
    """A reply about a word, in pieces as a model gives them; each of its clauses holds the word.

    The first clause is four pieces long, a usual length; the wait for them is part of what is measured.
    """
    word = WORDS[number]
    text = [word.title(), " is", " your", " word,", f" and {word}", " it", " shall", " be", "."]
    more = [" So", f" {word}", " goes", " on", " and", " on", f" as {word}", " does", "."]
    while len(text) < tokens:
        text += more
    return text
