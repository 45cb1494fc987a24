"""How far the ear has come, and what it could have heard."""

from __future__ import annotations

import pytest

from aizuchi.engine.playback import Playback
from aizuchi.events import Answered, Fault, Played, Sentence, WordTime

FIRST, SECOND = "One two three. ", "Four five six."


def playing() -> Playback:
    """Two sentences of a second each, put on the timeline at 100.0 in one go."""
    play = Playback()
    for index, shown in enumerate((FIRST, SECOND)):
        play.text(shown)
        play.sentence(Sentence(1, index, shown.strip(), shown))
        play.sound(index, 1000, True, 100.0)
    return play


@pytest.mark.parametrize(
    ("at", "heard"),
    [(100.0, ""), (100.4, ""), (100.6, FIRST), (101.0, FIRST), (101.4, FIRST), (101.6, FIRST + SECOND)],
)
def test_the_computed_clock_goes_by_sentences(at: float, heard: str):
    """Without word times a sentence counts from its half."""
    assert playing().heard(at) == heard


def test_words_make_it_exact():
    """With word times the cut is at the last word that was spoken out."""
    play = playing()
    for number, word in enumerate(["Four", "five", "six."]):
        play.word(WordTime(1, 1, number * 300, 250, word))
    assert play.heard(101.2) == FIRST
    assert play.heard(101.6) == FIRST + "Four five"


def test_words_map_to_what_was_shown():
    """Markup that is shown and not spoken does not confuse the cut."""
    play = Playback()
    play.sentence(Sentence(1, 0, "very good news", "**very** good news"))
    play.sound(0, 1000, True, 0.0)
    play.word(WordTime(1, 0, 0, 300, "very", 0))
    assert "**very** good news".startswith(play.heard(0.5))
    assert 0 < len(play.heard(0.5)) < len("**very** good news")


def test_text_without_sound_was_read():
    """A text-only reply is heard as far as it was shown."""
    play = Playback()
    play.text("Only text")
    assert play.heard(0.0) == "Only text"
    assert play.over_at(2.0, reporting=False) == 0.0


def test_code_between_sentences_counts_with_its_neighbours():
    """A piece without sound was seen once the sound before it was heard."""
    play = Playback()
    for index, (spoken, ms) in enumerate([("Look.", 1000), ("", 0), ("Done.", 1000)]):
        play.sentence(Sentence(1, index, spoken, f"<{index}>"))
        if ms:
            play.sound(index, ms, True, 0.0)
    assert play.heard(1.2) == "<0><1>"


def test_a_report_moves_the_clock():
    """A client that is behind is believed, one that lies is bounded."""
    play = playing()
    play.report(Played(1, at_ms=200), 101.0)
    assert play.position(101.0) == pytest.approx(200)
    assert play.position(101.3) == pytest.approx(500)
    play.report(Played(1, at_ms=10**9), 101.4)
    assert play.position(101.4) == pytest.approx(1400)


def test_a_silent_ear_is_waited_for_no_longer_than_the_grace():
    """A reporting ear that falls silent holds the turn for its sound plus two seconds."""
    play = playing()
    play.report(Played(1, at_ms=0), 100.0)
    assert play.over_at(2.0, reporting=True) == pytest.approx(104.0)
    for moment in range(100, 110):
        play.report(Played(1, at_ms=0), float(moment))
    assert play.over_at(2.0, reporting=True) == pytest.approx(104.0)
    play.report(Played(1, whole=True), 102.0)
    assert play.over_at(2.0, reporting=True) == 0.0


def test_an_underrun_is_not_played_sound():
    """Sound that comes late starts when it comes."""
    play = Playback()
    play.sentence(Sentence(1, 0, "a b", "a b"))
    play.sound(0, 500, False, 10.0)
    play.sound(0, 500, True, 12.0)
    assert play.position(12.2) == pytest.approx(700)
    assert play.over_at(2.0, reporting=False) == pytest.approx(12.5)


def test_hold_stops_the_clock_and_resume_goes_on():
    """A held turn neither plays nor ends."""
    play = playing()
    assert play.hold(100.5) == 500
    assert play.position(130.0) == pytest.approx(500)
    assert play.resume(130.0) == 500
    assert play.position(130.25) == pytest.approx(750)
    assert play.over_at(2.0, reporting=False) == pytest.approx(131.5)


def test_a_report_from_before_does_not_turn_back_what_is_played_again():
    """It was on its way for long: what the ear gets anew begins where the turn was resumed."""
    play = playing()
    play.hold(100.5)
    play.resume(130.0, again=True)
    play.report(Played(1, at_ms=100), 130.1)
    assert play.position(130.1) == pytest.approx(500)


def test_an_ear_that_cannot_pause_coasts():
    """It plays what it had been sent and stands there; what it reports meanwhile is believed."""
    play = playing()
    assert play.hold(100.5, coast_ms=200) == 700
    assert play.position(100.6) == pytest.approx(600)
    play.report(Played(1, at_ms=550), 100.6)
    assert play.position(100.65) == pytest.approx(600)
    assert play.position(110.0) == pytest.approx(700)
    assert play.resume(110.0) == 700
    assert play.position(110.1) == pytest.approx(800)


def test_a_turn_that_is_interrupted_in_a_pause_is_heard_no_further():
    """Silence is silence, also for an ear that would have played on for a while."""
    play = playing()
    play.hold(100.5, coast_ms=200)
    play.stop(100.6)
    assert play.position(110.0) == pytest.approx(600)


def test_an_ear_that_is_resumed_while_it_coasts_notices_nothing():
    """The pause was shorter than what it had."""
    play = playing()
    play.hold(100.5, coast_ms=200)
    assert play.resume(100.6) == pytest.approx(600, abs=1)
    assert play.position(100.7) == pytest.approx(700)


def test_an_ear_that_gets_all_at_the_end_hears_nothing_before():
    """A one-shot client's clock starts when the reply's sound is complete."""
    play = Playback(at_end=True)
    play.sentence(Sentence(1, 0, "a", "a"))
    play.sound(0, 1000, True, 5.0)
    assert play.position(8.0) == 0
    assert play.heard(8.0) == ""
    play.complete(8.0)
    assert play.position(8.5) == pytest.approx(500)
    assert play.over_at(2.0, reporting=False) == pytest.approx(9.0)


def test_what_is_held_back_by_a_late_ear_is_bounded():
    """An ear that stays at the beginning, honestly or not, does not keep synthesis waiting for ever."""
    play = playing()
    for moment in range(100, 120):
        play.report(Played(1, at_ms=0), float(moment))
        assert play.ahead(float(moment), 2.0) <= max(0.0, 104.0 - moment)


def test_an_ear_can_not_have_heard_what_could_not_have_come():
    """Sound that was made just now was not played yet, whatever the client says."""
    play = playing()
    play.report(Played(1, at_ms=10**9), 100.5)
    assert play.position(100.5) == pytest.approx(500)
    play.report(Played(1, whole=True), 100.6)
    assert play.heard(100.6) == FIRST
    assert play.over_at(2.0, reporting=True) == pytest.approx(102.0)
    play.report(Played(1, sentence=1, whole=True), 100.7)
    assert play.position(100.7) == pytest.approx(700)


def test_a_voice_that_breaks_off_is_not_a_voice_that_is_gone():
    """After a sentence that broke off the next one still comes; until then it was not heard."""
    play = playing()
    play.text("Seven eight.")
    play.sentence(Sentence(1, 2, "Seven eight.", "Seven eight."))
    play.note(Answered("tts", "x", "failed", 1, first_ms=100))
    play.note(Fault("tts", "tts_failed", "sentence 1 broke off"))
    assert play.heard(110.0) == FIRST + SECOND
    play.note(Answered("tts", "x", "failed", 2))
    play.note(Fault("tts", "tts_failed", "it is gone"))
    assert play.heard(110.0) == FIRST + SECOND + "Seven eight."


@pytest.mark.parametrize(("at", "from_ms"), [(100.4, 0), (101.0, 1_000), (101.7, 1_000), (105.0, 2_000)])
def test_a_lecture_is_taken_up_at_the_sentence(at: float, from_ms: int):
    """The one that was being said, from its beginning; after all of them there is none to say again."""
    play = playing()
    play.hold(at)
    assert play.resume(at + 10, again=True, rewind=True) == from_ms
    assert play.position(at + 10.5) == min(2_000, from_ms + 500)
