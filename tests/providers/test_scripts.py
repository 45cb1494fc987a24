"""Which voice speaks which stretch of a text; and Japanese as it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.providers.crafts.scripts import LONGEST, clean, runs
from tests import needed


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("hello there", "en", [("en", "hello there")]),
        ("I said 你好 to them", "en", [("en", "I said "), ("zh", "你好 "), ("en", "to them")]),
        ("我喜欢 Python 语言", "zh", [("zh", "我喜欢 "), ("zh", "Python "), ("zh", "语言")]),
        ("Python が好き", "ja", [("en", "Python "), ("ja", "が好き")]),
        ("東京 means 東の京", "en", [("zh", "東京 "), ("en", "means "), ("ja", "東の京")]),
        ("안녕 hello", "ko", [("ko", "안녕 "), ("ko", "hello")]),
        ("say привет", "en", [("en", "say "), ("ru", "привет")]),
        ("добрий день", "uk", [("uk", "добрий день")]),
        ("「はい」と言う", "ja", [("ja", "「はい」と言う")]),
        ("123 + 456", "de", [("de", "123 + 456")]),
    ],
)
def test_runs(text: str, language: str, expected: list[tuple[str, str]]):
    """By script, with numbers and marks staying where they are; neighbours of one language may be one."""
    merged: list[tuple[str, str]] = []
    for run in runs(text, language):
        if merged and merged[-1][0] == run.language:
            merged[-1] = (run.language, merged[-1][1] + run.text)
        else:
            merged.append((run.language, run.text))
    joined: list[tuple[str, str]] = []
    for spoken, stretch in expected:
        if joined and joined[-1][0] == spoken:
            joined[-1] = (spoken, joined[-1][1] + stretch)
        else:
            joined.append((spoken, stretch))
    assert merged == joined


@given(st.text(max_size=600), st.sampled_from(["en", "zh", "ja", "ko", "ru"]))
def test_nothing_is_lost(text: str, language: str):
    """Cleaning keeps the length, runs keep order and position, none is too long, and all can be encoded."""
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    found = list(runs(cleaned, language))
    assert "".join(run.text for run in found) == cleaned
    for run in found:
        assert cleaned[run.start :].startswith(run.text) and len(run.text) <= LONGEST
        run.text.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a😀b", "a b"),
        ("1️⃣", "1  "),
        ("ＡＢＣ１２", "ABC12"),
        ("好，吗？", "好，吗？"),
        ("\x00\x1b\u202e", "   "),
        ("20°C ℃ ☃", "20°C ℃  "),
    ],
)
def test_clean(text: str, expected: str):
    """What nobody can say becomes a space; full-width letters become plain ones; the rest stays."""
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "kana"),
    [
        ("今日は", "きょうわ"),
        ("学校へ行く", "がっこうえ いく"),
        ("本を読んでいる", "ほんお よんでいる"),
        ("私は３人", "わたしわ 3にん"),
        ("お茶です", "おちゃです"),
    ],
)
def test_japanese_is_read(text: str, kana: str):
    """Particles as they sound, phrases apart, each kana knowing what it stands for."""
    needed.module("sudachipy")
    from aizuchi.providers.crafts.japanese import Reader

    reading = Reader().read(clean(text))
    assert reading.kana == kana
    assert len(reading.sources) == len(kana) and list(reading.sources) == sorted(reading.sources)
    assert reading.sources[0] == 0 and reading.sources[-1] < len(text)
