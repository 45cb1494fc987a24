"""The gate before Silero: clear silence is known as such without a model. Sans-I/O.

Silero judges windows of 32 ms. The gate spares it clear silence, which is most of what an idle microphone
sends, and, more important, spares the conversation the wait: silence is known 10 ms after it began, so an
end-point decision does not wait for a window to fill.

A stretch is clear silence when it is all but digitally quiet, near the noise floor, or very far below the
voice heard before; never when it is only a little below that voice. The floor is learned only from sound
that the model called no speech (or that was gated), so a steady vowel cannot pass for noise; it is the
lowest level of the last second or so, so a slammed door does not raise it and a fan that stops lowers it at
once.

    shut ──a stretch that is not clear──▶ open ──CLOSE_MS of clear silence──▶ shut

While it is open every sample is judged, short dips within words included: a dip's stretches are held back
until it is certain whether speech goes on (they get their window's probability) or silence came (0).
When it opens, the first window reaches back over the gated sound, so that the model hears the onset with
what came before it, and answers after one stretch instead of 32 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aizuchi.audio import SILENT, level
from aizuchi.ports import Score

WINDOW: Final = 512
"""Samples of one window at 16 kHz; the model's fixed size."""
CONTEXT: Final = 64
"""Samples before the window that the model wants to see as well."""
UNITS: Final = (160, 160, 192)
"""A window's stretches in samples: 10, 10 and 12 ms."""
GRAIN: Final = 32
"""Samples, 2 ms, to which the end of the voice is found within a stretch."""
CLOSE_MS: Final = 60.0
"""Longer than a window: what is still unjudged when the gate shuts is then clear silence entirely."""

QUIET: Final = -70.0
"""dBFS below which there is no speech worth hearing."""
NEAR_FLOOR: Final = 6.0
"""dB above the lowest level of noise that still count as noise."""
LOUD_NOISE: Final = -42.0
"""dBFS above which nothing is called silence, however steady it is."""
FAR_BELOW_VOICE: Final = 36.0
"""dB below the voice's peaks at which there is silence, whatever the noise floor."""
FAR_BELOW: Final = -56.0
"""dBFS up to which the rule above is trusted: a far voice may follow a near one."""
NEAR_VOICE: Final = 20.0
"""dB below the voice's peaks above which nothing is called silence."""
VOICE_FADES: Final = 0.003
"""dB per ms of voice by which an older, louder peak is forgotten."""
VOICE_KEPT_MS: Final = 10_000.0
"""So much sound without voice, and the next voice may be anybody's."""
SMOOTHING: Final = 0.3
"""Share of the newest stretch in the level whose minimum is taken: a dip of 10 ms is no floor."""
BUCKET_MS: Final = 800.0
"""The floor is the minimum of this bucket of noise and the one before."""
FLOOR_AFTER_MS: Final = 300.0
"""So much noise must have been heard before its floor counts."""


class Floor:
    """What silence sounds like here: noise floor and voice, learned from judged sound."""

    def __init__(self) -> None:
        self._lowest = (0.0, 0.0)
        """Of the bucket before and the present one, dBFS."""
        self._in_bucket = 0.0
        self._smooth: float | None = None
        self._heard = 0.0
        self._voice: float | None = None
        self._since_voice = 0.0

    @property
    def limit(self) -> float:
        """dBFS; a stretch at or below it is clear silence."""
        limit = QUIET
        if self._heard >= FLOOR_AFTER_MS:
            limit = max(limit, min(min(self._lowest) + NEAR_FLOOR, LOUD_NOISE))
        if self._voice is None:
            return limit
        limit = max(limit, min(self._voice - FAR_BELOW_VOICE, FAR_BELOW))
        return min(limit, self._voice - NEAR_VOICE)

    def noise(self, at: float, ms: float) -> None:
        """`ms` of sound at `at` dBFS were no speech."""
        self._heard += ms
        self._in_bucket += ms
        self._smooth = at if self._smooth is None else self._smooth + SMOOTHING * (at - self._smooth)
        before, now = self._lowest
        if self._in_bucket > BUCKET_MS:
            before, now, self._in_bucket = now, 0.0, ms
        self._lowest = (before, min(now, self._smooth))
        self._since_voice += ms
        if self._since_voice > VOICE_KEPT_MS:
            self._voice = None

    def voice(self, at: float, ms: float) -> None:
        """`ms` of sound at `at` dBFS were speech."""
        self._voice = at if self._voice is None else max(at, self._voice - VOICE_FADES * ms)
        self._since_voice = 0.0


@dataclass(slots=True)
class _Stretch:
    pcm: bytes
    level: float
    clear: bool
    quiet_ms: float = 0.0
    probability: float | None = None

    @property
    def ms(self) -> float:
        return len(self.pcm) / 32


class Gate:
    """One stream's slicing. Feed it, then alternate `window` (answered with `judged`) and `settled`.

    All stretches that `settled` gives, joined, are the input in order and without loss, except half a
    sample at the very end. `gated=False` judges every window, for comparison.
    """

    def __init__(self, *, gated: bool = True) -> None:
        self._gated = gated
        self._floor = Floor()
        self._buffer = bytearray()
        self._past = bytes(2 * (WINDOW + CONTEXT))
        """The sound before `_buffer`."""
        self._open = not gated
        self._waiting: deque[_Stretch] = deque()
        self._window: list[_Stretch] = []
        """The stretches of the present window; they stand in `_waiting` too."""
        self._dip: list[_Stretch] = []
        """The clear stretches at the end of `_waiting` while the gate is open."""

    def feed(self, pcm: bytes) -> None:
        """Take 16 kHz mono s16le, cut anywhere."""
        self._buffer += pcm

    def window(self) -> bytes | None:
        """The next window to be judged, with its context before it; None when more sound is wanted."""
        while len(self._buffer) >= (size := self._next_size()):
            stretch = self._take(size)
            if not self._open:
                if stretch.clear:
                    self._shut(stretch)
                    continue
                self._open = True
                self._window = [stretch]
                return self._past
            self._window.append(stretch)
            if stretch.clear and self._gated:
                self._dip.append(stretch)
                if sum(s.ms for s in self._dip) >= CLOSE_MS:
                    self._close()
                    continue
            else:
                self._dip.clear()
            if len(self._window) == len(UNITS):
                return self._past
        return None

    def last_window(self) -> bytes | None:
        """After the end of the sound: the window that ends with it, or None when all is settled."""
        if len(self._buffer) >= 2:
            stretch = self._take(len(self._buffer) // 2 * 2)
            if self._open or not stretch.clear:
                self._window.append(stretch)
            else:
                self._shut(stretch)
        self._dip.clear()
        return self._past if self._window else None

    def judged(self, probability: float) -> None:
        """What the model says of the last window given out."""
        for stretch in self._window:
            stretch.probability = probability
            if probability >= 0.5:
                self._floor.voice(stretch.level, stretch.ms)
            elif probability < 0.2:
                self._floor.noise(stretch.level, stretch.ms)
        self._window = []

    def settled(self) -> Iterator[Score]:
        """The stretches whose probability is certain now, in order."""
        while len(self._waiting) > len(self._dip) and self._waiting[0].probability is not None:
            stretch = self._waiting.popleft()
            assert stretch.probability is not None
            yield Score(stretch.pcm, stretch.probability, stretch.level, stretch.quiet_ms)

    def _next_size(self) -> int:
        if self._open:
            return 2 * UNITS[len(self._window)]
        # While shut a stretch takes all there is, from 10 up to 20 ms, so that none waits for the next chunk.
        have = len(self._buffer) // 2 * 2
        return have if 2 * UNITS[0] <= have <= 4 * UNITS[0] else 2 * UNITS[0]

    def _take(self, size: int) -> _Stretch:
        pcm = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._past = (self._past + pcm)[-2 * (WINDOW + CONTEXT) :]
        at = level(pcm)
        limit = max(self._floor.limit, SILENT)
        stretch = _Stretch(pcm, at, at <= limit)
        if not stretch.clear and self._gated:
            stretch.quiet_ms = self._quiet_end(pcm, limit)
        self._waiting.append(stretch)
        return stretch

    def _quiet_end(self, pcm: bytes, limit: float) -> float:
        """How many ms at the end of a stretch are clear silence. While a voice goes on one look tells: none.

        The voice seldom stops where a stretch does; without this its end would be told up to 12 ms late, and
        the end-point would half the time wait for one more frame of 20 ms.
        """
        end = len(pcm)
        while end >= 2 * GRAIN and level(pcm[end - 2 * GRAIN : end]) <= limit:
            end -= 2 * GRAIN
        return (len(pcm) - end) / 32

    def _shut(self, stretch: _Stretch) -> None:
        stretch.probability = 0.0
        self._floor.noise(stretch.level, stretch.ms)

    def _close(self) -> None:
        for stretch in self._dip:
            self._shut(stretch)
        self._window, self._open = [], False
        self._dip.clear()
