"""Log-mel features, against a slow reference that follows the definition sum by sum."""

from __future__ import annotations

import cmath
import math
import random

import numpy as np
import pytest

from aizuchi.providers.crafts.log_mel import HOP, MELS, RATE, WINDOW, Floats, filters, log_mel
from aizuchi.providers.crafts.smart_turn import SAMPLES, samples


def mel(hz: float) -> float:
    """Slaney's scale: 200/3 Hz to the mel up to 1 kHz, then 27 mel to a factor of 6.4."""
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def hz(of: float) -> float:
    low, high = 0.0, 10_000.0
    for _ in range(80):  # the scale only rises, so halving finds the frequency
        middle = (low + high) / 2
        low, high = (middle, high) if mel(middle) < of else (low, middle)
    return low


def slow(sound: list[float]) -> list[list[float]]:
    """Straight from the definition: no transform but the plain sum, no matrix."""
    mean = sum(sound) / len(sound)
    spread = math.sqrt(sum((x - mean) ** 2 for x in sound) / len(sound) + 1e-7)
    level = [(x - mean) / spread for x in sound]
    half = WINDOW // 2
    edged = level[half:0:-1] + level + level[-2 : -half - 2 : -1]
    turns = [cmath.exp(-2j * math.pi * k / WINDOW) for k in range(WINDOW)]
    points = [hz(mel(RATE / 2) * n / (MELS + 1)) for n in range(MELS + 2)]
    rows: list[list[float]] = [[] for _ in range(MELS)]
    for frame in range(len(sound) // HOP):
        piece = edged[frame * HOP : frame * HOP + WINDOW]
        shaped = [x * math.sin(math.pi * n / WINDOW) ** 2 for n, x in enumerate(piece)]
        power = [
            abs(sum(x * turns[n * k % WINDOW] for n, x in enumerate(shaped))) ** 2 for k in range(half + 1)
        ]
        for row, (left, centre, right) in enumerate(zip(points, points[1:], points[2:], strict=False)):
            total = 0.0
            for k, strength in enumerate(power):
                at = k * RATE / WINDOW
                height = (at - left) / (centre - left) if at <= centre else (right - at) / (right - centre)
                total += max(0.0, height) * 2 / (right - left) * strength
            rows[row].append(math.log10(max(total, 1e-10)))
    loudest = max(map(max, rows))
    return [[(max(x, loudest - 8) + 4) / 4 for x in row] for row in rows]


def sounds() -> dict[str, list[float]]:
    dice = random.Random(7)
    count = 6 * HOP + 400
    return {
        "noise": [dice.uniform(-0.3, 0.3) for _ in range(count)],
        "a tone on silence": [
            0.0 if n < 700 else 0.5 * math.sin(2 * math.pi * 440 * n / RATE) for n in range(count)
        ],
        "a tone with an offset": [0.2 + 0.1 * math.sin(2 * math.pi * 3000 * n / RATE) for n in range(count)],
    }


@pytest.mark.parametrize("name", sounds())
def test_features_are_as_defined(name: str):
    """Every value of every band agrees with the sums of the definition."""
    sound = sounds()[name]
    found = log_mel(np.array(sound, np.float32))
    assert found.shape == (MELS, len(sound) // HOP) and found.dtype == np.float32
    assert np.abs(found - np.array(slow(sound))).max() < 2e-3


def test_silence_is_flat():
    """Digital silence has one value everywhere, and it is a number."""
    found = log_mel(np.zeros(RATE, np.float32))
    assert found.shape == (80, 100) and np.ptp(found) == 0.0 and np.isfinite(found).all()


def test_filters_have_unit_area():
    """Each triangle's area is 1 over frequency, where it is wide enough for the bins to tell."""
    area: Floats = filters().sum(axis=1) * (RATE / WINDOW)
    assert np.abs(area[45:] - 1).max() < 0.02


@pytest.mark.parametrize("seconds", [0.0, 0.5, 8.0, 9.5])
def test_the_last_eight_seconds_silence_first(seconds: float):
    """Short sound stands at the end, of long sound the end counts; an odd byte is left out."""
    count = round(seconds * RATE)
    sound = (np.arange(count) % 1000 + 1).astype("<i2")
    found = samples(sound.tobytes() + b"\x01")
    kept = min(count, SAMPLES)
    assert found.shape == (SAMPLES,)
    assert not found[: SAMPLES - kept].any()
    assert np.array_equal(found[SAMPLES - kept :] * 32768, sound[count - kept :])
