"""When a listener hums, as a table."""

from __future__ import annotations

import pytest

from aizuchi.engine.humming import Humming


@pytest.mark.parametrize(
    ("every", "told", "hums"),
    [
        (0, [(9000, 160)], []),  # never
        (4, [(3900, 160)], []),  # not long enough
        (4, [(4100, 80)], []),  # a gap between words
        (4, [(4100, 160)], [0]),
        (4, [(4100, 80), (4100, 160), (4100, 320)], [1]),  # once in a pause
        (4, [(4100, 160), "on", (5000, 160), "on", (8200, 160)], [0, 4]),
        (4, [(4100, 160), "new", (1000, 160)], [0]),  # each utterance counts for itself
    ],
)
def test_hums(every: float, told: list[tuple[float, float] | str], hums: list[int]):
    """Each row: pauses as (voice so far, silence) in ms, and at which of them a hum comes."""
    humming, utterance, seen = Humming(every), 1, list[int]()
    for index, each in enumerate(told):
        if each == "on":
            humming.went_on()
        elif each == "new":
            utterance += 1
        else:
            voiced, silence = each
            if humming.paused(utterance, float(voiced), float(silence), finished=False):
                seen.append(index)
    assert seen == hums


def test_no_hum_where_they_have_finished():
    """The place of the answer is not hummed into."""
    assert not Humming(4).paused(1, 5000, 160, finished=True)
