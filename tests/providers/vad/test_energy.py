"""Voice by loudness."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aizuchi.ports import Score
from aizuchi.providers.vad.energy import EnergyVad, Room
from tests.speech import speech


async def scores(pcm: bytes, size: int = 640) -> list[Score]:
    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), size):
            yield pcm[start : start + size]

    async with EnergyVad() as vad:
        return [score async for score in vad.scores(cut())]


@pytest.mark.parametrize("size", [640, 1920, 333, 1])
async def test_the_words_are_found(size: int):
    """In a real recording the words are speech, silence around them is not, and nothing is lost."""
    pcm = bytes(16_000) + speech("go_forward_ten_meters.wav") + bytes(64_000) + b"\0\0"
    found = await scores(pcm, size)
    assert b"".join(score.pcm for score in found) == pcm
    assert all(len(score.pcm) == 320 for score in found[:-1])
    p = np.array([score.probability for score in found])
    assert p[:50].max() < 0.01
    assert (p[50 + 56 : 50 + 206] > 0.5).mean() > 0.8
    assert p[-190:].max() < 0.01


@given(st.lists(st.floats(-100, 0), max_size=300))
def test_any_levels_give_probabilities(levels: list[float]):
    """Whatever the levels, the answer is a probability."""
    room = Room(10, -50)
    assert all(0 <= room.hear(at) <= 1 for at in levels)


def test_steady_noise_becomes_the_floor():
    """Noise that goes on is no speech after two seconds; a voice above it still is."""
    room = Room(10, -50)
    for _ in range(50):
        room.hear(-70)
    assert room.hear(-35) > 0.9
    for _ in range(230):
        room.hear(-35)
    assert room.hear(-35) < 0.1
    assert room.hear(-20) > 0.9


def test_speech_from_the_first_moment():
    """A stream that begins with a voice, as push-to-talk does, is speech at once."""
    room = Room(10, -50)
    assert all(room.hear(at) > 0.9 for at in [-25, -30, -28] * 15)


def test_a_faint_hum_is_nothing():
    """Below the least level nothing is speech, however far above the floor."""
    room = Room(10, -50)
    for _ in range(60):
        room.hear(-100)
    assert room.hear(-58) < 0.02


def test_options_have_bounds():
    """A threshold that could never work is refused."""
    with pytest.raises(ValidationError):
        EnergyVad.Options.model_validate({"above": 0})
