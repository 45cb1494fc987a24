"""Where speech begins and ends. Sans-I/O; its clock is the sound itself.

Fed with a speech probability for each stretch of microphone sound, it answers with `Began`, `Paused`,
`WentOn` and `Over`. Since only audio seconds count, a slow or bursty network changes nothing in what it
decides.

    quiet ──p ≥ threshold──▶ rising ──min_speech_ms voiced──▶ speech ◀─voiced──▶ paused
      ▲                        │ silence                                           │ p < release for wait_ms
      └────────────────────────┴───────────────────────────────────────────────────┘

At a pause others may look at what was said and how, and set `wait_ms` for the present pause.
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
class Paused:
    """Silence for so long within an utterance: told at `pause_ms`, then each time it has doubled."""

    silence_ms: float


@dataclass(frozen=True, slots=True)
class WentOn:
    """The speaker goes on after a pause that was told."""

    pause_ms: float


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
        self.wait_ms = float(hearing.silence_ms)
        """So much silence ends the present pause. Set anew by whoever knows better; a pause that the speaker
        ended puts the rule's own number back."""
        self._tell_at = float(hearing.pause_ms)
        self._paused_ms: float | None = None
        """The longest silence of the pause that was told; None outside a pause."""
        self._again_ms = 0.0
        """Voiced sound since that pause."""

    @property
    def paused(self) -> bool:
        """A pause was told and the speaker has not gone on."""
        return self._paused_ms is not None

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

    def feed(
        self, ms: float, probability: float, quiet_ms: float = 0.0
    ) -> list[Began | Paused | WentOn | Over]:
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
        told = self._gone_on(ms) if voiced else self._pausing()
        if self.silence_ms >= self.wait_ms:
            return [*told, self._over("silence")]
        if self._ms - self._onset >= self._rules.max_utterance_ms:
            return [*told, self._over("maximum")]
        return told

    def _pausing(self) -> list[Began | Paused | WentOn | Over]:
        silence = self.silence_ms
        if self._paused_ms is not None:
            self._paused_ms = max(self._paused_ms, silence)
        if silence < self._tell_at:
            return []
        self._tell_at = max(self._tell_at, 1.0) * 2
        self._paused_ms, self._again_ms = silence, 0.0
        return [Paused(silence)]

    def _gone_on(self, ms: float) -> list[Began | Paused | WentOn | Over]:
        """A click is no speech: only so much voice as begins an utterance ends a pause."""
        if self._paused_ms is None:
            return []
        self._again_ms += ms
        if self._again_ms < self._rules.min_speech_ms:
            return []
        pause = self._paused_ms
        self._new_pause()
        return [WentOn(pause)]

    def _new_pause(self) -> None:
        self.wait_ms, self._tell_at = float(self._rules.silence_ms), float(self._rules.pause_ms)
        self._paused_ms, self._again_ms = None, 0.0

    def _rising(self, onset: float) -> list[Began | Paused | WentOn | Over]:
        if self.voiced_ms >= self._rules.min_speech_ms:
            self.speaking = True
            self._new_pause()
            return [Began(onset / 1000)]
        if self.silence_ms > RISE_GAP_MS:
            self._onset = None
        return []

    def _over(self, reason: Literal["silence", "maximum"]) -> Over:
        self.speaking, self._onset, self.voiced_ms = False, None, 0.0
        self._new_pause()
        return Over(self.last_voiced, reason)
