"""Which sound was sent under which number, so that a client's "played up to here" can be understood."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from aizuchi.events import Played

KEPT: Final = 4_096
"""Chunks that are remembered: 80 s of 20 ms, far more than a client may hold unplayed."""


@dataclass(slots=True)
class _Chunk:
    seq: int
    generation: int
    turn: int
    end_ms: int


class Ledger:
    """The sound that went out on one connection."""

    def __init__(self) -> None:
        self._chunks: deque[_Chunk] = deque(maxlen=KEPT)
        self._ended: deque[tuple[int, int]] = deque(maxlen=16)

    def sent(self, seq: int, generation: int, turn: int, end_ms: int) -> None:
        """A chunk left as message `seq`; with it `end_ms` of the turn's sound are out."""
        self._chunks.append(_Chunk(seq, generation, turn, end_ms))

    def ended(self, turn: int) -> None:
        """All sound of the turn is out."""
        last = next((chunk.seq for chunk in reversed(self._chunks) if chunk.turn == turn), None)
        if last is not None:
            self._ended.append((turn, last))

    def started(self, generation: int, sentence: int) -> Played | None:
        """The client begins a sentence; None when no sound of that generation went out."""
        for chunk in reversed(self._chunks):
            if chunk.generation == generation:
                return Played(chunk.turn, sentence=sentence)
        return None

    def done(self, generation: int, seq: int) -> Played | None:
        """The client has played up to message `seq`; None when no such sound went out.

        A number between two chunks, or behind the last one, stands for the chunk before it.
        """
        for chunk in reversed(self._chunks):
            if chunk.generation == generation and chunk.seq <= seq:
                if (chunk.turn, chunk.seq) in self._ended:
                    return Played(chunk.turn, whole=True)
                return Played(chunk.turn, at_ms=chunk.end_ms)
        return None
