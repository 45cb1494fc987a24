"""The silence after Genie's sentences, made equally long."""

from __future__ import annotations

from typing import Final

QUIET: Final = 10
"""Samples up to this are silence."""
TAIL_MS: Final = 200


def trim(pcm: bytes, rate: int = 32_000) -> bytes:
    """Mono s16le that ends 200 ms after its last audible sample, cut or padded."""
    import numpy as np

    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2")
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
    if not audible.size:
        return pcm
    end = int(audible[-1]) + 1 + rate * TAIL_MS // 1000
    return samples[:end].tobytes() + bytes(2 * max(0, end - samples.size))
