"""Scripts, widths and languages of characters and sentences."""

from __future__ import annotations

import pytest

from aizuchi.engine.scripts import guess_language, is_cjk, is_emoji, width


@pytest.mark.parametrize("char", list("字々〇かカーｶ한𠮟"))
def test_letters_of_east_asia(char: str):
    """Characters, kana and Hangul are told from everything else."""
    assert is_cjk(char)
    assert not is_emoji(char)


@pytest.mark.parametrize("char", list("aé1。、「・！ я"))
def test_what_is_no_letter_of_east_asia(char: str):
    """Latin letters, digits and East Asian punctuation are not."""
    assert not is_cjk(char)


@pytest.mark.parametrize("char", list("😀❤☀🇯🏽\ufe0f\u200d"))
def test_pictograms(char: str):
    """Pictograms and what joins and colours them."""
    assert is_emoji(char)


@pytest.mark.parametrize(("text", "size"), [("", 0), ("abc", 3), ("你好", 4), ("ａ，b", 5), ("é", 1)])
def test_wide_characters_count_double(text: str, size: int):
    """About how long a text is to say."""
    assert width(text) == size


@pytest.mark.parametrize(
    ("text", "given", "before", "language"),
    [
        ("Hello", "", "", "en"),
        ("Hallo", "de", "", "de"),
        ("你好", "en", "", "zh"),
        ("你好", "yue", "", "yue"),
        ("こんにちは", "en", "", "ja"),
        ("안녕", "en", "", "ko"),
        ("大丈夫", "ja", "", "ja"),
        ("大丈夫", "", "ja", "ja"),
        ("大丈夫", "", "", "zh"),
        ("你们", "ja", "ja", "zh"),
        ("123", "", "zh", "zh"),
        ("123", "fr", "", "fr"),
        ("123", "", "", "en"),
        ("I said 你好 to her", "en", "", "en"),
        ("用JavaScript写", "zh", "", "zh"),
        ("JavaScript", "ja", "ja", "en"),
    ],
)
def test_language_by_script(text: str, given: str, before: str, language: str):
    """Kana is Japanese, Hangul Korean, characters alone Chinese unless Japanese is expected."""
    assert guess_language(text, given, before) == language
