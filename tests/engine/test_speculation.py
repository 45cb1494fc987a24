"""When an answer is prepared before it is certain that the user has finished: the tables."""

from __future__ import annotations

import pytest

from aizuchi.engine.rules import Hearing, Speculation
from aizuchi.engine.speculation import Speculating, Tries, words

HEARING = Hearing(pause_ms=80, silence_ms=600)


def machine(**rules: object) -> Speculating:
    return Speculating(Speculation(**rules), HEARING)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("hello there", "Hello there.", True),
        ("hello there", "  HELLO,  there?! ", True),
        ("hello there", "hello they're", False),
        ("hello", "hello there", False),
        ("你好吗", "你好吗？", True),
        ("你好 吗", "你好吗", True),
        ("你好吗", "你好", False),
        ("打开TV", "打开 tv。", True),
        ("今日はいい天気", "今日は、いい天気。", True),
        ("今日は", "今日も", False),
        ("コーヒー", "コーヒ", False),
        ("ｈｅｌｌｏ １２", "hello 12", True),
        ("it's", "it’s", True),
        ("we're here", "were here", False),
        ("3.5", "35", False),
        ("3.5", "3,5", True),
        ("5%", "5", False),
        ("-5 degrees", "5 degrees", False),
        ("well-known", "well known", True),
        ("$5", "€5", False),
        ("café", "cafe\u0301", True),
        ("안녕 하세요", "안녕 하세요.", True),
        ("…", "", True),
    ],
)
def test_only_punctuation_may_differ(one: str, other: str, same: bool):
    """Case, marks, width and spaces around CJK are nothing one can hear; everything else is."""
    assert (words(one) == words(other)) is same


@pytest.mark.parametrize("text", ["", "  ", "…", "?!", "。"])
def test_nothing_said_has_no_words(text: str):
    """Marks alone are answered by nobody."""
    assert words(text) == []
    assert machine().decide(1, text, 600) == "wait"


@pytest.mark.parametrize(
    ("running", "text", "silence_ms", "decision"),
    [
        (None, "go on", 79, "wait"),
        (None, "go on", 80, "begin"),
        ("go on", "Go on.", 160, "keep"),
        ("go on", "Go on.", 0, "keep"),
        ("go on", "go on then", 160, "drop"),
        ("go on", "", 160, "drop"),
    ],
)
def test_the_table(running: str | None, text: str, silence_ms: float, decision: str):
    """Silence, words, what runs already."""
    speculating = machine()
    if running:
        speculating.began(running)
    assert speculating.decide(1, text, silence_ms) == decision


@pytest.mark.parametrize(
    ("belied", "pause_ms", "silence_ms", "wanted_ms"),
    [
        (0, 80, 600, 80),
        (1, 80, 600, 160),
        (2, 80, 600, 300),
        (5, 80, 600, 300),
        (2, 80, 1000, 320),
        (9, 80, 1000, 320),
        (3, 80, 200, 100),
        (3, 80, 100, 80),
    ],
)
def test_each_try_in_vain_wants_more_silence(belied: int, pause_ms: int, silence_ms: int, wanted_ms: float):
    """Somebody who pauses within sentences is not followed at every breath, nor given up either."""
    tries = Tries(Speculation(tries=10), Hearing(pause_ms=pause_ms, silence_ms=silence_ms))
    for _ in range(belied):
        tries.use()
        tries.belied()
    assert tries.wanted_ms == wanted_ms
    assert tries.allow(wanted_ms)
    assert not tries.allow(wanted_ms - 1)


def test_words_that_change_within_a_pause_want_no_longer_silence():
    """It was the recogniser who was late, not the speaker who went on."""
    speculating = machine()
    speculating.began("what time")
    speculating.dropped("other_words", 100)
    assert speculating.decide(1, "what time is it", 80) == "begin"


@pytest.mark.parametrize("tries", [0, 1, 3])
def test_tries_are_bounded_in_an_utterance_and_counted_anew_in_the_next(tries: int):
    """Also when each had other words."""
    speculating, begun = machine(tries=tries), 0
    for number in range(6):
        if speculating.decide(1, f"text {number}", 400) == "begin":
            begun += 1
            speculating.began(f"text {number}")
            speculating.dropped("other_words", 10)
    assert begun == tries
    assert speculating.decide(2, "text", 400) == ("begin" if tries else "wait")


def test_late_news_of_an_earlier_utterance_begins_nothing():
    """What is answered is all that was said, under the number of its newest piece."""
    speculating = machine()
    assert speculating.decide(2, "two", 80) == "begin"
    assert speculating.decide(1, "one", 600) == "wait"


@pytest.mark.parametrize("reason", ["failed", "expired"])
def test_what_failed_is_not_tried_again_in_the_same_utterance(reason: str):
    """A provider that is down is asked by the turn itself; one that took too long has been waited for."""
    speculating = machine()
    speculating.decide(1, "hello", 80)
    speculating.began("hello")
    speculating.dropped(reason, 10)
    assert speculating.decide(1, "hello", 5_000) == "wait"
    assert speculating.decide(2, "hello", 80) == "begin"


def test_the_budget_counts_what_was_dropped_only():
    """A committed attempt has cost nothing that the turn would not have cost."""
    speculating = machine(budget_tokens=100)
    speculating.decide(1, "hello", 80)
    speculating.began("hello")
    speculating.committed()
    assert speculating.spent == 0
    assert speculating.decide(2, "hello", 80) == "begin"
    speculating.began("hello")
    speculating.dropped("went_on", 100)
    assert speculating.decide(3, "hello", 600) == "wait"


@pytest.mark.parametrize(
    ("text", "confirmed"), [("Hello there!", True), ("hello", False), ("", False), ("hello there you", False)]
)
def test_what_is_confirmed_has_the_same_words(text: str, confirmed: bool):
    """The attempt answers what was said, or nobody hears of it."""
    speculating = machine()
    speculating.began("hello there")
    assert speculating.confirmed(text) is confirmed


def test_nothing_is_confirmed_while_nothing_runs():
    """Not even silence."""
    assert not machine().confirmed("")


def test_one_switch_turns_it_off():
    """No try is ever allowed then, neither for an answer nor for a transcription."""
    assert machine(on=False).decide(1, "hello", 600) == "wait"
    assert not Tries(Speculation(on=False), HEARING).allow(600)
