"""Sound that tells which sound it is: a counter in the lowest bit of each sample.

60 samples make a block of 16 bits that mean "a block begins", 16 of an identity (a request, an
utterance), 20 of the block's place in it, 8 of a check. Cutting, joining, holding and framing leave the bits
as they are, so the receiver can count what was lost or came twice. Louder, softer or resampled sound can't be
read any more. -90 dBFS is heard by nobody, a voice detector included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

BLOCK: Final = 60
"""Samples; a frame of 20 ms at 24 kHz is 8 blocks."""
_BEGIN: Final = 0xA5C7
_BITS: Final = np.arange(BLOCK - 1, -1, -1, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Block:
    identity: int
    place: int


def marked(samples: np.ndarray, identity: int, first: int = 0) -> np.ndarray:
    """The same sound with its blocks numbered from `first`; what is left over at its end is not marked."""
    count = len(samples) // BLOCK
    places = np.arange(first, first + count, dtype=np.uint64)
    words = np.uint64(_BEGIN) << np.uint64(44) | np.uint64(identity & 0xFFFF) << np.uint64(28)
    words = words | places << np.uint64(8) | _check(np.uint64(identity & 0xFFFF), places)
    bits = (words[:, None] >> _BITS[None, :]) & np.uint64(1)
    sound = samples.astype(np.int16, copy=True)
    sound[: count * BLOCK] = (sound[: count * BLOCK] & ~1) | bits.reshape(-1).astype(np.int16)
    sound[count * BLOCK :] &= ~1
    return sound


def _check(identity: np.uint64, places: np.ndarray) -> np.ndarray:
    return (identity * np.uint64(31) + places * np.uint64(7) + (places >> np.uint64(8))) & np.uint64(0xFF)


class Reader:
    """Finds the blocks of a stream of s16le, wherever it is cut."""

    def __init__(self) -> None:
        self._left = np.zeros(0, np.uint8)

    def feed(self, pcm: bytes) -> list[Block]:
        """The blocks that are whole now, in order."""
        if not pcm:
            return []
        bits = np.concatenate([self._left, (np.frombuffer(pcm, "<i2") & 1).astype(np.uint8)])
        found: list[Block] = []
        at = 0
        for begin in self._begins(bits):
            if begin < at or begin + BLOCK > len(bits):
                continue
            block = _block(bits[begin : begin + BLOCK])
            if block is not None:
                found.append(block)
                at = int(begin) + BLOCK
        self._left = bits[max(at, len(bits) - BLOCK + 1) :]
        return found

    @staticmethod
    def _begins(bits: np.ndarray) -> np.ndarray:
        if len(bits) < BLOCK:
            return np.zeros(0, np.int64)
        windows = np.zeros(len(bits) - 15, np.uint32)
        for place in range(16):
            windows = windows << np.uint32(1) | bits[place : place + len(windows)]
        return np.flatnonzero(windows == _BEGIN)


def _block(bits: np.ndarray) -> Block | None:
    word = int((bits.astype(np.uint64) << _BITS).sum())
    identity, place = word >> 28 & 0xFFFF, word >> 8 & 0xFFFFF
    expected = int(_check(np.uint64(identity), np.array([place], np.uint64))[0])
    return Block(identity, place) if word & 0xFF == expected else None


@dataclass(frozen=True, slots=True)
class Difference:
    """What a listener got of what a voice made, in blocks."""

    made: int
    got: int
    lost: int
    """Of the middle: made, never received, and something made later was."""
    unsaid: int
    """Of the end: made, and nothing after it was received."""
    repeated: int
    disordered: int
    """Places where the counter goes back."""


def compare(received: Iterable[Block], made: Mapping[int, int]) -> Difference:
    """`made` gives identity -> blocks in the order in which they should sound.

    Blocks of other identities are passed over. What was never begun of the later identities counts as
    unsaid, so a reply that was ended lost nothing.
    """
    order = {identity: number for number, identity in enumerate(made)}
    seen = [block for block in received if block.identity in order]
    places = [(order[block.identity], block.place) for block in seen]
    counts = Counter(places)
    last = max(places, default=(-1, -1))
    lost = unsaid = 0
    for identity, count in made.items():
        for place in range(count):
            key = order[identity], place
            if key in counts:
                continue
            if key < last:
                lost += 1
            else:
                unsaid += 1
    back = sum(later <= earlier for earlier, later in pairwise(places))
    repeated = sum(count - 1 for count in counts.values())
    return Difference(sum(made.values()), len(counts), lost, unsaid, repeated, back)
