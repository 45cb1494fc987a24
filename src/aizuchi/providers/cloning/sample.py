"""A recording from which a voice is to be cloned: what it is like, and whether a vendor will like it.

A cloned voice sounds like its sample, with its noise and its echo; a vendor charges for a bad one as well.
So it is looked at before anything is sent.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.errors import ConfigError
from aizuchi.providers.cloning.cloner import Limits, Upload

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST: Final = 600.0
"""Seconds that are looked at; no vendor takes a quarter of it."""
HUGE: Final = 200 << 20
"""Bytes of a file that is not even opened."""
_FRAME: Final = 0.02
_QUIET: Final = -35.0
"""dB against the loud parts: silence."""
_SOFT: Final = -20.0
"""dB against the loud parts: the least that counts as speech in a loud room."""
_MIME: Final = {"wav": "audio/wav", "mp3": "audio/mpeg", "m4a": "audio/mp4"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a recording is like. Levels are in dB below full scale, 0 and less."""

    path: Path
    kind: str
    """wav, mp3, m4a, ogg, flac, or what else it is."""
    bits16: bool
    """A WAV of 16-bit integers, or no WAV."""
    bytes: int
    seconds: float
    rate: int
    channels: int
    peak: float
    level: float
    """RMS of the speech, without the pauses."""
    clipped: float
    """Share of the samples at full scale, 0..1."""
    silence: float
    """Share of the time that is pause, 0..1."""
    pause: float
    """Seconds of the longest pause inside."""
    speech: float
    """Seconds of the longest stretch without a pause of half a second."""
    noise: float
    """RMS of the quietest moments: what is heard of the room."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a sample; `grave` if the vendor would refuse it or the voice be bad."""

    kind: str
    grave: bool
    values: dict[str, Any]


def measure(path: Path) -> Sample:
    """Decode a recording and look at it; blocking, about a hundred times faster than it plays.

    Raises ConfigError for what is no sound, or can't be read.
    """
    import numpy as np

    try:
        size = path.stat().st_size
        if not path.is_file() or size > HUGE:
            raise ConfigError(f"{path} is no recording", zh=f"{path} 不是录音")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(f"{path} can't be read: {why}", zh=f"无法读取 {path}：{why}") from error
    opened, pieces = _decoded(path)
    kind, bits16, rate, channels = opened
    whole = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)
    if not whole.shape[1]:
        raise ConfigError(f"{path} holds no sound", zh=f"{path} 里没有声音")
    clipped = float(np.mean(np.abs(whole) >= 0.999))
    peak = float(np.max(np.abs(whole)))
    mono = whole.mean(axis=0)
    step = max(1, round(rate * _FRAME))
    frames = mono[: len(mono) // step * step].reshape(-1, step) if len(mono) >= step else mono.reshape(1, -1)
    power = np.mean(np.square(frames), axis=1)
    floor, loud = (float(each) for each in np.percentile(power, (5, 95)))
    # In a loud room a pause is not silent, only as quiet as the room; soft sounds of speech are louder.
    quiet = power < max(loud * 10 ** (_QUIET / 10), min(floor * 4, loud * 10 ** (_SOFT / 10)))
    voiced = power[~quiet]
    pause, speech = _stretches(quiet)
    return Sample(
        path=path,
        kind=kind,
        bits16=bits16,
        bytes=size,
        seconds=len(mono) / rate,
        rate=rate,
        channels=channels,
        peak=_db(peak * peak),
        level=_db(float(np.mean(voiced))) if len(voiced) else -100.0,
        clipped=clipped,
        silence=float(np.mean(quiet)),
        pause=pause,
        speech=speech,
        noise=_db(floor),
    )


def remarks(sample: Sample, limits: Limits) -> Iterator[Remark]:
    """What a person should know before it is sent, the grave ones first."""
    found = list(_remarks(sample, limits))
    yield from (each for each in found if each.grave)
    yield from (each for each in found if not each.grave)


def _remarks(sample: Sample, limits: Limits) -> Iterator[Remark]:
    low, high = limits.best
    values = {"seconds": sample.seconds, "least": limits.least, "most": limits.most, "low": low, "high": high}
    if sample.seconds < limits.least:
        yield Remark("short", True, values)
    elif sample.seconds > limits.most:
        yield Remark("long", True, values)
    elif not low <= sample.seconds <= high:
        yield Remark("better", False, values)
    if sample.rate < limits.rate:
        yield Remark("rate", True, {"rate": sample.rate, "wanted": limits.rate})
    if sample.level < -45 or sample.peak < -30:
        yield Remark("quiet", True, {"level": sample.level, "peak": sample.peak})
    elif sample.level < -32:
        yield Remark("soft", False, {"level": sample.level, "peak": sample.peak})
    if sample.clipped > 0.001:
        yield Remark("clipped", True, {"share": sample.clipped * 100})
    if sample.silence > 0.6:
        yield Remark("empty", True, {"share": sample.silence * 100})
    if sample.speech < limits.speech and sample.seconds >= limits.least and sample.silence < 0.95:
        yield Remark("broken", True, {"speech": sample.speech, "wanted": limits.speech})
    if sample.pause > limits.pause:
        yield Remark("pause", False, {"pause": sample.pause, "wanted": limits.pause})
    if sample.noise > -100 and sample.level - sample.noise < 20:
        yield Remark("noise", False, {"apart": sample.level - sample.noise})
    if limits.mono and sample.channels > 1:
        yield Remark("mixed", False, {"channels": sample.channels})
    elif sample.kind not in limits.kinds or not sample.bits16:
        yield Remark("converted", False, {"kind": sample.kind})
    size = len(prepared(sample, limits).data) if not _fits(sample, limits) else sample.bytes
    if size > limits.largest:
        yield Remark("large", True, {"size": size / 1e6, "largest": limits.largest / 1e6})


def prepared(sample: Sample, limits: Limits) -> Upload:
    """The file as the vendor takes it: as it is, else as a mono WAV of 16 bits at its own rate."""
    if _fits(sample, limits):
        return Upload(sample.path.read_bytes(), _MIME[sample.kind])
    import wave

    import numpy as np

    (_, _, rate, _), pieces = _decoded(sample.path)
    mono = np.concatenate(pieces, axis=1).mean(axis=0)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes((np.clip(mono, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return Upload(file.getvalue(), _MIME["wav"])


def _fits(sample: Sample, limits: Limits) -> bool:
    mono = sample.channels == 1 or not limits.mono
    return mono and sample.bits16 and sample.kind in limits.kinds and sample.kind in _MIME


def _stretches(quiet: NDArray[Any]) -> tuple[float, float]:
    """The longest pause between two words, and the longest speech without half a second of silence."""
    pause = speech = run = since = 0
    begun = False
    for silent in quiet.tolist():
        run = run + 1 if silent else 0
        if not silent:
            begun, since = True, since + 1
        elif begun:
            since += 1
            if run * _FRAME >= 0.5:
                speech, since, begun = max(speech, since - run), 0, False
        speech = max(speech, since - run)
    inside = quiet.tolist()
    while inside and inside[-1]:
        inside.pop()
    run, begun = 0, False
    for silent in inside:
        begun = begun or not silent
        run = run + 1 if silent and begun else 0
        pause = max(pause, run)
    return pause * _FRAME, speech * _FRAME


def _decoded(path: Path) -> tuple[tuple[str, bool, int, int], list[NDArray[Any]]]:
    """Kind, whether 16 bits suffice, rate and channels; and the samples, -1..1, one row a channel."""
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ConfigError(f"{path} holds no sound", zh=f"{path} 里没有声音")
            stream = container.streams.audio[0]
            codec = stream.codec_context
            rate, channels = codec.sample_rate, codec.channels
            kind = _kind(container.format.name, path)
            bits16 = kind != "wav" or codec.name == "pcm_s16le"
            resampler = av.AudioResampler(format="fltp", layout=codec.layout, rate=rate)
            pieces: list[NDArray[Any]] = []
            length = 0
            for frame in container.decode(stream):
                for even in resampler.resample(frame):
                    pieces.append(even.to_ndarray())
                    length += even.samples
                if length > LONGEST * rate:
                    break
            pieces += [even.to_ndarray() for even in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{path} is no recording that can be read ({why}); a wav, mp3 or m4a is expected",
            zh=f"{path} 不是可以读取的录音（{why}）；应为 wav、mp3 或 m4a",
        ) from error
    return (kind, bits16, rate, channels), pieces


def _kind(names: str, path: Path) -> str:
    known = names.split(",")
    if "m4a" in known or "mp4" in known:
        return "m4a"
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix in known else known[0]


def _db(power: float) -> float:
    return max(-100.0, 10 * math.log10(power)) if power > 0 else -100.0
