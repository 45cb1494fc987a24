"""The character's own voice and the user's, told apart on real speech through a made room."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from aizuchi.engine.echo import Echo, track
from aizuchi.engine.guard import Guard, Tally, repeats
from tests.speech import speech

RATE = 16_000
CLIPS = ("jfk_16k.wav", "librivox_austen_0870.wav", "go_forward_ten_meters.wav")
ROOMS = [(30, 0.5), (120, 0.3), (350, 0.1), (550, 0.8), (200, 1.5)]
"""Delay in ms and gain: from headphones that leak to a loudspeaker beside the microphone."""


@cache
def clip(name: str) -> Any:
    return np.frombuffer(speech(name), dtype="<i2").astype(np.float64)


def room(sound: Any, delay_ms: int, gain: float) -> Any:
    """A quarter of a second of reverberation, and a hiss."""
    dice = np.random.default_rng(1)
    size = RATE // 4
    tail = dice.normal(0, 1, size) * np.exp(-6.9 * np.arange(size) / size)
    tail *= 0.5 / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    late = np.concatenate([np.zeros(delay_ms * 16), np.convolve(sound, tail)])[: len(sound)]
    return late * gain + dice.normal(0, 20, len(sound))


def pcm(sound: Any) -> bytes:
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


def judged(ear: Any, mic: Any) -> list[str]:
    """The verdict at each 20 ms in which the microphone hears something."""
    echo, told = Echo(), list[str]()
    for at in range(0, min(len(ear), len(mic)) - 320, 320):
        heard = track(pcm(mic[at : at + 320]), RATE)
        echo.heard(heard, track(pcm(ear[at : at + 320]), RATE))
        if heard[:, 0].max() > 90:
            told.append(echo.verdict(20))
    return told


@pytest.mark.parametrize(("delay_ms", "gain"), ROOMS)
@pytest.mark.parametrize("name", CLIPS)
def test_an_echo_is_known_for_one(name: str, delay_ms: int, gain: float):
    """After two seconds every stretch is; before, hardly any is taken for a voice."""
    told = judged(clip(name), room(clip(name), delay_ms, gain))
    assert told[100:].count("voice") <= 0.02 * len(told)
    assert told.count("echo") >= 0.5 * len(told)


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("other", CLIPS)
def test_without_an_echo_nothing_is_taken_for_one(name: str, other: str):
    """The user speaks for the whole length of the reply, into a microphone that does not hear it."""
    if name != other:
        told = judged(clip(name), clip(other) + np.random.default_rng(2).normal(0, 15, len(clip(other))))
        assert "echo" not in told


@pytest.mark.parametrize("gain", [0.1, 0.3])
def test_a_voice_over_an_echo_is_heard(gain: float):
    """Within 400 ms of the first loud syllable."""
    ear, voice = clip("jfk_16k.wav"), clip("go_forward_ten_meters.wav") * 4
    mic, begin = room(ear, 150, gain), 5 * RATE
    mic[begin : begin + len(voice)] += voice
    onset = begin + int(np.argmax(np.abs(voice) > 2000))
    echo, first = Echo(), None
    for at in range(0, len(ear) - 320, 320):
        echo.heard(track(pcm(mic[at : at + 320]), RATE), track(pcm(ear[at : at + 320]), RATE))
        if at > onset and first is None and echo.verdict(20) == "voice":
            first = at
    assert first is not None and first - onset <= 0.4 * RATE


def follow(guard: Guard, ear: Any, mic: Any, ms: int) -> Tally:
    """So much of a reply and of what the microphone hears meanwhile, as one utterance."""
    tally = Tally()
    for at in range(0, ms, 20):
        guard.heard(pcm(mic[at * 16 : at * 16 + 320]), 1, float(at + 20))
        guard.judge(tally)
    return tally


def test_the_guard_follows_the_reply_in_step():
    """Fed with slices of 22.05 kHz ahead of the ear, as an engine makes them, it finds the echo."""
    ear = clip("jfk_16k.wav")
    guard, rate = Guard(adapt_ms=0), 22_050
    fast = np.interp(np.arange(0, len(ear), RATE / rate), np.arange(len(ear)), ear)
    for at in range(0, len(fast), 2000):
        guard.speech(1, at * 1000 // rate, pcm(fast[at : at + 2000]), rate)
    tally = follow(guard, ear, room(ear, 200, 0.4), 6000)
    assert tally.echo > 4 * tally.voice
    assert guard.own(tally, "anything at all")
    assert guard.echo.path is not None and abs(guard.echo.path.delay_ms - 200) <= 40


def test_what_is_unsure_is_told_by_its_words():
    """While the client's canceller adapts the sound says nothing; a run of the reply is no answer to it."""
    guard, ear = Guard(adapt_ms=60_000), clip("jfk_16k.wav")
    guard.sentence("and so my fellow Americans, ask not what your country can do for you")
    guard.speech(1, 0, pcm(ear), RATE)
    tally = follow(guard, ear, clip("librivox_austen_0870.wav"), 3000)
    assert tally.voice < 10 < tally.unsure
    assert guard.own(tally, "fellow americans asked not what")
    assert not guard.own(tally, "wait a moment please")


def test_silence_has_no_echo():
    """Nothing is played: whatever is heard is a voice, and counts at once."""
    guard, tally = Guard(adapt_ms=2_000), Tally()
    guard.heard(pcm(clip("go_forward_ten_meters.wav")[16000:16320]), 0, None)
    assert guard.judge(tally) == "voice"
    assert not guard.own(tally, "go forward")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("the weather is fine", True),
        ("whether is fine today", True),
        ("fine", True),
        ("stop", False),
        ("is the weather fine where you are my friend", False),
        ("今天天气", True),
        ("今天天汽很好", True),
        ("等一下", False),
        ("", False),
    ],
)
def test_runs_of_what_is_said(text: str, result: bool):
    """Some words may be misheard; CJK counts by characters."""
    assert repeats(text, ["The weather is fine today.", "今天天气很好。"]) == result


def test_a_long_reply_without_a_microphone_is_not_kept_whole():
    """Nothing tells how far it was played: the newest two minutes stay, and the place of each is right."""
    guard = Guard(adapt_ms=0)
    piece = pcm(clip("jfk_16k.wav")[:16_000])
    for second in range(300):
        guard.speech(1, second * 1000, piece, RATE)
    kept = sum(map(len, guard._rows)) * 10  # pyright: ignore[reportPrivateUsage]
    assert 119_000 <= kept <= 120_000 == 300_000 - guard._from_ms  # pyright: ignore[reportPrivateUsage]


def test_only_the_newest_words_are_compared():
    """A recogniser that repeats itself over a long laugh must not cost the product of all of it."""
    assert repeats("no " * 5000 + "the weather is fine today " * 12, ["the weather is fine today."] * 12)
    assert not repeats("fine", ["fine"] + ["well well well well"] * 200)
