"""Which sentence the sound of a stream of text belongs to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.engine.shares import PACE_MS, Script, Shares
from aizuchi.events import Sentence


def sentence(index: int, spoken: str) -> Sentence:
    return Sentence(1, index, spoken, spoken)


def written(*spoken: str) -> Script:
    script = Script()
    for index, each in enumerate(spoken):
        script.sentence(sentence(index, each))
    return script


@pytest.mark.parametrize(
    ("steps", "pieces", "places"),
    [
        (["Hello there."], ["Hello there."], [(0, 12)]),
        (["Hi.", "You?"], ["Hi.", " You?"], [(0, 3), (4, 8)]),
        (["你好。", "再见。"], ["你好。", "再见。"], [(0, 3), (3, 6)]),
        (["+One", "+One two", "One two three."], ["One", " two", " three."], [(0, 14)]),
        (["+One", "One.", "+Two", "Two."], ["One", ".", " Two", "."], [(0, 4), (5, 9)]),
        (["+One", "+On", "One."], ["One", "", "."], [(0, 4)]),
        # Cut at an earlier word than was certain: the rest is the next sentence's.
        (["+One two", "One", "two three."], ["One two", "", " three."], [(0, 3), (4, 14)]),
        (["Look.", "", "There."], ["Look.", "", " There."], [(0, 5), (5, 5), (6, 12)]),
        # What was given can't be taken back; the rest goes on where both are alike.
        (["+One to", "One two."], ["One to", "wo."], [(0, 9)]),
    ],
)
def test_text_is_given_once(steps: list[str], pieces: list[str], places: list[tuple[int, int]]):
    """Words ahead, marked by a plus, and whole sentences join to one text in which each has its place."""
    script, given_, index = Script(), list[str](), 0
    for step in steps:
        if step.startswith("+"):
            given_.append(script.ahead(step[1:]))
        else:
            given_.append(script.sentence(sentence(index, step)))
            index += 1
    assert given_ == pieces
    assert script.text == "".join(pieces)
    assert [(span.start, span.end) for span in script.spans] == places


def test_an_aside_does_not_cut_a_sentence_in_two():
    """It is spoken between sentences; within one that was begun it has no words."""
    script = Script()
    aside = replace(sentence(0, "Well ..."), shown="", tags=("aside",))
    assert script.sentence(aside) == "Well ..."
    assert script.ahead("One two") == " One two"
    assert script.sentence(replace(aside, index=1)) == ""
    assert script.sentence(sentence(2, "One two three.")) == " three."


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_however_much_was_known_ahead_the_text_is_the_same(words: list[list[str]], data: st.DataObject):
    """Giving sentences word by word changes nothing of the text and of the places in it."""
    spoken = [f"{' '.join(each)}." for each in words]
    script = Script()
    for index, each in enumerate(spoken):
        for count in range(data.draw(st.integers(0, len(words[index]) - 1))):
            script.ahead(" ".join(words[index][: count + 1]))
        script.sentence(sentence(index, each))
    whole = written(*spoken)
    assert script.text == whole.text == " ".join(spoken)
    assert [(span.start, span.end) for span in script.spans] == [(s.start, s.end) for s in whole.spans]
    assert [script.text[span.start : span.end] for span in script.spans] == spoken


def test_what_the_voice_tells_decides():
    """Between two moments that were told the sound is shared evenly; the sentences follow from that."""
    script = written("One two.", "Three four five.")
    shares = Shares(script)
    shares.tell(1000, 8)
    assert [shares.reached(ms) for ms in (0, 500, 1000)] == [0, 4, 8]
    assert [shares.span(ms) for ms in (0, 999, 1200)] == [0, 0, 1]


def test_the_pace_that_was_told_goes_on():
    """Beyond the last moment that was told the voice's own pace is believed; before it, the usual one."""
    script = written("0123456789012345", "0123456789012345")
    usual, told = Shares(script), Shares(script)
    told.tell(3200, 16)
    assert usual.reached(PACE_MS * 4) == 4
    assert told.reached(3200 + 200 * 5) == 16 + 5


def test_wide_characters_take_longer():
    """A Chinese character takes the time of two Latin ones."""
    shares = Shares(written("你好你好"))
    assert shares.reached(PACE_MS * 4) == 2


def test_a_sentence_that_is_not_out_has_no_span():
    """Sound of words that were given ahead is nobody's yet; at the text's end the last sentence has it."""
    script = written("One.")
    script.ahead("Two three")
    shares = Shares(script)
    shares.tell(1000, 4)
    assert shares.span(0) == 0
    assert shares.span(1500) is None
    script.sentence(sentence(1, "Two three."))
    assert shares.span(1500) == shares.span(99_999) == 1


@given(st.lists(st.tuples(st.floats(0, 5000), st.integers(-5, 99))), st.lists(st.floats(0, 9000), min_size=2))
def test_any_story_gives_an_order(told: list[tuple[float, int]], moments: list[float]):
    """Whatever a voice tells, later sound is never of earlier text, and always of the text."""
    script = written("One two three.", "Four.", "Five six.")
    shares = Shares(script)
    for ms, upto in told:
        shares.tell(ms, upto)
    reached = [shares.reached(ms) for ms in sorted(moments)]
    assert reached == sorted(reached)
    assert all(0 <= each <= len(script.text) for each in reached)
