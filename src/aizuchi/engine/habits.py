"""Sans-I/O: how long this speaker pauses within what they say. Learned while they speak, per session.

Two things teach: a pause after which the speaker went on, and a cut-off, an end that was decided too early
because they went on right afterwards. The newest `REMEMBERED` of them count, new ones more than old ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

REMEMBERED: Final = 30
SHORTEST_MS: Final = 150
"""Shorter silences belong to the words: closures of consonants, a breath."""
LONGEST_MS: Final = 5_000
"""Longer ones are no pause of speech; somebody was away."""
ENOUGH: Final = 3
"""Pauses before anything is said about them."""
SHARE: Final = 0.8
"""So much of the weight lies at pauses that are no longer than what `pause_ms` tells."""
FADING: Final = 0.93
"""Weight of a pause against that of the one after it; ten pauses later it is half."""


class Habits:
    """The pauses of one speaker."""

    def __init__(self) -> None:
        self._pauses: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def pause_ms(self) -> float | None:
        """How long a long pause within an utterance is; None as long as too little is known.

        The smallest pause such that all pauses up to it bear `SHARE` of the weight.
        """
        if len(self._pauses) < ENOUGH:
            return None
        newest = len(self._pauses) - 1
        weighed = sorted((pause, FADING ** (newest - at)) for at, pause in enumerate(self._pauses))
        wanted = SHARE * sum(weight for _, weight in weighed)
        for pause, weight in weighed:
            wanted -= weight
            if wanted <= 1e-9:
                return pause
        return weighed[-1][0]

    def went_on(self, pause_ms: float) -> None:
        """The speaker paused for so long and went on: within an utterance, or after one that was cut off."""
        if SHORTEST_MS <= pause_ms <= LONGEST_MS:
            self._pauses.append(pause_ms)

    def dump(self) -> list[int]:
        """For the session's snapshot, oldest first."""
        return [round(pause) for pause in self._pauses]

    def load(self, saved: Iterable[Any]) -> None:
        """What `dump` gave; anything else in it is passed over."""
        for pause in saved:
            if isinstance(pause, int | float):
                self.went_on(float(pause))
