"""Files for Chromium's microphone: real recorded speech, with silences where a test wants them."""

from pathlib import Path

from aizuchi.audio import write_wav
from tests.speech import speech

RATE = 16_000
GO = "go_forward_ten_meters.wav"
"""What is said there: tests.speech.WORDS."""


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def voice(name: str = GO) -> bytes:
    """A recording without the quiet before and after it."""
    pcm = speech(name)
    frames = [pcm[at : at + 640] for at in range(0, len(pcm) - 639, 640)]
    loud = [number for number, frame in enumerate(frames) if _peak(frame) > 1_000]
    return b"".join(frames[max(0, loud[0] - 5) : loud[-1] + 6])


def compose(folder: Path, *parts: bytes | float) -> Path:
    """A WAV file of these stretches of sound and seconds of silence; it ends in a minute of silence."""
    pcm = b"".join(part if isinstance(part, bytes) else silence(part) for part in parts)
    file = folder / "microphone.wav"
    write_wav(file, pcm + silence(60), RATE)
    return file


def _peak(frame: bytes) -> int:
    return max(abs(value) for value in memoryview(frame).cast("h"))
