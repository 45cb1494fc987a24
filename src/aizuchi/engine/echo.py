"""Does the microphone hear the user, or the character's own voice? Sans-I/O.

Two tracks run side by side in steps of 10 ms: what the microphone hears and what the ear plays meanwhile,
each as its loudness in a few bands of frequency. An echo is the second track again, later (up to 600 ms:
two networks, two buffers, a room) and at another level. While nothing but the echo is heard, the patterns
agree; from such a stretch the *path*, delay and level, is learned. From then on a voice is whatever is
clearly louder than the echo would be, so that somebody who talks over the echo is heard, too.

Loudness rather than samples: its correlation survives codecs, resampling, clocks that differ and rooms, and
costs little. Bands, because the rise and fall of any two voices agree at some delay, their vowels do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_MS: Final = 10
DELAYS: Final = 61
"""0 to 600 ms."""
WINDOW: Final = 100
"""Steps that are compared: one second."""
LEAST: Final = 30
"""With fewer steps of sound in the reference nothing can be said."""
EVERY: Final = 12
"""Steps between two comparisons."""
RARELY: Final = 48
"""The same once the path is known. A comparison takes half a millisecond."""
ALIKE: Final = 0.80
"""Correlation from which a stretch is an echo; with other voices 99 of 100 comparisons stay below 0.7."""
COVERED: Final = 0.5
"""So much of the sound on either side must meet sound on the other."""
LOUDER: Final = 2.0
"""A voice is so many times louder than the echo would be: 6 dB."""
SYLLABLE: Final = 5
"""Fewer loud steps are no voice."""
FLOOR: Final = 30.0
"""RMS in sample values, below which nothing is heard."""
STALE: Final = 600
"""Steps of sound in the reference without an agreement after which a path is forgotten."""
EDGES: Final = (1, 3, 5, 8, 12, 18, 26, 40)
"""Bands in bins of 100 Hz, which is what 10 ms give at any rate."""

Verdict = Literal["echo", "voice", "unsure"]


@dataclass(frozen=True, slots=True)
class Path:
    """How the reply comes back."""

    delay_ms: int
    gain: float


def track(pcm: bytes, rate: int) -> NDArray[Any]:
    """Each whole 10 ms as a row: its RMS in sample values, then that of each band. 5 ms count as 10."""
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    step = rate // 100
    rest = len(samples) % step
    if rest:
        samples = samples[:-rest] if rest * 2 < step else np.pad(samples, (0, step - rest))
    steps = samples.reshape(-1, step)
    power = np.abs(np.fft.rfft(steps, axis=1)[:, : EDGES[-1]]) ** 2
    bands = np.sqrt(2 * np.add.reduceat(power, EDGES[:-1], axis=1)) / step
    return np.column_stack([np.sqrt(np.mean(steps**2, axis=1)), bands]).astype(np.float32)


def heard_track(pcm: bytes, rate: int) -> NDArray[Any]:
    """`track` for a microphone: where nothing is loud enough to be compared, the bands are not asked for."""
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2")
    if len(samples) and max(int(samples.max()), -int(samples.min())) > 3 * FLOOR:
        return track(pcm, rate)
    return silent(len(samples) // (rate // 100))


def silent(steps: int) -> NDArray[Any]:
    """So many steps in which nothing is played."""
    import numpy as np

    return np.zeros((steps, len(EDGES)), dtype=np.float32)


class Echo:
    """One microphone beside one ear. `heard` is fed with both tracks; `verdict` tells what is heard now."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.agreement = 0.0
        """The best correlation of the latest comparison."""
        self._mic = self._ear = silent(WINDOW + DELAYS - 1)
        self._until_next = EVERY
        self._since_alike = 0
        self._compared = False
        self._guess: int | None = None

    def heard(self, mic: NDArray[Any], ear: NDArray[Any]) -> None:
        """What the microphone heard and what the ear played in the same steps, as `track` makes them."""
        import numpy as np

        steps = len(mic)
        if not steps:
            return
        size = len(self._mic)
        self._mic = np.concatenate([self._mic, mic])[-size:]
        self._ear = np.concatenate([self._ear, ear])[-size:]
        self._since_alike += int((ear[:, 0] > FLOOR).sum())
        self._until_next -= steps
        if self._until_next <= 0:
            self._compare()
            self._until_next = EVERY if self.path is None else RARELY

    @property
    def sounds(self) -> bool:
        """The ear plays something, or did within the longest delay."""
        return bool(self._ear[-DELAYS:, 0].max() > FLOOR)

    def verdict(self, steps: int) -> Verdict:
        """What the microphone's last `steps` are. "unsure": there was too little to compare."""
        if not self.sounds:
            return "voice"
        if self.path is not None:
            return "voice" if self._excess(self.path, min(steps, WINDOW)) else "echo"
        return "unsure" if not self._compared or self._guess is not None else "voice"

    def _excess(self, path: Path, steps: int) -> bool:
        """Whether most of what can be heard is louder than the echo can be."""
        mic, ear = self._mic[:, 0].tolist(), self._ear[:, 0].tolist()
        delay = path.delay_ms // STEP_MS
        loud = louder = 0
        for at in range(len(mic) - steps, len(mic)):
            if mic[at] <= 3 * FLOOR:
                continue
            loud += 1
            near = ear[max(0, at - delay - 6) : at - delay + 3]  # a room smears it over some steps
            louder += mic[at] > LOUDER * path.gain * max(near, default=0.0) + FLOOR
        return loud >= SYLLABLE and louder * 2 >= loud

    def _compare(self) -> None:
        """Look for the reference in the last second of the microphone, at every delay."""
        import numpy as np

        ear, mic = self._ear, self._mic[-WINDOW:]
        self._compared, self.agreement, before = False, 0.0, self._guess
        self._guess = None
        if (ear[:, 0] > FLOOR).sum() < LEAST:
            return
        self._compared = True
        if self._since_alike > STALE:
            self.path = None
        heard: Any = mic[:, 0] > 3 * FLOOR
        if heard.sum() < LEAST:
            return  # nothing comes back
        # Only steps with sound on both sides: that two voices begin and end together means nothing.
        view = np.lib.stride_tricks.sliding_window_view
        sounds: Any = view(ear[:, 0] > 3 * FLOOR, WINDOW)
        both: Any = (sounds & heard).astype(np.float32)
        count: Any = np.maximum(both.sum(axis=1), 1.0)
        shape: Any = np.log(mic[:, 1:] + FLOOR / 3)
        shapes: Any = view(np.log(ear[:, 1:] + FLOOR / 3), WINDOW, axis=0).transpose(0, 2, 1)
        # Loudness is heard by its logarithm. Without each band's mean the colour of room and loudspeaker is
        # gone, and a steady noise is nothing.
        weighed: Any = shapes * both[:, :, None]
        mean_mic: Any = (both @ shape) / count[:, None]
        mean_ear: Any = weighed.sum(axis=1) / count[:, None]
        cross: Any = np.einsum("dtb,tb->db", weighed, shape) - count[:, None] * mean_mic * mean_ear
        power_mic: Any = both @ shape**2 - count[:, None] * mean_mic**2
        power_ear: Any = np.einsum("dtb,dtb->db", weighed, shapes) - count[:, None] * mean_ear**2
        alike: Any = cross.sum(axis=1) / np.sqrt(
            np.maximum(power_mic.sum(axis=1) * power_ear.sum(axis=1), 1.0)
        )
        # What the ear plays must be heard, and what is heard be played.
        covered: Any = both.sum(axis=1) / np.maximum(sounds.sum(axis=1), heard.sum())
        alike = np.where((count >= LEAST) & (covered >= COVERED), alike, 0.0)
        best = int(alike.argmax())
        self.agreement = float(alike[best])
        if self.agreement >= ALIKE:
            self._guess = best
            if before is not None and abs(before - best) <= 2:
                self._learn(best)

    def _learn(self, best: int) -> None:
        """Two comparisons in a row found the same delay, which chance does not."""
        import numpy as np

        heard, mic = self._ear[best : best + WINDOW, 0], self._mic[-WINDOW:, 0]
        sure: Any = (heard > 4 * FLOOR) & (mic > FLOOR)
        if sure.sum() >= LEAST // 2:
            self._since_alike = 0
            self.path = Path((DELAYS - 1 - best) * STEP_MS, float(np.median(mic[sure] / heard[sure])))
