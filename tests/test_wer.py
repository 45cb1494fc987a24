"""Word error rate: a table of small cases, and two laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.cli.wer import Errors, align, compare, words


@pytest.mark.parametrize(
    ("reference", "heard", "substituted", "deleted", "inserted", "rate"),
    [
        ("go forward ten meters", "go forward ten meters", 0, 0, 0, 0.0),
        ("Go forward, ten meters!", "go FORWARD ten meters", 0, 0, 0, 0.0),
        ("go forward ten meters", "go forward two meters", 1, 0, 0, 0.25),
        ("go forward ten meters", "go ten meters", 0, 1, 0, 0.25),
        ("go forward ten meters", "go on forward ten meters", 0, 0, 1, 0.25),
        ("go forward ten meters", "", 0, 4, 0, 1.0),
        ("", "", 0, 0, 0, 0.0),
        ("", "hello", 0, 0, 1, 1.0),
        ("a", "b c d", 1, 0, 2, 3.0),
        ("it's fine", "it’s fine", 0, 0, 0, 0.0),
        ("one two three four", "two three four five", 0, 1, 1, 0.5),
        ("开饭时间", "开饭世间", 1, 0, 0, 0.25),
        ("开饭时间。", "开 饭 时 间", 0, 0, 0, 0.0),
        ("五十円のパン", "五十円パン", 0, 1, 0, 1 / 6),
        ("ＡＢＣ", "abc", 0, 0, 0, 0.0),
    ],
)
def test_compare(reference: str, heard: str, substituted: int, deleted: int, inserted: int, rate: float):
    """Each kind of error is counted, whatever the case, the punctuation and the script."""
    errors = compare(reference, heard)
    assert (errors.substituted, errors.deleted, errors.inserted) == (substituted, deleted, inserted)
    assert errors.rate == pytest.approx(rate)


def test_sums_weigh_by_words():
    """The rate of many recordings is that of all their words, not the mean of their rates."""
    total = compare("a", "b") + compare("one two three", "one two three")
    assert total == Errors(4, 1, 0, 0)
    assert total.rate == 0.25


short = st.lists(st.sampled_from("abc"), max_size=8)


@given(short, short)
def test_alignment_is_consistent(reference: list[str], heard: list[str]):
    """Deletions and insertions account for the difference in length, and nothing is cheaper than it."""
    errors = align(reference, heard)
    assert len(reference) - errors.deleted + errors.inserted == len(heard)
    assert abs(len(reference) - len(heard)) <= errors.total <= max(len(reference), len(heard))
    assert (errors.total == 0) == (reference == heard)


def test_words_of_mixed_text():
    """Latin words stay whole, each Chinese or Japanese character counts by itself."""
    assert words("Say 你好 to GPT-5, please.") == ["say", "你", "好", "to", "gpt", "5", "please"]
