"""Figures of several processes are those of one that did it all."""

import random

from aizuchi.views.merging import POINTS, merge, sketch
from aizuchi.views.metrics import percentile


def parcel(values: list[float], **counts: int) -> dict[str, object]:
    return {"sessions": 2, "turns": counts, "figures": {"ms": sketch(values)}}


def test_few_values_are_exact():
    """While all values fit into the sketches the percentiles are those of all values together."""
    one, two = [5.0, 1.0, 9.0], [2.0, 30.0]
    said = merge([parcel(one, finished=3), parcel(two, finished=1, failed=1)])
    assert said["sessions"] == 4 and said["turns"] == {"finished": 4, "failed": 1}
    both = one + two
    assert said["figures"]["ms"] == {
        "count": 5,
        "p50": percentile(both, 50),
        "p95": percentile(both, 95),
        "max": 30.0,
    }


def test_many_values_are_near():
    """A process with more turns weighs more; ranks are right to one percent."""
    chance = random.Random(1)
    one = [chance.uniform(0, 1) for _ in range(POINTS * 20)]
    two = [chance.uniform(1, 2) for _ in range(POINTS * 2)]
    figure = merge([parcel(one), parcel(two)])["figures"]["ms"]
    both = sorted(one + two)
    assert figure["count"] == len(both) and figure["max"] == both[-1]
    for share in (50, 95):
        rank = sum(each <= figure[f"p{share}"] for each in both) / len(both)
        assert abs(rank - share / 100) < 0.01


def test_nothing():
    """Processes without a turn have no figures."""
    assert merge([{}, {}])["figures"] == {}
