"""Voice by loudness alone: no model, next to no cost, easily fooled by music and rattling dishes."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import ClassVar, Final, Self

from pydantic import Field

from aizuchi.audio import Framer, level
from aizuchi.ports import Score, Vad

STRETCH_MS: Final = 10
BUCKET: Final = 50
"""Stretches, half a second, of which the quietest is remembered."""
BUCKETS: Final = 4
"""The floor is the quietest of so many: speech pauses for breath within two seconds, noise does not."""
SMOOTHING: Final = 0.3
"""Share of the newest stretch in the level whose minimum is taken."""
STEEPNESS: Final = 1.5
"""dB round the threshold in which the probability turns from 0.27 to 0.73 and beyond."""


class EnergyVad(Vad):
    """Speech is what is clearly louder than the room's own noise. Embedded, for quiet rooms and tests."""

    name: ClassVar[str] = "energy"
    embedded: ClassVar[bool] = True

    class Options(Vad.Options):
        above: float = Field(
            10.0, ge=3, le=40, description="dB above the room's noise at which speech begins"
        )
        least: float = Field(-50.0, ge=-90, le=0, description="dBFS below which nothing is speech")

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options or self.Options.model_validate({}))

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(level, b"")  # loads numpy, for which the first sound would have to wait
        return self

    @property
    def about(self) -> str:
        return "loudness against the room's noise"

    async def scores(self, audio: AsyncIterator[bytes]) -> AsyncGenerator[Score, None]:
        """Score 16 kHz mono s16le in stretches of 10 ms, at once; the last one may be shorter.

        The caller closes `audio`.
        """
        framer = Framer(16_000, STRETCH_MS)
        room = Room(self.options.above, self.options.least)
        async for chunk in audio:
            for pcm in framer.push(chunk):
                at = level(pcm)
                yield Score(pcm, room.hear(at), at)
        if pcm := framer.flush():
            at = level(pcm)
            yield Score(pcm, room.hear(at), at)


class Room:
    """The noise of one stream's room, followed stretch by stretch."""

    def __init__(self, above: float, least: float) -> None:
        self._above = above
        self._least = least
        self._minima: deque[float] = deque(maxlen=BUCKETS)
        self._smooth: float | None = None
        self._heard = 0

    def hear(self, at: float) -> float:
        """The probability that a stretch of 10 ms at `at` dBFS is speech."""
        self._smooth = at if self._smooth is None else self._smooth + SMOOTHING * (at - self._smooth)
        if self._heard % BUCKET == 0:
            self._minima.append(self._smooth)
        else:
            self._minima[-1] = min(self._minima[-1], self._smooth)
        self._heard += 1
        # The first sound may be speech already, with no room before it: then only its level counts.
        floor = min(self._minima) if self._heard > BUCKET else self._least - self._above
        threshold = max(floor + self._above, self._least)
        return 1 / (1 + math.exp(min(60.0, (threshold - at) / STEEPNESS)))
