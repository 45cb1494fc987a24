"""Who was cut off, what a pause cost: the bench's own arithmetic, where it could flatter."""

from typing import Any

import pytest
from barge import summed
from manners import Answered, answered, disturbed, runs
from marks import Block


@pytest.mark.parametrize(
    "begun, frames, expected",
    [
        ([2.5], [2.6, 2.62], Answered(False, 0, 600)),
        ([1.5], [], Answered(True, 0, None)),
        ([1.5], [1.6, 1.62, 2.6], Answered(True, 40, None)),
        ([], [1.98, 2.6], Answered(True, 20, None)),
        ([], [], Answered(False, 0, None)),
        ([0.5], [0.7, 2.2], Answered(False, 0, 200)),
    ],
)
def test_answered(begun: list[float], frames: list[float], expected: Answered):
    """A turn or a sound before the last voiced sample is a cut-off, and then no dead air is praised."""
    told = answered(1.0, 2.0, begun, frames)
    assert (told.cut_off, round(told.over_ms)) == (expected.cut_off, expected.over_ms)
    assert told.dead_air_ms == pytest.approx(expected.dead_air_ms)


def every_20_ms(begin: float, end: float) -> list[float]:
    return [begin + 0.02 * number for number in range(round((end - begin) / 0.02))]


def seen(frames: list[float], **more: Any) -> dict[str, Any]:
    return {"onset": 1.0, "over": 1.2, "ended": None, "frames": frames, "pauses": [], "runs": [], **more}


def test_a_reply_that_holds_and_goes_on():
    """Held counts from the onset, resumed from the sound's end."""
    frames = every_20_ms(0.5, 1.1) + every_20_ms(1.6, 2.0)
    told = disturbed(seen(frames, pauses=[1.09], runs=[(1, 0, 80)]), {1: 80})
    assert told.held_ms == pytest.approx(80) and told.told_ms == pytest.approx(90)
    assert told.resumed_ms == pytest.approx(400) and told.silent_ms == pytest.approx(520)
    assert told.ended_ms is None and (told.sound.lost, told.sound.unsaid) == (0, 0)
    assert summed([told])["went_on"] == 1


def test_a_reply_that_never_falls_silent():
    """Nothing was held, so there is no time to tell, and least of all nought."""
    told = disturbed(seen(every_20_ms(0.5, 2.0), runs=[(1, 0, 80)]), {1: 80})
    assert (told.held_ms, told.told_ms, told.resumed_ms) == (None, None, None)
    assert summed([told])["held_ms"] == {"n": 0}


def test_a_reply_that_is_ended():
    """Its last byte before the acknowledgement counts; what follows belongs to another reply."""
    frames = every_20_ms(0.5, 1.2) + every_20_ms(1.9, 2.2)
    told = disturbed(seen(frames, ended=1.22, runs=[(1, 0, 40), (2, 0, 30)]), {1: 80})
    assert told.held_ms == pytest.approx(180) and told.ended_ms == pytest.approx(220)
    assert told.resumed_ms is None and told.sound.lost == 0
    assert summed([told])["went_on"] == 0


def test_a_reply_that_stops_for_good_without_a_word_did_not_go_on():
    """A reply that is neither ended nor said to its end must not count as one that went on."""
    told = disturbed(seen(every_20_ms(0.5, 1.1), runs=[(1, 0, 40)]), {1: 80})
    assert summed([told])["went_on"] == 0


def test_a_gap_before_the_onset_is_not_the_pause():
    """A slow voice's gap is no answer to a cough that came later."""
    frames = every_20_ms(0.2, 0.4) + every_20_ms(0.7, 1.1) + every_20_ms(1.5, 2.0)
    assert disturbed(seen(frames), {}).held_ms == pytest.approx(80)


def test_a_gap_long_after_is_not_the_pause():
    """A reply that merely waits for its next sentence was not disturbed."""
    frames = every_20_ms(0.5, 3.0) + every_20_ms(3.4, 4.0)
    assert disturbed(seen(frames), {}).held_ms is None


def test_runs_keep_every_block():
    """What is counted in the client's process arrives whole."""
    blocks = [Block(1, 0), Block(1, 1), Block(1, 3), Block(2, 4), Block(1, 4), Block(1, 4)]
    assert runs(blocks) == [(1, 0, 2), (1, 3, 4), (2, 4, 5), (1, 4, 5), (1, 4, 5)]
    assert [Block(i, place) for i, first, end in runs(blocks) for place in range(first, end)] == blocks
