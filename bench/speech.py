"""The user's words: a real recording cut to its voiced part, else vowels that a detector takes for speech."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

RATE = 16_000
ROOT = Path(__file__).resolve().parents[1]
NAMES = ("go_forward_ten_meters.wav", "en_sentence.wav", "librivox_austen_0870.wav")
VOICED_DB = 10.0
"""A stretch of 10 ms counts as voiced when it is at most so much quieter than the loudest one.

Strict on purpose. A word's fading tail is no voice to a detector: were it called voiced here, the silence
would seem to be waited for before it began, and every figure would flatter.
"""


def clips(seconds: float = 0.9) -> list[tuple[bytes, str]]:
    """The last `seconds` of each recording's speech, and where it comes from.

    First and last samples are voiced.
    """
    folders = [Path(os.environ["AIZUCHI_SPEECH_DIR"])] if os.environ.get("AIZUCHI_SPEECH_DIR") else []
    folders.append(ROOT.parent / "shared" / "audio")
    for folder in folders:
        found = [folder / name for name in NAMES if (folder / name).is_file()]
        if found:
            from aizuchi.audio import read_wav

            return [
                (cut(np.frombuffer(read_wav(path, RATE)[0], "<i2"), seconds), path.name) for path in found
            ]
    return [(cut(synthetic(seconds + 0.2), seconds), "synthesised vowels (no recording was found)")]


def cut(samples: np.ndarray, seconds: float) -> bytes:
    step = RATE // 100
    blocks = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    level = np.sqrt((blocks**2).mean(axis=1))
    voiced = np.flatnonzero(level >= level.max() * 10 ** (-VOICED_DB / 20))
    end = (int(voiced[-1]) + 1) * step
    start = next(int(block) * step for block in voiced if end - int(block) * step <= seconds * RATE)
    return samples[start:end].astype("<i2").tobytes()


def synthetic(seconds: float) -> np.ndarray:
    """Vowels: a buzz of 120 Hz through three formants, with syllables four times a second."""
    count = int(seconds * RATE)
    at = np.arange(count) / RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 1.3 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros(count)
    for harmonic in range(1, 30):
        frequency = 120 * harmonic
        gain = sum(np.exp(-(((frequency - formant) / 120) ** 2)) for formant in (700, 1200, 2500))
        sound += (gain + 0.02) * np.sin(harmonic * phase)
    sound *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at)
    return (sound / np.abs(sound).max() * 12_000).astype("<i2")
