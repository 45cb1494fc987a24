"""Figures of several processes put together.

Percentiles can't be added up, so each process gives a *sketch* of every figure: up to `POINTS` of its values
that stand for equal shares of all it has. With so many the rank of a merged percentile is right to about
half a percent, and a parcel stays small.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aizuchi.views.metrics import Meter

POINTS: Final = 200
SUMS: Final = ("turns", "fallbacks", "faults", "recognitions")


def parcel(meter: Meter) -> dict[str, Any]:
    """What one process has measured, JSON-able, for `merge`."""
    said = meter.as_dict()
    sketches = {name: sketch(values) for name, values in meter.summary.values.items()}
    return {**said, "figures": sketches}


def merge(parcels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `Meter.as_dict` would say of one process that had done it all."""
    sums: dict[str, Counter[str]] = {name: Counter() for name in SUMS}
    sketches: dict[str, list[Mapping[str, Any]]] = {}
    for each in parcels:
        for name, counter in sums.items():
            counter.update(each.get(name, {}))
        for name, figure in each.get("figures", {}).items():
            sketches.setdefault(name, []).append(figure)
    return {
        "sessions": sum(each.get("sessions", 0) for each in parcels),
        **{name: dict(counter) for name, counter in sums.items()},
        "figures": {name: _figure(each) for name, each in sketches.items()},
    }


def sketch(values: Sequence[float]) -> dict[str, Any]:
    """Count, largest, and values at the middles of equal shares; all of them where they are few."""
    ordered = sorted(values)
    points = ordered
    if len(ordered) > POINTS:
        points = [ordered[int((index + 0.5) * len(ordered) / POINTS)] for index in range(POINTS)]
    return {"count": len(ordered), "max": ordered[-1], "points": points}


def _figure(sketches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    weighted = sorted(
        (point, each["count"] / len(each["points"])) for each in sketches for point in each["points"]
    )
    return {
        "count": sum(each["count"] for each in sketches),
        "p50": _percentile(weighted, 50),
        "p95": _percentile(weighted, 95),
        "max": max(each["max"] for each in sketches),
    }


def _percentile(weighted: Sequence[tuple[float, float]], share: float) -> float:
    """By nearest rank, as in `metrics`; the values in order, each standing for so many."""
    total = math.fsum(weight for _, weight in weighted)
    rank, seen = max(1, math.ceil(share / 100 * round(total))), 0.0
    for value, weight in weighted:
        seen += weight
        if seen >= rank - 1e-6:
            return value
    return weighted[-1][0]
