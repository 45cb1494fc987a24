"""Opus over ctypes: what goes in comes out again."""

import ctypes.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi import opus
from aizuchi.audio import Framer, level
from aizuchi.errors import ConfigError, ProtocolError
from aizuchi.opus import OpusDecoder, OpusEncoder
from tests import needed
from tests.speech import speech


def voice_like(seconds: float, rate: int) -> np.ndarray:
    """A buzz of 140 Hz with falling overtones that swells four times a second, -1..1."""
    t = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12))
    return buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)) / 4


def snr(sent: np.ndarray, got: np.ndarray) -> float:
    """dB of signal over error at the best alignment within 20 ms."""
    best = -100.0
    for lag in range(0, 330):
        length = min(len(sent), len(got) - lag) - 400
        if length > 0:
            error = sent[200:length] - got[lag + 200 : lag + length]
            best = max(best, 10 * np.log10(np.sum(sent[200:length] ** 2) / max(np.sum(error**2), 1e-9)))
    return best


@pytest.mark.parametrize("ms", [20, 60])
def test_round_trip_of_a_buzz(ms: int):
    """At 16 kHz, 20 and 60 ms, the wave itself comes back: 5 dB over its error or more."""
    pcm = (voice_like(1.2, 16_000) * 30000).astype("<i2").tobytes()
    encoder, decoder = OpusEncoder(16_000), OpusDecoder(16_000)
    packets = [encoder.encode(frame) for frame in Framer(16_000, ms).push(pcm)]
    out = b"".join(decoder.decode(packet) for packet in packets)
    assert len(packets) == 1200 // ms
    assert len(out) == len(pcm)
    assert 6_000 < sum(map(len, packets)) * 8 / 1.2 < 30_000
    sent, got = (np.frombuffer(x, "<i2").astype(float) for x in (pcm, out))
    assert snr(sent, got) > 5  # another wave, or this one shifted, is below 0
    assert level(out) == pytest.approx(level(pcm), abs=1)


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_round_trip_of_speech(rate: int):
    """Real speech keeps its loudness over time, also when decoded at another rate than it was encoded."""
    pcm = speech("go_forward_ten_meters.wav")
    encoder, decoder = OpusEncoder(16_000), OpusDecoder(rate)
    out = b"".join(decoder.decode(encoder(frame)) for frame in Framer(16_000, 60).push(pcm))
    spans = [(pcm[i * 3200 : i * 3200 + 3200], out[i * rate // 5 : (i + 1) * rate // 5]) for i in range(26)]
    sent, got = (np.array([level(span[k]) for span in spans]) for k in (0, 1))
    loud = sent > -40  # what is quieter the encoder may take for noise
    assert loud.sum() > 8
    assert np.corrcoef(sent[loud], got[loud])[0, 1] > 0.8
    assert abs(float(np.mean(sent[loud] - got[loud]))) < 4


def test_bitrate_and_complexity_are_settings():
    """A lower bit rate makes smaller packets; every complexity encodes."""
    pcm = (voice_like(0.6, 24_000) * 30000).astype("<i2").tobytes()
    sizes = {}
    for bitrate in (12_000, 48_000):
        encoder = OpusEncoder(24_000, bitrate=bitrate, complexity=0 if bitrate == 12_000 else 10)
        sizes[bitrate] = sum(len(encoder(frame)) for frame in Framer(24_000, 60).push(pcm))
    assert sizes[12_000] * 2 < sizes[48_000]


def test_reset_forgets():
    """After a reset an encoder makes the very packets a new one makes."""
    pcm = (voice_like(0.12, 16_000) * 30000).astype("<i2").tobytes()
    frames = list(Framer(16_000, 60).push(pcm))
    encoder = OpusEncoder(16_000, complexity=3)
    first = [encoder(frame) for frame in frames]
    encoder.reset()
    assert [encoder(frame) for frame in frames] == first == [*map(OpusEncoder(16_000, complexity=3), frames)]
    decoder = OpusDecoder(16_000)
    heard = decoder.decode(first[0])
    decoder.reset()
    assert decoder.decode(first[0]) == heard


def test_conceal_fills_a_gap():
    """A lost packet is bridged by sound of its length."""
    pcm = (voice_like(0.3, 16_000) * 30000).astype("<i2").tobytes()
    encoder, decoder = OpusEncoder(16_000), OpusDecoder(16_000)
    for frame in Framer(16_000, 60).push(pcm):
        decoder.decode(encoder(frame))
    bridge = decoder.conceal(60)
    assert len(bridge) == 1920
    assert level(bridge) > -40


@pytest.mark.parametrize("size", [0, 1, 100, 641, 1919, 1922])
def test_only_whole_frames_are_encoded(size: int):
    """What is no Opus frame is refused before libopus sees it."""
    with pytest.raises(ValueError, match="no Opus frame"):
        OpusEncoder(16_000).encode(bytes(size))


@pytest.mark.parametrize("make", [OpusEncoder, OpusDecoder])
def test_only_opus_rates(make: type):
    """Opus knows five rates; the message names them."""
    with pytest.raises(ValueError, match="48000"):
        make(22_050)


@given(st.binary(max_size=400))
def test_any_bytes_give_sound_or_a_protocol_error(packet: bytes):
    """A client's garbage never hurts: the decoder says so and goes on."""
    decoder = OpusDecoder(16_000)
    try:
        assert len(decoder.decode(packet)) <= 16_000 * 120 // 1000 * 2
    except ProtocolError as error:
        assert error.code == "bad_audio"
    good = OpusEncoder(16_000).encode(bytes(1920))
    assert len(decoder.decode(good)) == 1920


def test_the_bundled_library_works(monkeypatch: pytest.MonkeyPatch):
    """Without a system's libopus the one inside the av wheel is found and encodes."""
    paths = list(opus.bundled())
    if not paths:
        needed.missing("this installation of av carries no libopus of its own; a wheel of it does")
    monkeypatch.setattr(opus, "_candidates", lambda: iter(["no-such-libopus.so", *paths]))
    opus.library.cache_clear()
    try:
        assert "libopus" in opus.version()
        silent = OpusDecoder(16_000).decode(OpusEncoder(16_000).encode(bytes(640)))
        assert len(silent) == 640
        assert level(silent) < -80
    finally:
        opus.library.cache_clear()


def test_no_library_is_said_clearly(monkeypatch: pytest.MonkeyPatch):
    """When there is no libopus, or a library that is none, one sentence tells what to install."""
    none = ctypes.util.find_library("c") or "no-such-library"
    monkeypatch.setattr(opus, "_candidates", lambda: iter(["no-such-libopus.so", none]))
    opus.library.cache_clear()
    try:
        with pytest.raises(ConfigError, match="libopus0"):
            OpusEncoder(16_000)
    finally:
        opus.library.cache_clear()
