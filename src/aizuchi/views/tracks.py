"""A WAV file that grows, for a recording: always readable, also when the process is killed."""

from __future__ import annotations

from pathlib import Path

from aizuchi.audio import Resampler
from aizuchi.wav import wav_header

MAX_BYTES = 0xFFFF0000
"""A WAV can't say that it is longer; what comes after is left out."""


class Track:
    """Mono s16le of one rate; sound of another rate is converted. Blocks; raises OSError."""

    def __init__(self, path: Path, rate: int) -> None:
        self._rate = rate
        self._size = 0
        self._resampler: tuple[int, Resampler] | None = None
        self._file = path.open("xb")
        self._file.write(wav_header(rate))

    @property
    def ms(self) -> int:
        """Length so far."""
        return self._size // 2 * 1000 // self._rate

    def add(self, pcm: bytes, rate: int) -> int:
        """Append sound; returns how many bytes the file has grown."""
        if rate != self._rate:
            if self._resampler is None or self._resampler[0] != rate:
                self._resampler = (rate, Resampler(rate, self._rate))
            pcm = self._resampler[1].push(pcm)
        pcm = pcm[: max(0, MAX_BYTES - self._size)]
        self._file.write(pcm)
        self._size += len(pcm)
        return len(pcm)

    def close(self) -> None:
        """Write the length into the header."""
        with self._file:
            self._file.seek(0)
            self._file.write(wav_header(self._rate, self._size))
