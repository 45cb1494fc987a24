"""The bench's utterances: a silence is cut in where a word ends, and the words' times follow it."""

import random

import numpy as np
from marks import BLOCK, Reader
from utterances import RATE, Utterance, estimated, frames, level, trimmed, with_pauses


def tones(*pieces: tuple[int, int]) -> np.ndarray:
    """Pieces of (ms, amplitude)."""
    parts = [
        amplitude * np.sin(np.arange(ms * RATE // 1000) * 2 * np.pi * 200 / RATE) for ms, amplitude in pieces
    ]
    return np.concatenate(parts).astype(np.int16)


WORDS = ((0.0, 300.0, "one"), (300.0, 600.0, "two"), (600.0, 900.0, "three"))
SAID = Utterance("en", tones((900, 8000)), WORDS, "made up")


def test_pauses_shift_the_words_behind_them():
    """What was said before a pause keeps its time; what follows comes later by its length."""
    paused = with_pauses(SAID, random.Random(3), 300, 1500, 2)
    first, second = paused.pauses
    assert all(300 <= each <= 1500 for each in paused.pauses)
    assert [begin for begin, _, _ in paused.words] == [0, 300 + first, 600 + first + second]
    assert paused.ms == 900 + first + second
    loud = level(paused.samples)
    assert loud[32 : 30 + first // 10 - 1].max() < 100 < loud[:29].min()


def test_the_same_seed_makes_the_same_utterance():
    """A run can be repeated."""
    one, two = (with_pauses(SAID, random.Random(5), 300, 1500, 1) for _ in range(2))
    assert one.pauses == two.pauses and np.array_equal(one.samples, two.samples)


def test_no_pause_follows_the_last_word():
    """It would be the silence that ends the utterance."""
    for seed in range(20):
        paused = with_pauses(SAID, random.Random(seed), 300, 300, 9)
        assert len(paused.pauses) == 2 and paused.words[-1][1] == paused.ms


def test_trimming_moves_the_words_along():
    """The quiet before the first word is not part of their times."""
    loose = Utterance("en", tones((200, 20), (300, 8000), (200, 20)), ((200.0, 500.0, "one"),), "made up")
    tight = trimmed(loose)
    assert tight.ms == 300 and tight.words == ((0.0, 300.0, "one"),)


def test_estimated_borders_fall_into_gaps():
    """A word's end is put where it is quiet, not in the middle of a vowel."""
    samples = tones((400, 8000), (60, 50), (500, 8000))
    (_, end, _), (begin, last, _) = estimated(samples, ["abcd", "abcde"])
    assert end == begin and 400 <= end < 460 and last == 960


def test_frames_tell_the_end_of_the_last_word():
    """The marks go on a little behind the voice."""
    blocks = Reader().feed(frames(SAID, 9, random.Random(1)))
    assert {block.identity for block in blocks} == {9}
    assert blocks[-1].place * BLOCK * 1000 / RATE > 900
