"""Sound put into real containers, with av."""

import io

import numpy as np

from aizuchi.wav import wav_header

CODECS = {
    "mp3": ("mp3", "libmp3lame", None),
    "aac": ("adts", "aac", None),
    "flac": ("flac", "flac", None),
    "opus": ("ogg", "libopus", 48_000),
}
CONTAINERS = ["wav", *CODECS]


def encoded(pcm: bytes, rate: int, kind: str) -> bytes:
    """Mono s16le as a file of one of `CONTAINERS`; the WAV does not know its length, as when streamed."""
    if kind == "wav":
        return wav_header(rate) + pcm
    import av

    container, codec, wanted = CODECS[kind]
    file = io.BytesIO()
    options = {"page_duration": "200000"} if kind == "opus" else {}
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=wanted or rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 1024
        shape = stream.codec_context.format
        resampler = av.AudioResampler(shape, "mono", wanted or rate, size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()
