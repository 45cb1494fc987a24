"""PCM facts, framing, resampling and WAV."""

import io
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.audio import (
    SILENT,
    Framer,
    Resampler,
    duration_ms,
    level,
    read_wav,
    silence,
    size_of,
    write_wav,
)
from aizuchi.errors import ConfigError
from aizuchi.wav import WavReader, wav_header


def tone(hz: float, ms: int, rate: int, peak: float = 0.5) -> bytes:
    t = np.arange(rate * ms // 1000) / rate
    return (np.sin(2 * np.pi * hz * t) * 32767 * peak).astype("<i2").tobytes()


def slices(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut `data` into pieces of the given lengths, over and over."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        for cut in cuts:
            pieces.append(data[at : at + cut])
            at += cut
    return pieces


cuts = st.lists(st.integers(1, 700), min_size=1, max_size=6)


def test_sizes_and_durations():
    """Bytes and milliseconds agree, and a size is always whole samples."""
    assert size_of(20, 16_000) == 640
    assert size_of(10, 22_050) == 440
    assert duration_ms(640, 16_000) == 20
    assert duration_ms(641, 16_000) == 20
    assert silence(60, 24_000) == bytes(2880)


@pytest.mark.parametrize(
    "pcm, db",
    [
        (b"", SILENT),
        (b"\0" * 320, SILENT),
        (b"\0\x80" * 160, 0.0),
        (tone(1000, 100, 16_000, 1.0), -3.01),
        (tone(1000, 100, 16_000, 0.1), -23.01),
        (tone(1000, 100, 16_000, 0.1) + b"\x7f", -23.01),
        (b"\1\0" * 160, -90.3),
    ],
    ids=["empty", "zeros", "full square", "full sine", "-20 dB sine", "odd byte", "one step"],
)
def test_level(pcm: bytes, db: float):
    """RMS in dBFS."""
    assert level(pcm) == pytest.approx(db, abs=0.02)


@given(st.binary(max_size=3000), cuts)
def test_framer_keeps_every_byte(data: bytes, cuts: list[int]):
    """Frames and rest joined are the input without a last half sample; every frame has the same length."""
    framer = Framer(16_000, 10)
    frames = [frame for piece in slices(data, cuts) for frame in framer.push(piece)]
    rest = framer.flush()
    assert all(len(frame) == 320 for frame in frames)
    assert len(rest) < 320
    assert b"".join(frames) + rest == data[: len(data) // 2 * 2]


def test_framer_pads_its_last_frame():
    """Padded, the last frame is as long as the others; nothing left gives nothing."""
    framer = Framer(8_000, 20)
    assert list(framer.push(b"\1" * 325)) == [b"\1" * 320]
    assert framer.flush(pad=True) == b"\1" * 4 + bytes(316)
    assert framer.flush(pad=True) == b""


def test_framer_needs_a_frame():
    """A frame without a sample is refused instead of looping for ever."""
    with pytest.raises(ValueError, match="no sample"):
        Framer(16_000, 0.01)


@pytest.mark.parametrize("source, target", [(16_000, 24_000), (48_000, 16_000), (22_050, 16_000)])
def test_resampler_streams(source: int, target: int):
    """Cut anywhere, also within samples, the result has the right length, pitch and loudness."""
    resampler = Resampler(source, target)
    pieces = slices(tone(440, 1000, source), [1, 333, 960, 7])
    out = b"".join(resampler.push(piece) for piece in pieces) + resampler.flush()
    samples = np.frombuffer(out, "<i2").astype(float)
    assert abs(len(samples) - target) <= 2
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * target / len(samples) == pytest.approx(440, abs=2)
    assert level(out) == pytest.approx(level(tone(440, 1000, source)), abs=0.2)


def test_resampler_can_begin_again():
    """After a flush the next stream is not touched by the one before."""
    resampler = Resampler(24_000, 16_000)
    first = resampler(tone(440, 200, 24_000), True)
    again = resampler(tone(440, 200, 24_000), True)
    assert len(first) == len(again) == size_of(200, 16_000)
    assert np.max(np.abs(np.frombuffer(first, "<i2") - np.frombuffer(again, "<i2").astype(int))) <= 2


def test_resampler_between_equal_rates_only_mends_samples():
    """Equal rates pass through, whole samples at a time."""
    resampler = Resampler(16_000, 16_000)
    assert [resampler.push(b"abc"), resampler.push(b"d"), resampler(b"e", True)] == [b"ab", b"cd", b""]


def wav_file(samples: np.ndarray, rate: int, width: int, channels: int) -> bytes:
    """A WAV as the standard library writes it; `samples` are -1..1 and the same in every channel."""
    if width == 1:
        data = (samples * 127 + 128).astype(np.uint8)
    elif width == 3:
        data = (samples * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    else:
        data = (samples * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}")
    block = np.repeat(data.reshape(len(samples), -1), channels, axis=0) if channels > 1 else data
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(np.ascontiguousarray(block).tobytes())
    return file.getvalue()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_read_wav_of_any_shape(tmp_path: Path, width: int, channels: int, rate: int):
    """Any width, channels and rate come out as mono s16le of the wanted rate."""
    samples = np.sin(np.arange(rate) * 2 * np.pi * 300 / rate) * 0.5
    path = tmp_path / "a.wav"
    path.write_bytes(wav_file(samples, rate, width, channels))
    pcm, got = read_wav(path, 16_000)
    assert got == 16_000
    assert len(pcm) == pytest.approx(32_000, abs=8)
    assert level(pcm) == pytest.approx(-9.03, abs=0.15)
    heard = np.frombuffer(pcm, "<i2").astype(float)
    assert np.argmax(np.abs(np.fft.rfft(heard))) == pytest.approx(300, abs=1)


def test_write_and_read_again(tmp_path: Path):
    """What was written is read back exactly."""
    pcm = tone(440, 321, 22_050)
    write_wav(tmp_path / "a.wav", pcm, 22_050)
    assert read_wav(tmp_path / "a.wav") == (pcm, 22_050)


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


PCM16 = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 100])
def test_reader_takes_lengths_nobody_knew(size: int):
    """A length that means "unknown" reads to the end; a real one stops there, whatever follows."""
    reader = WavReader()
    head = b"RIFF\xff\xff\xff\xffWAVE" + chunk(b"fmt ", PCM16) + b"data" + struct.pack("<I", size)
    sound = tone(440, 100, 16_000)
    out = b"".join(reader.push(piece) for piece in slices(head + sound, [1, 5, 30]))
    assert out == (sound[:100] if size == 100 else sound)
    assert reader.rate == 16_000


def test_reader_skips_what_is_not_sound():
    """Odd-sized notes before the sound are skipped, the extensible and the float format are read."""
    extensible = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 48_000, 192_000, 4, 32, 22, 32, 0) + struct.pack(
        "<H", 3
    )
    floats = np.array([0.5, -0.5, 2.0, float("nan")], "<f4").tobytes()
    data = (
        b"RIFF\0\0\0\0WAVE"
        + chunk(b"LIST", b"INFO!")
        + chunk(b"fmt ", extensible + bytes(14))
        + chunk(b"fact", bytes(4))
        + chunk(b"data", floats)
    )
    reader = WavReader()
    out = b"".join(reader.push(piece) for piece in slices(data, [1]))
    assert np.frombuffer(out, "<i2").tolist() == [16384, -16384, 32767, 0]
    assert reader.rate == 48_000


@pytest.mark.parametrize(
    "data",
    [
        b"OggS" + bytes(50),
        b"RIFF\0\0\0\0AVI " + bytes(50),
        b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"ab"),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"\1\0"),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8)),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 0, 8000, 8000, 1, 8)),
        b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"",
    ],
    ids=["ogg", "avi", "data first", "short", "mu-law", "no channel", "endless chunk", "cut off", "empty"],
)
def test_not_wav(data: bytes, tmp_path: Path):
    """What is no readable WAV is one clear ConfigError for a file."""
    (tmp_path / "x.wav").write_bytes(data)
    with pytest.raises(ConfigError, match=r"cannot read .*x\.wav"):
        read_wav(tmp_path / "x.wav")


@given(st.binary(max_size=200), cuts)
def test_reader_survives_anything(data: bytes, cuts: list[int]):
    """Any bytes after a good beginning give sound or a ValueError, nothing else."""
    reader = WavReader()
    try:
        for piece in slices(b"RIFF\0\0\0\0WAVE" + data, cuts):
            reader.push(piece)
        reader.end()
    except ValueError as error:
        assert str(error)


def test_missing_file_and_place(tmp_path: Path):
    """A file that is not there, or a folder that is not, is a ConfigError that names it."""
    with pytest.raises(ConfigError, match=r"nowhere\.wav"):
        read_wav(tmp_path / "nowhere.wav")
    with pytest.raises(ConfigError, match=r"b\.wav"):
        write_wav(tmp_path / "a" / "b.wav", b"", 16_000)


def test_header_for_a_stream():
    """The header with an unknown length is read as such, the one with a length by the standard library."""
    pcm = tone(440, 50, 16_000)
    assert WavReader().push(wav_header(16_000) + pcm) == pcm
    with wave.open(io.BytesIO(wav_header(16_000, len(pcm)) + pcm)) as file:
        assert (file.getframerate(), file.readframes(10**6)) == (16_000, pcm)


def test_start_up_loads_nothing_for_sound():
    """Start-up does not pay for av, soxr, onnxruntime, numpy or httpx."""
    code = (
        "import sys, aizuchi.audio, aizuchi.decoding, aizuchi.opus;"
        "import aizuchi.providers.vad.silero, aizuchi.providers.vad.energy;"
        "import aizuchi.build, aizuchi.server.serve;"
        "print(sorted({'av', 'soxr', 'onnxruntime', 'numpy', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
