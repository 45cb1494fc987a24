"""The pauses of one speaker: what is learned from them, and how soon it is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.engine.habits import LONGEST_MS, REMEMBERED, SHORTEST_MS, Habits


def habits(*pauses: float) -> Habits:
    made = Habits()
    for pause in pauses:
        made.went_on(pause)
    return made


@pytest.mark.parametrize(
    ("pauses", "told"),
    [
        ((), None),
        ((500, 500), None),  # two are no habit
        ((500, 500, 500), 500),
        ((100, 120, 149, 90), None),  # closures of consonants
        ((9000, 9000, 9000), None),  # somebody was away
        ((300, 300, 300, 300, 900), 900),  # the newest of five bears more than a fifth
        ((900, 300, 300, 300, 300), 300),  # the oldest less
        ((300,) * 9 + (900,), 300),
        ((300, 400, 500, 600, 700, 800, 900, 1000), 900),
        ((1000, 900, 800, 700, 600, 500, 400, 300), 800),
        ((1000,) * 30 + (300,) * 30, 300),  # what is long past is forgotten
        ((300,) * 30 + (1000,) * 4, 1000),  # a new speaker is learned within a few pauses
    ],
)
def test_what_is_told(pauses: tuple[float, ...], told: float | None):
    """Each row: the pauses in their order, and the long pause that is told of them."""
    assert habits(*pauses).pause_ms == told


@given(st.lists(st.floats(0, 10_000), max_size=80))
def test_it_is_one_of_the_pauses(pauses: list[float]):
    """What is told was really heard, and counts as a pause."""
    told = habits(*pauses).pause_ms
    if told is not None:
        assert told in pauses[-80:] and SHORTEST_MS <= told <= LONGEST_MS


@given(st.lists(st.integers(0, 10_000), max_size=80))
def test_a_snapshot_keeps_them(pauses: list[int]):
    """Whoever comes back is the same speaker; no more than the newest thirty are kept."""
    before, after = habits(*pauses), Habits()
    after.load(before.dump())
    assert after.pause_ms == before.pause_ms
    assert after.dump() == before.dump() and len(after.dump()) <= REMEMBERED


def test_a_broken_snapshot_is_no_habit():
    """What is not a number is passed over."""
    broken = Habits()
    broken.load(["x", None, 400, 400, [1], 400])
    assert broken.pause_ms == 400
