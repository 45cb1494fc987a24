"""Sound as bytes: facts about PCM, framing, resampling, WAV files.

PCM is mono s16le everywhere in this house. Beside this file stand `opus.py` (packets), `wav.py` (the format)
and `decoding.py` (containers decoded while they arrive). `av` and `soxr` are loaded only when something must
be decoded or resampled, numpy with the first sound: it takes a tenth of the server's start.
"""

from __future__ import annotations

import math
import wave
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from aizuchi.errors import ConfigError
from aizuchi.wav import WavReader

SILENT: Final = -100.0
"""dBFS of digital silence."""


# ------------------------------------------------------------------ facts


def duration_ms(size: int, rate: int) -> float:
    """How long `size` bytes last."""
    return size // 2 * 1000 / rate


def size_of(ms: float, rate: int) -> int:
    """Bytes of the whole samples within `ms`."""
    return int(rate * ms / 1000) * 2


def silence(ms: float, rate: int) -> bytes:
    return bytes(size_of(ms, rate))


def level(pcm: bytes) -> float:
    """RMS in dBFS: 0 for a full-scale square wave, `SILENT` for nothing. An odd last byte is left out."""
    count = len(pcm) // 2
    if not count:
        return SILENT
    power = _energy()(pcm, count) / count
    return max(SILENT, 10 * math.log10(power / 32768**2)) if power else SILENT


@cache
def _energy() -> Callable[[bytes, int], float]:
    """The sum of the squares of so many samples. Every 10 ms of every microphone asks for it."""
    import numpy as np

    read, sample, single = np.frombuffer, np.dtype("<i2"), np.float32

    def energy(pcm: bytes, count: int) -> float:
        samples = read(pcm, sample, count).astype(single)
        return float(samples.dot(samples))

    return energy


# ------------------------------------------------------------------ framing and resampling


class Framer:
    """Cuts a byte stream, sliced anywhere, into frames of equal length."""

    def __init__(self, rate: int, ms: float) -> None:
        self._size = size_of(ms, rate)
        if not self._size:
            raise ValueError(f"a frame of {ms} ms at {rate} Hz has no sample")
        self._rest = b""

    def push(self, data: bytes) -> Iterator[bytes]:
        """The frames that are complete now."""
        data, size = self._rest + data, self._size
        whole = len(data) // size * size
        self._rest = data[whole:]
        return (data[i : i + size] for i in range(0, whole, size))

    def flush(self, *, pad: bool = False) -> bytes:
        """What is left, if anything, filled up with silence if `pad`. A lone half sample is dropped."""
        rest, self._rest = self._rest[: len(self._rest) // 2 * 2], b""
        return rest.ljust(self._size, b"\0") if pad and rest else rest


class Resampler:
    """Streaming change of rate by soxr. Quality LQ delays by 6 ms and costs 4 us per 20 ms; HQ, soxr's own
    default, would delay by 33 ms and is for files.

    Slices may be cut anywhere, also within a sample. Callable as `resampler(pcm, last)`.
    """

    def __init__(self, source: int, target: int, quality: str = "LQ") -> None:
        self._rest = b""
        self._stream: Any = None
        if source != target:
            import soxr  # pyright: ignore[reportMissingTypeStubs]

            self._stream = soxr.ResampleStream(source, target, 1, dtype="int16", quality=quality)

    def push(self, pcm: bytes) -> bytes:
        """What is ready of the sound so far; may be empty."""
        return self(pcm, False)

    def flush(self) -> bytes:
        """The end of the sound; afterwards a new stream may begin."""
        return self(b"", True)

    def __call__(self, pcm: bytes, last: bool) -> bytes:
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) // 2 * 2
        data, self._rest = data[:whole], b"" if last else data[whole:]
        if self._stream is None:
            return data
        import numpy as np

        ready: bytes = self._stream.resample_chunk(np.frombuffer(data, "<i2"), last=last).tobytes()
        if last:
            self._stream.clear()
        return ready


# ------------------------------------------------------------------ WAV files


def read_wav(path: Path | str, rate: int | None = None) -> tuple[bytes, int]:
    """A file of any rate, channels and width as mono s16le: `(pcm, rate)`.

    `rate` resamples. Raises ConfigError when the file is missing or is not WAV. Blocks.
    """
    reader = WavReader()
    try:
        pcm = reader.push(Path(path).read_bytes())
        reader.end()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if rate is None or rate == reader.rate:
        return pcm, reader.rate
    return Resampler(reader.rate, rate, "HQ")(pcm, True), rate


def write_wav(path: Path | str, pcm: bytes, rate: int) -> None:
    """Write mono s16le. Raises ConfigError when the place can't be written. Blocks."""
    try:
        with Path(path).open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(pcm)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
