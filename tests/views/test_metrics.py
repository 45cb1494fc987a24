"""Figures come from the timeline alone, by two clocks that are never mixed."""

import json
import logging

import pytest

from aizuchi.events import (
    Answered,
    AttemptBegun,
    AttemptEnded,
    Fault,
    Heard,
    Played,
    Queued,
    Requested,
    Sentence,
    Speech,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    TurnBegun,
    TurnEnded,
)
from aizuchi.views.metrics import Meter, Metrics, Summary, percentile
from aizuchi.views.replay import bars
from tests.views.stories import TONE, Tale, interrupted_turn, spoken_turn, whole


def followed(tale: Tale) -> Metrics:
    metrics = Metrics(tale.id)
    tale.timeline.follow(metrics.read)
    return metrics


def test_spoken_turn_is_measured_from_both_ends():
    """Each first thing is counted from the decision and from the last voiced sample."""
    tale = Tale()
    metrics = followed(tale)
    spoken_turn(tale)
    figures = metrics.figures(1)
    assert figures is not None
    numbers = figures.numbers()
    expected = {
        "end_point_ms": 200,
        "asr_first_partial_ms": -1200,
        "asr_first_partial_from_voice_ms": -1000,
        "asr_first_partial_from_speech_ms": 500,
        "asr_final_ms": 150,
        "asr_final_from_voice_ms": 350,
        "first_token_ms": 460,
        "first_token_from_voice_ms": 660,
        "first_sentence_ms": 540,
        "first_sentence_from_voice_ms": 740,
        "first_audio_ms": 800,
        "first_audio_from_voice_ms": 1000,
        "e2e_ms": 800,
        "e2e_from_voice_ms": 1000,
        "interrupt_ms": None,
        "queue_ms": None,
        "saved_ms": None,
        "duration_ms": 1650,
        "tokens": 3,
        "tokens_in": 40,
        "characters": 14,
        "tts_audio_ms": 80,
        "faults": 0,
    }
    assert numbers == {name: pytest.approx(number) for name, number in expected.items()}
    assert figures.outcome == "finished"


def test_stages_add_up_to_the_whole():
    """Where the time goes: the stages in order make up the span from the voice end to the first sound."""
    tale = Tale()
    metrics = followed(tale)
    spoken_turn(tale)
    figures = metrics.figures(1)
    assert figures is not None
    assert list(figures.stages) == ["end_point", "asr", "begin", "llm", "clause", "voice"]
    assert sum(figures.stages.values()) == pytest.approx(figures.numbers()["first_audio_from_voice_ms"])


def test_typed_turn_has_no_voice():
    """Figures of a voice are None for text; its user end is its receipt."""
    tale = Tale()
    metrics = followed(tale)
    interrupted_turn(tale)
    figures = metrics.figures(2)
    assert figures is not None
    numbers = figures.numbers()
    assert numbers["first_token_ms"] == pytest.approx(100)
    assert {name for name, number in numbers.items() if number is None} == {
        *(name for name in numbers if name.endswith("_from_voice_ms")),
        "end_point_ms",
        "asr_first_partial_ms",
        "asr_first_partial_from_speech_ms",
        "asr_final_ms",
        "queue_ms",
        "saved_ms",
    }
    assert "end_point" not in figures.stages


def test_a_prepared_turn_saves_what_its_attempt_has_done_before():
    """Asked in the pause, spoken at the commit: the stages take no time, and still make up the whole."""
    tale = Tale()
    metrics = followed(tale)
    tale.say(0.56, SpeechStarted(1, audio_at=0.5))
    tale.say(2.1, AttemptBegun(1, 1, "go"))
    tale.say(2.1, Requested("llm", "model", attempt=1))
    tale.say(2.2, Requested("tts", "voice", 0, attempt=1))
    tale.say(2.4, Answered("llm", "model", "done", first_ms=90, tokens_in=40, tokens_out=3, attempt=1))
    tale.say(2.6, SpeechEnded(1, audio_at=2.0, voice_end=2.0))
    tale.say(2.65, Heard(1, "Go."))
    tale.say(2.65, TurnBegun(1, "user", "Go.", user_end=2.6, voice_end=2.0), 1)
    tale.say(2.65, AttemptEnded(1, 1, saved_ms=550, tokens=3, audio_ms=40), 1)
    tale.say(2.65, TextDelta("Going."), 1)
    tale.say(2.65, Sentence(1, 0, "Going.", "Going."), 1)
    tale.say(2.66, Speech(1, 0, 0, TONE, 24_000), 1)
    tale.say(2.7, Answered("tts", "voice", "done", 0, first_ms=50, characters=6, audio_ms=40), 1)
    tale.say(3.0, TurnEnded(1, "finished"), 1)
    figures = metrics.figures(1)
    assert figures is not None
    assert figures.numbers()["saved_ms"] == pytest.approx(550)
    assert (figures.tokens_in, figures.tokens, figures.characters, figures.audio_ms) == (40, 3, 6, 40)
    assert figures.llm_asked == pytest.approx(2.1) and figures.tts_asked == pytest.approx(2.2)
    stages = figures.stages
    assert stages == pytest.approx(
        {"end_point": 600, "asr": 50, "begin": 0, "llm": 0, "clause": 0, "voice": 10}
    )
    assert sum(stages.values()) == pytest.approx(figures.numbers()["first_audio_from_voice_ms"])
    assert any(bar.label == "prepared" for bar in bars(figures))


def test_what_was_prepared_in_vain_is_nobody_s_turn():
    """It is counted by reason with what it had made; the turn that follows has its own figures."""
    tale, meter = Tale(), Meter()
    stop = meter(tale)
    tale.say(1.0, AttemptBegun(1, 1, "go"))
    tale.say(1.0, Requested("llm", "model", attempt=1))
    tale.say(1.3, AttemptEnded(1, reason="went_on", tokens=12, audio_ms=300))
    tale.say(1.3, Answered("llm", "model", "cancelled", attempt=1))
    tale.say(2.0, AttemptBegun(2, 1, "go on"))
    spoken_turn(tale, at=0.5)
    tale.say(6.0, AttemptEnded(2, reason="expired", tokens=5))
    figures = meter.as_dict()
    assert figures["speculation"] == {
        "attempts": 2,
        "committed": 0,
        "dropped": {"went_on": 1, "expired": 1},
        "wasted_tokens": 17,
        "wasted_audio_ms": 300,
    }
    assert "saved_ms" not in figures["figures"]
    turn = meter.of(tale.id)
    assert turn is not None and turn.turns[0].prepared is None and turn.turns[0].tokens_in == 40
    stop()


def test_a_greeting_has_no_user_end():
    """A turn of the character's own accord gives no latencies rather than wrong ones."""
    tale = Tale()
    metrics = followed(tale)
    tale.say(0.0, TurnBegun(1, "greeting"), 1)
    tale.say(1.0, TurnEnded(1, "finished"), 1)
    figures = metrics.figures(1)
    assert figures is not None and figures.numbers()["first_audio_ms"] is None


def test_tokens_without_usage_are_counted_as_pieces():
    """A cancelled stream reports no usage; the pieces that came are the next best figure."""
    tale = Tale()
    metrics = followed(tale)
    interrupted_turn(tale)
    figures = metrics.figures(2)
    assert figures is not None and figures.tokens == 2 and figures.tokens_out == 0


def test_interrupt_is_zero_unless_a_link_sent_on():
    """The timeline is silent at once; a link that still hands on sound makes the figure grow."""
    tale = Tale()
    metrics = followed(tale)
    interrupted_turn(tale)
    figures = metrics.figures(2)
    assert figures is not None and figures.interrupt_ms == 0
    metrics.sent(2, 5.9)
    assert figures.interrupt_ms == 0
    metrics.sent(2, 6.004)
    assert figures.interrupt_ms == pytest.approx(4)


def test_playback_reported_by_the_client_is_the_end_to_end_figure():
    """The first report after the first sound counts; one that comes before it cannot be true."""
    tale = Tale()
    metrics = followed(tale)
    tale.say(0.0, TurnBegun(2, "user", "hi", user_end=0.0), 2)
    tale.say(0.1, Played(2, at_ms=0))
    interrupted_turn(tale, turn=3, at=1.0)
    assert metrics.figures(2) is not None
    assert metrics.figures(2).numbers()["e2e_ms"] is None  # type: ignore[union-attr]


def test_two_utterances_do_not_mix():
    """A new utterance that begins before the last one's text came leaves that turn's figures alone."""
    tale = Tale()
    metrics = followed(tale)
    tale.say(0.0, SpeechStarted(9, audio_at=0.0))
    spoken_turn(tale, turn=1, at=0.1)
    tale.say(5.0, Heard(9, ""))
    figures = metrics.figures(1)
    assert figures is not None and figures.numbers()["asr_first_partial_from_speech_ms"] == pytest.approx(500)
    assert (metrics.utterances, metrics.empty_recognitions, metrics.failed_recognitions) == (2, 1, 0)


def test_faults_are_counted_where_they_belong():
    """A recogniser's fault counts for the session, a voice's for its turn."""
    tale = Tale()
    metrics = followed(tale)
    tale.say(0.0, Fault("asr", "asr_failed", "no"))
    tale.say(0.0, TurnBegun(1, "user", "hi", user_end=0.0), 1)
    tale.say(0.1, Fault("tts", "tts_failed", "no"), 1)
    figures = metrics.figures(1)
    assert figures is not None and figures.faults == ["tts_failed"]
    assert metrics.failed_recognitions == 1


def test_only_the_last_turns_are_kept():
    """Fifty turns are remembered, whatever a session does."""
    tale = Tale()
    metrics = followed(tale)
    for turn in range(1, 61):
        tale.say(turn, TurnBegun(turn, "greeting"), turn)
        tale.say(turn, TurnEnded(turn, "finished"), turn)
    assert [each.turn for each in metrics.turns] == list(range(11, 61))
    assert metrics.figures(10) is None and metrics.measured(10) is None


def test_measured_waits_for_the_end():
    """A client gets figures of ended turns only, bearing the generation the turn had."""
    tale = Tale()
    metrics = followed(tale)
    tale.generation = 4
    tale.say(0.0, TurnBegun(1, "user", "hi", user_end=0.0), 1)
    assert metrics.measured(1) is None
    interrupted_turn(tale)
    measured = metrics.measured(2)
    assert measured is not None
    assert (measured.of_generation, measured.outcome, measured.heard) == (5, "interrupted", "Once")
    assert json.loads(json.dumps(measured.figures)) == measured.figures


def test_one_record_a_turn_and_nothing_said_in_it(caplog: pytest.LogCaptureFixture):
    """The log gets figures, never words."""
    tale = Tale()
    followed(tale)
    with caplog.at_level(logging.INFO, logger="aizuchi.views.metrics"):
        whole(tale)
    records = [record for record in caplog.records if record.getMessage() == "turn"]
    assert [record.__dict__["outcome"] for record in records] == ["finished", "interrupted"]
    text = " ".join(str(record.__dict__) for record in records)
    assert "forward" not in text and "story" not in text and "first_audio_ms" in text


def test_summary_is_bounded_and_exact():
    """Percentiles are of the newest values only, and always values that occurred."""
    summary = Summary(size=10)
    metrics = Metrics(done=summary.add, quiet=True)
    tale = Tale()
    tale.timeline.follow(metrics.read)
    for turn in range(1, 21):
        tale.say(turn * 10, TurnBegun(turn, "user", "hi", user_end=turn * 10.0), turn)
        tale.say(turn * 10 + turn / 10, Requested("llm", "m"), turn)
        tale.say(turn * 10 + turn / 10, TurnEnded(turn, "finished"), turn)
    told = summary.as_dict()
    duration = told["figures"]["duration_ms"]
    assert duration == {
        "count": 10,
        "p50": pytest.approx(1500),
        "p95": pytest.approx(2000),
        "max": pytest.approx(2000),
    }
    assert told["turns"] == {"finished": 20}
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5], 50, 5), ([1, 2], 50, 1), ([1, 2, 3, 4], 95, 4), (range(1, 101), 95, 95), (range(1, 101), 0, 1)],
)
def test_percentile(values: list[float], share: float, expected: float):
    """Nearest rank, as a table."""
    assert percentile(values, share) == expected


def test_meter_follows_and_lets_go():
    """A server's meter measures each session it is given until that session's stop is called."""
    meter, tale = Meter(), Tale()
    stop = meter(tale)
    spoken_turn(tale)
    measured = meter.measured(tale, 1)
    assert measured is not None and measured.figures["first_audio_ms"] == pytest.approx(800)
    assert meter.as_dict()["sessions"] == 1
    stop()
    stop()
    interrupted_turn(tale)
    assert meter.as_dict()["sessions"] == 0 and meter.as_dict()["turns"] == {"finished": 1}
    assert meter.measured(tale, 1) is None


def test_answers_of_a_dead_turn_still_count():
    """What closing a stream reports after the interrupt belongs to the turn that had asked."""
    tale = Tale()
    metrics = followed(tale)
    interrupted_turn(tale)
    figures = metrics.figures(2)
    assert figures is not None and figures.characters == 17 and figures.audio_ms == 40
    tale.say(9.0, Answered("llm", "model", "cancelled", tokens_out=5), 2)
    assert figures.tokens_out == 0


def test_time_in_the_queue():
    """A wait counts until its place is 0, those of model and voice together."""
    tale = Tale()
    metrics = followed(tale)
    tale.say(0.0, TurnBegun(1, "user", "hello", user_end=0.0), 1)
    tale.say(0.5, Queued("llm", 2, 2), 1)
    tale.say(1.5, Queued("llm", 1, 1, 1000), 1)
    tale.say(2.5, Queued("llm", 0, 0, 0), 1)
    tale.say(3.0, Queued("tts", 1, 1), 1)
    tale.say(3.25, Queued("tts", 0, 0, 0), 1)
    tale.say(4.0, TurnEnded(1, "finished"), 1)
    figures = metrics.figures(1)
    assert figures is not None and figures.numbers()["queue_ms"] == 2250
