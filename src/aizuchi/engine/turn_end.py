"""Sans-I/O: how much silence ends the present pause. Fuses what the layers say, each of which may be missing.

`Hearing.silence_ms` is what an utterance ends by when nobody knows better. Two layers lean to one side, and
their leanings are added:

    transcript   finished +1      unknown  0      unfinished -1      no text  0
    model        p = 0.9  +0.5    p = 0.5  0      p = 0.1    -1      not asked, late or failed  0
                 (straight between; no more beyond)

    both together   +1.5     +1      0      -1     -2
    silence_ms x     0.4    0.6      1       2      3    (straight between)

Then the speaker's habit: somebody who pauses for `habit_ms` within a sentence is given a quarter more than
that. It counts in full up to a sum of 0, the less the surer the two are, and not at all from +1 on:

    wait = wait + (1 - sum) x (1.25 x habit_ms - wait)    if 1.25 x habit_ms is longer, for sums from 0 to 1

Last, the result stays between `TurnEnd.shortest_ms` and `longest_ms`, unless `silence_ms` itself lies
outside: the user chose it, and what they chose is never stretched or cut by these bounds. With no evidence
the result is `silence_ms`.

With the defaults (600; 250 and 2000):

    transcript   model   habit     wait
    -            -       -          600
    finished     -       -          360
    unknown      0.95    -          480
    finished     0.95    -          250   (0.4 x 600 = 240, and not under 250)
    unknown      0.1     -         1200
    unfinished   -       -         1200
    unfinished   0.95    -          900
    unfinished   0.1     -         1800
    finished     0.1     -          600
    unknown      -       800       1000
    finished     -       800        360
    unfinished   -       400       1200
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

from aizuchi.engine.endings import Ending
from aizuchi.engine.rules import TurnEnd

_FACTORS: Final = ((-2.0, 3.0), (-1.0, 2.0), (0.0, 1.0), (1.0, 0.6), (1.5, 0.4))
_SURE: Final = 0.4
"""A model's distance from 0.5 that counts in full: 0.9 and above, 0.1 and below."""
_TRUST: Final = 0.5
"""A model takes many a clause for the whole; when it says "not finished" it is nearly always right. So its
"finished" bears half the weight (`bench/pauses.py` shows both)."""
_HABIT: Final = 1.25
_WORDS: Final[dict[Ending, float]] = {"finished": 1.0, "unknown": 0.0, "unfinished": -1.0}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a pause; None where a layer is off, or knows nothing."""

    transcript: Ending | None = None
    """How what was said so far ends."""
    model: float | None = None
    """The turn-end model's probability, 0..1, that the speaker has finished."""
    habit_ms: float | None = None
    """A long pause of this speaker, within an utterance."""

    @property
    def lean(self) -> float:
        """From -2, the speaker goes on, to +1.5, they have finished."""
        words = _WORDS[self.transcript] if self.transcript is not None else 0.0
        model = (self.model - 0.5) / _SURE if self.model is not None else 0.0
        return words + max(-1.0, min(1.0, model)) * (_TRUST if model > 0 else 1.0)


def wait_ms(silence_ms: float, rules: TurnEnd, evidence: Evidence) -> float:
    """Milliseconds of silence that end the present pause; `silence_ms` is the rule without evidence."""
    lean = evidence.lean
    wait = silence_ms * _factor(lean)
    habit = (evidence.habit_ms or 0.0) * _HABIT
    if habit > wait and lean < 1:
        wait += min(1.0, 1.0 - lean) * (habit - wait)
    return max(min(rules.shortest_ms, silence_ms), min(max(rules.longest_ms, silence_ms), wait))


def _factor(lean: float) -> float:
    for (low, at_low), (high, at_high) in itertools.pairwise(_FACTORS):
        if lean <= high:
            return at_low + (max(lean, low) - low) / (high - low) * (at_high - at_low)
    return _FACTORS[-1][1]
