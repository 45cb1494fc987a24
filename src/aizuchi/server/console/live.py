"""What is going on: sessions, times, troubles and load, over all processes of the server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from aizuchi import __version__
from aizuchi.server import together
from aizuchi.server.logs import scrub_text

if TYPE_CHECKING:
    from aizuchi.server.house import House

SESSIONS: Final = 200
TROUBLES: Final = 50
TURNS: Final = 120


def told(house: House) -> dict[str, Any]:
    """One process's part of the picture."""
    watched = house.console.watched if house.console is not None else None
    sessions = house.about_sessions()
    rows = [
        each | (watched.of(each["session"]) if watched is not None else {}) for each in sessions[:SESSIONS]
    ]
    gate = house.gate
    return {
        "worker": house.siblings.number if house.siblings is not None else 0,
        "sessions": rows,
        "count": len(sessions),
        "troubles": watched.troubles[-TROUBLES:] if watched is not None else [],
        "turns": watched.turns if watched is not None else [],
        "load": {
            "sockets": gate.sockets,
            "refused": gate.refused,
            "overloaded": gate.overloaded,
            "calls": house.health()["calls"],
        },
    }


async def picture(house: House) -> dict[str, Any]:
    """The whole of it. A process that does not answer in time is named and left out."""
    own = told(house)
    others = await house.siblings.gather("console") if house.siblings is not None else []
    all_ = [own, *(each["console"] for each in others if each.get("console"))]
    silent = sorted(each["worker"] for each in others if not each.get("console"))
    metrics = await together.metrics(house)
    sessions = [row | {"worker": each["worker"]} for each in all_ for row in each["sessions"]]
    troubles = sorted((row for each in all_ for row in each["troubles"]), key=lambda row: row["at"])
    turns = sorted((row for each in all_ for row in each["turns"]), key=lambda row: row["at"])
    return {
        "now": time.time(),
        "version": __version__,
        "status": house.health()["status"],
        "workers": len(all_) + len(silent),
        "silent": silent,
        "sessions": sorted(sessions, key=lambda row: row["seconds"])[:SESSIONS],
        "count": sum(each["count"] for each in all_),
        "load": _load([each["load"] for each in all_]),
        "latency": [{"name": name, **figure} for name, figure in metrics.get("figures", {}).items()],
        "outcomes": metrics.get("turns", {}),
        "fallbacks": metrics.get("fallbacks", {}),
        "faults": metrics.get("faults", {}),
        "recognitions": metrics.get("recognitions", {}),
        "troubles": [
            row | {"text": scrub_text(row.get("text", ""))} for row in reversed(troubles[-TROUBLES:])
        ],
        "turns": turns[-TURNS:],
    }


def _load(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    calls: dict[str, dict[str, int]] = {}
    for part in parts:
        for stage, load in part["calls"].items():
            sums = calls.setdefault(stage, {"running": 0, "waiting": 0})
            for name, number in load.items():
                sums[name] += number
    return {
        "sockets": sum(each["sockets"] for each in parts),
        "refused": sum(each["refused"] for each in parts),
        "overloaded": any(each["overloaded"] for each in parts),
        "calls": calls,
    }
