"""Phonemes to mouth shapes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.providers.tts.ipa import Mouth, shapes
from aizuchi.visemes import VISEMES


@pytest.mark.parametrize(
    ("phoneme", "expected"),
    [
        ("", ["sil"]),
        ("_:", ["sil"]),
        ("(en)", []),
        ("(cmn", []),
        ("ʲ", []),
        ("ˈ", []),
        ("p", ["PP"]),
        ("b", ["PP"]),
        ("m", ["PP"]),
        ("f", ["FF"]),
        ("θ", ["TH"]),
        ("t", ["DD"]),
        ("ɾ", ["DD"]),
        ("ɡ", ["kk"]),
        ("ŋ", ["kk"]),
        ("h", ["kk"]),
        ("ʃ", ["CH"]),
        ("tʃ", ["CH"]),
        ("dʒ", ["CH"]),
        ("ç", ["CH"]),
        ("z", ["SS"]),
        ("ts", ["SS"]),
        ("n", ["nn"]),
        ("l", ["nn"]),
        ("ɹ", ["RR"]),
        ("ɚ", ["RR"]),
        ("iː", ["ih"]),
        ("ˈuː", ["ou"]),
        ("ˌɛ", ["E"]),
        ("ˈoʊ", ["oh", "ou"]),
        ("ˈaɪ", ["aa", "ih"]),
        ("aʊ", ["aa", "ou"]),
        ("ɑːɹ", ["aa", "RR"]),
        ("th", ["DD"]),
        ("tɕh", ["CH"]),
        ("s.", ["CH"]),
        ("ˈiɛ", ["ih", "E"]),
        ("iou", ["ih", "oh", "ou"]),
        ("o-", ["oh"]),
        ("y", ["ou"]),
        ("ä", ["aa"]),
        ("e̞", ["E"]),
        ("ɯᵝ", ["ou"]),
        ("ɯ", ["ih"]),
        ("ɽ", ["DD"]),
        ("ˌũ", ["ou"]),
        ("ɔ̃", ["oh"]),
        ("œ", ["oh"]),
        ("ʁ", ["kk"]),
        ("?", []),
    ],
)
def test_shapes(phoneme: str, expected: list[str]):
    """English, pinyin, Japanese and general IPA as espeak-ng writes them."""
    assert shapes(phoneme) == expected


@given(st.lists(st.tuples(st.integers(0, 400), st.text("pbaɪoʊtʃnˈ_()hɯᵝ?", max_size=4))))
def test_spans_join(steps: list[tuple[int, str]]):
    """Spans begin at 0, leave no gap, never repeat a shape, and end closed."""
    mouth, at, spans = Mouth(), 0, []
    for step, name in steps:
        at += step
        spans += mouth.phoneme(at, name)
    spans += mouth.end(at + 50)
    place = 0
    for start, ms, shape in spans:
        assert start == place and ms >= 0 and shape in VISEMES
        place = start + ms
    assert place == at + 50 and spans[-1][2] == "sil"
    assert all(a[2] != b[2] for a, b in pairwise(spans))


def test_a_diphthong_takes_its_phoneme_in_two():
    """The first shape gets a little more than half."""
    mouth = Mouth()
    mouth.phoneme(0, "ˈaɪ")
    assert mouth.end(200) == [(0, 110, "aa"), (110, 90, "ih"), (200, 0, "sil")]
