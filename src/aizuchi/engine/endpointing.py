"""Where speech begins and ends. Sans-I/O; its clock is the sound itself.

Fed with a speech probability for each stretch of microphone sound, it answers with `Began` and `Over`.
Since only audio seconds count, a slow or bursty network changes nothing in what it decides.

    quiet ──p ≥ threshold──▶ rising ──min_speech_ms voiced──▶ speech
      ▲                        │ silence                        │ p < release for silence_ms
      └────────────────────────┴────────────────────────────────┘

A turn-end model or a look at the transcript may be fused in later: both would shorten or lengthen
the wait while the silence grows, which is why `silence_ms` is public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aizuchi.engine.rules import Hearing

RISE_GAP_MS: Final = 96
"""So much silence inside the first syllable does not undo it; a plosive's closure is shorter."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech is certain now; it began at `at` seconds of sound."""

    at: float


@dataclass(frozen=True, slots=True)
class Over:
    """The utterance ended; its last voiced sample was at `at` seconds of sound."""

    at: float
    reason: Literal["silence", "maximum"]


class Endpointing:
    """One microphone's end-pointer."""

    def __init__(self, hearing: Hearing) -> None:
        self._rules = hearing
        self.speaking = False
        self.voiced_ms = 0.0
        """Voiced sound of the present utterance."""
        self._ms = 0.0
        self._voiced_until = 0.0
        self._onset: float | None = None

    @property
    def at(self) -> float:
        """Seconds of sound fed so far."""
        return self._ms / 1000

    @property
    def last_voiced(self) -> float:
        """Where the last voice ended, in seconds of sound."""
        return self._voiced_until / 1000

    @property
    def silence_ms(self) -> float:
        """Since the last voice."""
        return self._ms - self._voiced_until

    def feed(self, ms: float, probability: float, quiet_ms: float = 0.0) -> list[Began | Over]:
        """Advance by one stretch of sound whose last `quiet_ms` are silence whatever its probability."""
        start, self._ms = self._ms, self._ms + ms
        voiced = probability >= (self._rules.release if self.speaking else self._rules.threshold)
        if voiced:
            self._voiced_until = self._ms - quiet_ms
            if self._onset is None:
                self._onset, self.voiced_ms = start, 0.0
            self.voiced_ms += ms
        if self._onset is None:
            return []
        if not self.speaking:
            return self._rising(self._onset)
        if self.silence_ms >= self._rules.silence_ms:
            return [self._over("silence")]
        if self._ms - self._onset >= self._rules.max_utterance_ms:
            return [self._over("maximum")]
        return []

    def _rising(self, onset: float) -> list[Began | Over]:
        if self.voiced_ms >= self._rules.min_speech_ms:
            self.speaking = True
            return [Began(onset / 1000)]
        if self.silence_ms > RISE_GAP_MS:
            self._onset = None
        return []

    def _over(self, reason: Literal["silence", "maximum"]) -> Over:
        self.speaking, self._onset, self.voiced_ms = False, None, 0.0
        return Over(self.last_voiced, reason)
