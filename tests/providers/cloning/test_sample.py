"""A recording is looked at before it is sent: what it is like, what is wrong with it, how it is sent."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aizuchi.errors import ConfigError
from aizuchi.providers.cloning.dashscope import CosyCloner, QwenCloner
from aizuchi.providers.cloning.sample import measure, prepared, remarks
from tests.loopback.sound import encode

RATE = 24_000


def speech(seconds: float, level: float = -20.0, rate: int = RATE) -> np.ndarray:
    """Noise in syllables: loud for 150 ms, nearly silent for 50, as speech is."""
    made = np.random.default_rng(7).standard_normal(round(seconds * rate))
    syllable = np.where(np.arange(len(made)) % (rate // 5) < rate * 3 // 20, 1.0, 0.01)
    made *= syllable
    return made / np.sqrt(np.mean(made**2)) * 10 ** (level / 20)


def recording(path: Path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> Path:
    data = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(data, channels).tobytes())
    return path


def found(path: Path, cloner: Any = QwenCloner) -> dict[str, bool]:
    """Each remark, and whether it is grave."""
    return {each.kind: each.grave for each in remarks(measure(path), cloner.limits)}


def test_a_good_recording(tmp_path: Path):
    """Nothing is remarked, and it is sent as it is."""
    path = recording(tmp_path / "good.wav", speech(14))
    sample = measure(path)
    assert (sample.kind, sample.rate, sample.channels) == ("wav", RATE, 1)
    assert abs(sample.seconds - 14) < 0.01 and abs(sample.level + 20) < 2 and sample.clipped == 0
    assert found(path) == {}
    sent = prepared(sample, QwenCloner.limits)
    assert sent.data == path.read_bytes() and sent.mime == "audio/wav"


@pytest.mark.parametrize(
    ("samples", "rate", "expected"),
    [
        (speech(2), RATE, {"short": True}),
        (speech(7), RATE, {"better": False}),
        (speech(70), RATE, {"long": True}),
        (speech(14, rate=16_000), 16_000, {"rate": True}),
        (speech(14, level=-55), RATE, {"quiet": True}),
        (speech(14, level=-36), RATE, {"soft": False}),
        (speech(14, level=-3) * 2, RATE, {"clipped": True}),
        (np.concatenate([speech(6), np.zeros(RATE * 3), speech(6)]), RATE, {"pause": False}),
        (np.concatenate([speech(4), np.zeros(RATE * 10)]), RATE, {"empty": True}),
        (np.tile(np.concatenate([speech(1), np.zeros(RATE)]), 7), RATE, {"broken": True}),
        (np.zeros(RATE * 14), RATE, {"quiet": True}),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else "",
)
def test_what_is_wrong_is_seen(tmp_path: Path, samples: np.ndarray, rate: int, expected: dict[str, bool]):
    """Each fault by itself; the grave ones keep it from being sent."""
    got = found(recording(tmp_path / "a.wav", samples, rate))
    assert expected.items() <= got.items()
    assert [kind for kind, grave in got.items() if grave] == [
        kind for kind, grave in expected.items() if grave
    ]


def test_a_loud_room(tmp_path: Path):
    """The noise in the pauses is near the speech; nobody hears that as well as a clone does."""
    room = np.random.default_rng(3).standard_normal(14 * RATE)
    near, far = (
        found(recording(tmp_path / "a.wav", speech(14) + room * 10 ** (level / 20))) for level in (-35, -50)
    )
    assert near == {"noise": False} and far == {}
    with_pause = np.concatenate([speech(6), np.zeros(RATE * 3), speech(5)]) + room * 10 ** (-45 / 20)
    assert "pause" in found(recording(tmp_path / "b.wav", with_pause))


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac", "aac"])
def test_other_formats(tmp_path: Path, kind: str):
    """They are read; what the vendor does not take is made a WAV."""
    pcm = (speech(12) * 32767).astype("<i2").tobytes()
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encode(pcm, kind))
    sample = measure(path)
    assert abs(sample.seconds - 12) < 0.2 and abs(sample.level + 20) < 3
    sent = prepared(sample, QwenCloner.limits)
    if kind == "mp3":
        assert (sent.data, sent.mime) == (path.read_bytes(), "audio/mpeg")
    else:
        assert sample.kind not in QwenCloner.limits.kinds and found(path)["converted"] is False
        with wave.open(io.BytesIO(sent.data)) as made:
            assert (made.getnchannels(), made.getsampwidth(), made.getframerate()) == (1, 2, sample.rate)
            assert abs(made.getnframes() / sample.rate - 12) < 0.2


def test_m4a(tmp_path: Path):
    """As telephones record it: the index may stand behind the sound."""
    import av

    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="ipod") as output:
        stream: Any = output.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(speech(12).astype("<f4").reshape(1, -1), "fltp", "mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler("fltp", "mono", RATE, stream.codec_context.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    sample = measure(path)
    assert sample.kind == "m4a" and abs(sample.seconds - 12) < 0.2
    assert prepared(sample, QwenCloner.limits).mime == "audio/mp4"


def test_two_channels(tmp_path: Path):
    """Are mixed where one is wanted, and left where not."""
    path = recording(tmp_path / "a.wav", speech(14), channels=2)
    assert found(path) == {"mixed": False} and found(path, CosyCloner) == {}
    with wave.open(io.BytesIO(prepared(measure(path), QwenCloner.limits).data)) as made:
        assert made.getnchannels() == 1


def test_what_is_no_recording(tmp_path: Path):
    """A missing file, a folder, a text, an empty one: one sentence each."""
    (tmp_path / "text.wav").write_text("no sound at all, this is", encoding="utf-8")
    (tmp_path / "empty.mp3").write_bytes(b"")
    recording(tmp_path / "nothing.wav", np.zeros(0))
    for name, why in (
        ("missing.wav", "can't be read"),
        (".", "no recording"),
        ("text.wav", "no recording"),
        ("empty.mp3", "no recording"),
        ("nothing.wav", "holds no sound"),
    ):
        with pytest.raises(ConfigError, match=why):
            measure(tmp_path / name)
