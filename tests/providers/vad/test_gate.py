"""The gate before Silero, without a model: the tests play the model."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.ports import Score
from aizuchi.providers.vad.gate import Floor, Gate

rng = np.random.default_rng(5)


def noise(ms: int, db: float) -> bytes:
    """White noise of `db` dBFS at 16 kHz."""
    samples = rng.standard_normal(16 * ms) * 32768 * 10 ** (db / 20)
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def quiet(ms: int) -> bytes:
    return bytes(32 * ms)


Model = Callable[[bytes], float]


def loud_is_speech(window: bytes) -> float:
    """A model that takes everything above -45 dBFS for speech."""
    samples = np.frombuffer(window, "<i2").astype(float)
    return 0.9 if np.sqrt(np.mean(samples**2)) > 32768 * 10 ** (-45 / 20) else 0.05


def never(window: bytes) -> float:
    return 0.01


def run(sound: bytes, model: Model = loud_is_speech, *, cut: int = 640) -> tuple[list[Score], int]:
    """All stretches of a sound sent in chunks of `cut` bytes, and how many windows were judged."""
    gate, out, judged = Gate(), list[Score](), 0
    for start in range(0, len(sound), cut):
        gate.feed(sound[start : start + cut])
        while (window := gate.window()) is not None:
            assert len(window) == 2 * 576
            gate.judged(model(window))
            judged += 1
            out += gate.settled()
        out += gate.settled()
    if (window := gate.last_window()) is not None:
        gate.judged(model(window))
        judged += 1
    return [*out, *gate.settled()], judged


def spans(scores: list[Score]) -> list[tuple[float, float]]:
    """Where the probability is 0.5 or more, in ms, neighbours joined."""
    found: list[tuple[float, float]] = []
    at = 0.0
    for score in scores:
        end = at + len(score.pcm) / 32
        if score.probability >= 0.5:
            if found and found[-1][1] == at:
                found[-1] = (found[-1][0], end)
            else:
                found.append((at, end))
        at = end
    return found


@given(
    st.lists(st.tuples(st.sampled_from([-100, -75, -62, -50, -25]), st.integers(1, 120)), max_size=12),
    st.integers(1, 3000),
    st.integers(0, 1),
)
def test_nothing_is_lost_or_moved(parts: list[tuple[int, int]], cut: int, odd: int):
    """Whatever comes, cut anywhere: all stretches joined are the input, each of at most 20 ms."""
    sound = b"".join(quiet(ms) if db == -100 else noise(ms, db) for db, ms in parts) + b"\1" * odd
    scores, _ = run(sound, cut=cut)
    assert b"".join(score.pcm for score in scores) == sound[: len(sound) // 2 * 2]
    assert all(0 < len(score.pcm) <= 640 for score in scores)
    assert all(len(score.pcm) >= 320 for score in scores[:-4])
    assert all(0 <= score.probability <= 1 and -100 <= score.level <= 0 for score in scores)


def test_digital_silence_needs_no_model():
    """Silence is scored 0 at once, as each chunk comes, and the model is not asked."""
    gate = Gate()
    for _ in range(50):
        gate.feed(quiet(20))
        assert gate.window() is None
        assert sum(len(score.pcm) for score in gate.settled()) == 640
    assert run(quiet(1000))[1] == 0


@pytest.mark.parametrize("ms", [10, 16, 20, 32, 60])
def test_no_chunk_waits_for_the_next_in_silence(ms: int):
    """While the gate is shut every chunk of 10 ms or more is scored whole."""
    gate = Gate()
    for _ in range(20):
        gate.feed(quiet(ms))
        assert gate.window() is None
        assert sum(len(score.pcm) for score in gate.settled()) == 32 * ms


def test_onset_is_judged_at_once_with_the_past():
    """The first stretch that is not silent is judged after 10 ms, in a window that reaches back."""
    gate = Gate()
    before, onset = noise(60, -75), noise(10, -25)
    gate.feed(before)
    assert gate.window() is None
    list(gate.settled())
    gate.feed(onset)
    window = gate.window()
    assert window == (before + onset)[-1152:]
    gate.judged(0.8)
    (score,) = gate.settled()
    assert (score.pcm, score.probability) == (onset, 0.8)


def test_end_of_speech_is_exact_and_silence_immediate():
    """Silence after speech begins where it begins, and 60 ms later each chunk is scored as it comes."""
    sound = quiet(320) + noise(500, -25) + quiet(400)
    scores, _ = run(sound)
    (span,) = spans(scores)
    assert span[0] == pytest.approx(320, abs=10)
    assert span[1] == pytest.approx(820, abs=12)
    gate = Gate()
    for start in range(0, len(sound), 640):
        gate.feed(sound[start : start + 640])
        while gate.window() is not None:
            gate.judged(0.9)
        scored = sum(len(s.pcm) for s in gate.settled())
        if start >= 32 * 900:
            assert scored == 640


@pytest.mark.parametrize("between", [-100, -62])
def test_the_end_of_the_voice_is_found_within_a_stretch(between: int):
    """Wherever the voice stops, its end is told to 2 ms, and never before it is over."""
    for stop in range(500, 532):
        after = quiet(200) if between == -100 else noise(200, between)
        scores, _ = run(quiet(320) + noise(stop, -20) + after, lambda _: 0.9)
        at = end = 0.0
        for score in scores:
            at += len(score.pcm) / 32
            if score.probability >= 0.5:
                end = at - score.quiet_ms
        assert 320 + stop <= end < 320 + stop + 2.01


def test_a_voice_that_goes_on_has_no_quiet_end():
    """Only clear silence at a stretch's end is told, not a soft vowel."""
    scores, _ = run(noise(300, -20) + noise(300, -40) + noise(100, -20), lambda _: 0.9)
    assert all(score.quiet_ms == 0 for score in scores)


@pytest.mark.parametrize("ms", [10, 30, 50])
def test_a_dip_within_a_word_stays_speech(ms: int):
    """A plosive's closure is judged like its surroundings, wherever it lies in the windows."""
    for shift in range(0, 32, 5):
        sound = noise(200 + shift, -25) + quiet(ms) + noise(200, -25)
        scores, _ = run(sound, lambda _: 0.9)
        assert len(spans(scores)) == 1


def test_a_pause_between_words_is_silence():
    """A pause longer than a dip is scored 0 from its beginning."""
    scores, judged = run(noise(300, -25) + quiet(300) + noise(300, -25))
    first, second = spans(scores)
    assert first[1] == pytest.approx(300, abs=12)
    assert second[0] == pytest.approx(600, abs=12)
    assert judged < 900 / 32


def test_the_floor_is_learned():
    """Steady noise below -42 dBFS is judged for a while and then costs next to nothing."""
    learning = run(noise(1000, -55), never)[1]
    assert 5 < learning < 20
    assert run(noise(5000, -55), never)[1] < learning + 15


def test_loud_noise_is_always_judged():
    """Noise as loud as speech is never gated, since speech may be in it."""
    assert run(noise(3000, -35), never)[1] >= 3000 // 32 - 1


def test_speech_over_learned_noise_passes():
    """A voice 12 dB above the noise opens the gate at once."""
    sound = noise(2000, -55) + noise(400, -40) + noise(600, -55)
    (span,) = spans(run(sound)[0])
    assert span == (pytest.approx(2000, abs=20), pytest.approx(2400, abs=32))


def test_a_fan_that_stops_lowers_the_floor():
    """A faint voice that comes half a second after loud noise ended is not taken for that noise."""
    gate_open = run(noise(3000, -46) + noise(500, -75) + noise(300, -52), lambda _: 0.1)[1]
    without = run(noise(3000, -46) + noise(500, -75), lambda _: 0.1)[1]
    assert gate_open > without + 5


def test_a_slam_does_not_raise_the_floor():
    """A short loud noise that the model rejects leaves the floor where it was."""
    floor = Floor()
    for _ in range(100):
        floor.noise(-60, 10)
    for _ in range(30):
        floor.noise(-20, 10)
    assert floor.limit == pytest.approx(-54)


@pytest.mark.parametrize("voice, limit", [(-10.0, -56.0), (-25.0, -61.0), (-45.0, -70.0), (-55.0, -75.0)])
def test_silence_is_relative_to_the_voice(voice: float, limit: float):
    """A loud voice raises what is called silence, a faint one lowers it."""
    floor = Floor()
    floor.voice(voice, 10)
    assert floor.limit == pytest.approx(limit)


def test_the_voice_is_forgotten():
    """After ten seconds without voice the next one may be fainter."""
    floor = Floor()
    floor.voice(-10, 10)
    for _ in range(1001):
        floor.noise(-100, 10)
    assert floor.limit == -70


@pytest.mark.parametrize(
    ("chunk_ms", "stretches"), [(10, [10.0] * 10), (20, [20.0] * 5), (40, [10.0, 10.0, 20.0] * 2)]
)
def test_stretches_of_silence(chunk_ms: int, stretches: list[float]):
    """While the gate is shut a frame of 10 or 20 ms is one stretch, which is what silence costs."""
    gate, got = Gate(), list[float]()
    for _ in range(100 // chunk_ms):
        gate.feed(bytes(chunk_ms * 32))
        assert gate.window() is None
        got += [len(score.pcm) / 32 for score in gate.settled()]
    assert got[: len(stretches)] == stretches[: len(got)]
    assert sum(got) == 100 // chunk_ms * chunk_ms
