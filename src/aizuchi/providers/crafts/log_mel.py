"""Log-mel features as Whisper defines them, in numpy: what turn-end models of its family are fed with.

The definition, and where it stands:
- 16 kHz; frames of 400 samples every 160, a periodic Hann window, centred with reflected edges, the last
  frame left out; power spectrum; 80 triangular filters of unit area on Slaney's mel scale from 0 to 8 kHz
  (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 2.2 and the
  feature code published with it; the filters are those of librosa's `filters.mel`).
- log10 of at least 1e-10, nothing more than 8 below the loudest, then (x + 4) / 4.
- Before that the samples are brought to mean 0 and variance 1, as Smart Turn was trained (its model card and
  inference example: `WhisperFeatureExtractor(chunk_length=8)` with `do_normalize=True`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000
WINDOW: Final = 400
HOP: Final = 160
MELS: Final = 80
_LINEAR_HZ: Final = 1000.0
"""Slaney's scale: linear below, 15 mel to the kilohertz; logarithmic above, 27 steps to a factor of 6.4."""
_LINEAR_MEL: Final = 15.0
_STEP: Final = np.log(6.4) / 27.0

Floats = NDArray[np.float32]


def log_mel(samples: Floats) -> Floats:
    """Features of shape (80, len(samples) // 160); `samples` are in -1..1, at least 400 of them."""
    level = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    edged = np.pad(level, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(edged, WINDOW)[::HOP][: len(samples) // HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mels = np.log10(np.maximum(filters() @ power.T, 1e-10))
    return ((np.maximum(mels, mels.max() - 8.0) + 4.0) / 4.0).astype(np.float32)


@cache
def filters() -> Floats:
    """The filter bank, (80, 201)."""
    edges = _hz(np.linspace(0.0, float(_mel(np.array(RATE / 2))), MELS + 2))
    bins = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (right - left)).astype(np.float32)


@cache
def _hann() -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LINEAR_MEL + np.log(np.maximum(hz, 1e-9) / _LINEAR_HZ) / _STEP
    return np.where(hz < _LINEAR_HZ, hz * _LINEAR_MEL / _LINEAR_HZ, above)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LINEAR_HZ * np.exp((mel - _LINEAR_MEL) * _STEP)
    return np.where(mel < _LINEAR_MEL, mel * _LINEAR_HZ / _LINEAR_MEL, above)
