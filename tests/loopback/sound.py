"""Tones, really encoded: what the loopback server speaks."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np

RATE = 24_000
MIME = {
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
}
_CODECS = {
    "mp3": ("mp3", "libmp3lame", RATE),
    "opus": ("ogg", "libopus", 48_000),
    "aac": ("adts", "aac", RATE),
    "flac": ("flac", "flac", RATE),
}


def frequency_of(text: str) -> float:
    """The tone that stands for a sentence, in Hz."""
    return 300.0 + 20.0 * (zlib.crc32(text.encode()) % 100)


def tone(text: str, ms_per_character: int = 60, rate: int = RATE) -> bytes:
    """Mono s16le; its length tells the length of the text, its pitch the text."""
    samples = max(1, len(text)) * ms_per_character * rate // 1000
    wave = np.sin(np.arange(samples) * (2 * np.pi * frequency_of(text) / rate))
    return (wave * 8_000).astype("<i2").tobytes()


def encode(pcm: bytes, kind: str, rate: int = RATE) -> bytes:
    """Put mono s16le into a container."""
    if kind == "pcm":
        return pcm
    if kind == "wav":  # a streaming server does not know the length beforehand
        head = struct.pack(
            "<4sI4s4sIHHIIHH", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16
        )
        return head + struct.pack("<4sI", b"data", 0xFFFFFFFF) + pcm
    import av

    container, codec, wanted = _CODECS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=wanted, layout="mono")
        resampler = av.AudioResampler(
            stream.codec_context.format, "mono", wanted, stream.codec_context.frame_size
        )
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return file.getvalue()


def pitch(pcm: bytes, rate: int) -> float:
    """The strongest frequency of a piece of sound, in Hz."""
    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))
