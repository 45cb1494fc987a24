"""When a listener hums ("mm-hm") while the user speaks long. Sans-I/O; counts in sound, not wall clock.

A hum comes in a breath of the speaker's, after `every` seconds of their voice without one, and never where
they seem to have finished: that is the place of the answer.
"""

from __future__ import annotations

from typing import Final

BREATH_MS: Final = 150
"""A shorter gap lies between two words rather than two thoughts."""


class Humming:
    """One microphone's listener. `every` is in seconds of voice; 0 never hums."""

    def __init__(self, every: float) -> None:
        self._every_ms = every * 1000
        self._utterance = -1
        self._since_ms = 0.0
        self._in_pause = False

    def paused(self, utterance: int, voiced_ms: float, silence_ms: float, *, finished: bool) -> bool:
        """A pause in which so much had been said was told; whether to hum now."""
        if utterance != self._utterance:
            self._utterance, self._since_ms, self._in_pause = utterance, 0.0, False
        if self._every_ms <= 0 or finished or self._in_pause or silence_ms < BREATH_MS:
            return False
        if voiced_ms - self._since_ms < self._every_ms:
            return False
        self._since_ms, self._in_pause = voiced_ms, True
        return True

    def went_on(self) -> None:
        self._in_pause = False
