"""Which sound was sent under which number, so that a client's "played up to here" can be understood."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from aizuchi.events import Played

KEPT: Final = 4_096
"""Runs that are remembered. Usually one is a sentence; were each a single chunk, it would still be 80 s."""


@dataclass(slots=True)
class _Run:
    """Chunks of equal length that left directly one after the other; most sentences are one run."""

    seq: int
    """Of the first chunk."""
    generation: int
    turn: int
    end_ms: int
    """Where the first chunk ends."""
    step_ms: int = 0
    count: int = 1

    @property
    def last(self) -> int:
        """Number of the last chunk."""
        return self.seq + self.count - 1

    def end_of(self, seq: int) -> int:
        """Where a chunk of the run ends, in ms of the turn's sound."""
        return self.end_ms + (seq - self.seq) * self.step_ms

    def goes_on(self, seq: int, generation: int, turn: int, end_ms: int) -> bool:
        """Take one more chunk, if it continues this run."""
        if (self.generation, self.turn, self.last + 1) != (generation, turn, seq):
            return False
        step = end_ms - self.end_of(self.last)
        if self.count > 1 and step != self.step_ms:
            return False
        self.step_ms = step
        self.count += 1
        return True


class Ledger:
    """The sound that went out on one connection."""

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque(maxlen=KEPT)
        self._ended: deque[tuple[int, int]] = deque(maxlen=16)

    def sent(self, seq: int, generation: int, turn: int, end_ms: int) -> None:
        """A chunk left as message `seq`; with it `end_ms` of the turn's sound are out."""
        if not (self._runs and self._runs[-1].goes_on(seq, generation, turn, end_ms)):
            self._runs.append(_Run(seq, generation, turn, end_ms))

    def ended(self, turn: int) -> None:
        """All sound of the turn is out."""
        last = next((run.last for run in reversed(self._runs) if run.turn == turn), None)
        if last is not None:
            self._ended.append((turn, last))

    def started(self, generation: int, sentence: int) -> Played | None:
        """The client begins a sentence; None when no sound of that generation went out."""
        for run in reversed(self._runs):
            if run.generation == generation:
                return Played(run.turn, sentence=sentence)
        return None

    def done(self, generation: int, seq: int) -> Played | None:
        """The client has played up to message `seq`; None when no such sound went out.

        A number between two chunks, or behind the last one, stands for the chunk before it.
        """
        for run in reversed(self._runs):
            if run.generation == generation and run.seq <= seq:
                chunk = min(seq, run.last)
                if (run.turn, chunk) in self._ended:
                    return Played(run.turn, whole=True)
                return Played(run.turn, at_ms=run.end_of(chunk))
        return None
