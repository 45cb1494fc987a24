"""How much silence ends a pause: the table of `turn_end.py` row by row, and what holds for any evidence."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.engine.endings import Ending
from aizuchi.engine.rules import Hearing, TurnEnd
from aizuchi.engine.turn_end import Evidence, wait_ms

RULES = TurnEnd()
ENDINGS: list[Ending | None] = [None, "finished", "unknown", "unfinished"]


@pytest.mark.parametrize(
    ("transcript", "model", "habit", "wait"),
    [
        (None, None, None, 600),
        ("unknown", None, None, 600),
        ("unknown", 0.5, None, 600),
        ("finished", None, None, 360),
        (None, 0.9, None, 480),
        (None, 1.0, None, 480),
        (None, 0.7, None, 540),
        ("finished", 0.7, None, 300),  # 1.25: half of the way from 360 to 240
        ("finished", 0.95, None, 250),
        ("unfinished", None, None, 1200),
        ("unknown", 0.1, None, 1200),
        ("unknown", 0.0, None, 1200),
        (None, 0.3, None, 900),
        ("unfinished", 0.3, None, 1500),
        ("unfinished", 0.1, None, 1800),
        ("finished", 0.1, None, 600),
        ("unfinished", 0.9, None, 900),
        (None, None, 800, 1000),
        ("unknown", None, 800, 1000),
        ("finished", None, 800, 360),
        ("finished", 0.95, 800, 250),
        (None, 0.95, 800, 740),  # half sure: half of the way from 480 to 1000
        ("finished", 0.3, 800, 740),  # the same sum
        ("unfinished", None, 800, 1200),
        ("unfinished", None, 1200, 1500),
        (None, None, 400, 600),
        (None, None, 5000, 2000),
    ],
)
def test_the_table(transcript: Ending | None, model: float | None, habit: float | None, wait: float):
    """Each row: what the layers say, and how long the pause may last with the defaults."""
    assert wait_ms(600, RULES, Evidence(transcript, model, habit)) == pytest.approx(wait)


@pytest.mark.parametrize(
    ("silence", "evidence", "wait"),
    [
        (200, Evidence(), 200),  # the user's own number, though it is under the shortest
        (
            200,
            Evidence("finished", 1.0),
            200,
        ),  # never lengthened to the shortest by it, nor shortened under it
        (200, Evidence("unfinished"), 400),
        (3000, Evidence(), 3000),  # nor cut to the longest
        (3000, Evidence("unfinished", 0.0), 3000),
        (3000, Evidence("finished"), 1800),
        (1500, Evidence("unfinished"), 2000),
        (300, Evidence("finished"), 250),
    ],
)
def test_the_users_own_silence_is_respected(silence: float, evidence: Evidence, wait: float):
    """`shortest_ms` and `longest_ms` bound what the layers do, not what the user chose."""
    assert wait_ms(silence, RULES, evidence) == pytest.approx(wait)


def test_nothing_known_changes_nothing():
    """With every layer silent an utterance ends as it did before there were layers."""
    assert wait_ms(Hearing().silence_ms, RULES, Evidence()) == Hearing().silence_ms


evidences = st.builds(
    Evidence,
    st.sampled_from(ENDINGS),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 10_000),
)


@given(st.integers(50, 10_000), evidences)
def test_always_within_the_bounds(silence: int, evidence: Evidence):
    """Whatever is said, the wait lies between the shortest and the longest, or is the user's own."""
    wait = wait_ms(silence, RULES, evidence)
    assert min(RULES.shortest_ms, silence) <= wait <= max(RULES.longest_ms, silence)


@given(st.integers(50, 10_000), st.none() | st.floats(0, 10_000), st.lists(st.floats(0, 1), min_size=2))
def test_the_surer_the_shorter(silence: int, habit: float | None, probabilities: list[float]):
    """A higher probability never makes the wait longer, nor does a sentence that ends."""
    for transcript in ENDINGS:
        waits = [wait_ms(silence, RULES, Evidence(transcript, p, habit)) for p in sorted(probabilities)]
        assert all(one >= other - 1e-6 for one, other in itertools.pairwise(waits))
    words = [wait_ms(silence, RULES, Evidence(each, None, habit)) for each in reversed(ENDINGS[1:])]
    assert all(one >= other - 1e-6 for one, other in itertools.pairwise(words))


@given(st.integers(50, 10_000), evidences, st.floats(0, 10_000), st.floats(0, 10_000))
def test_a_habit_only_ever_lengthens(silence: int, evidence: Evidence, one: float, other: float):
    """Longer pauses in the past never shorten the wait."""
    short, long = sorted((one, other))
    without = wait_ms(silence, RULES, Evidence(evidence.transcript, evidence.model))
    waits = [
        wait_ms(silence, RULES, Evidence(evidence.transcript, evidence.model, each)) for each in (short, long)
    ]
    assert without <= waits[0] + 1e-6 and waits[0] <= waits[1] + 1e-6
