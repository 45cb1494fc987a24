"""Bare samples as a WAV file."""

from __future__ import annotations

import struct


def pcm2wav(pcm_data: bytes, sample_rate: int = 24000, channels: int = 1, bits_per_sample: int = 16) -> bytes:
    """44 bytes of header, then the samples as they are."""
    block = channels * bits_per_sample // 8
    shape = (b"fmt ", 16, 1, channels, sample_rate, sample_rate * block, block, bits_per_sample)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(pcm_data), b"WAVE", *shape, b"data", len(pcm_data)
    )
    return head + pcm_data
