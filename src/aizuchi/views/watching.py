"""What an operator wants to know of running sessions: who talks, how quickly, what went wrong lately."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from aizuchi.events import Dropped, Entry, Fault, LinkOpened, TurnBegun, TurnEnded
from aizuchi.views.metrics import Followed, Meter

TROUBLES: Final = 100
TURNS: Final = 120
SHOWN: Final = (
    "first_token_from_voice_ms",
    "first_token_ms",
    "first_audio_from_voice_ms",
    "first_audio_ms",
    "e2e_ms",
)


class Watch:
    """Call it with each new session, after the meter. Keeps figures and faults, never what was said."""

    def __init__(self, meter: Meter, now: Callable[[], float] = time.time) -> None:
        self._meter = meter
        self._now = now
        self._sessions: dict[str, dict[str, Any]] = {}
        self._troubles: deque[dict[str, Any]] = deque(maxlen=TROUBLES)
        self._turns: deque[dict[str, Any]] = deque(maxlen=TURNS)

    def __call__(self, session: Followed) -> Callable[[], None]:
        seen: dict[str, Any] = {"protocols": [], "turns": 0}
        self._sessions[session.id] = seen

        def trouble(kind: str, **more: Any) -> None:
            self._troubles.append({"at": self._now(), "session": session.id, "kind": kind, **more})

        def read(entry: Entry) -> None:
            match entry.event:
                case LinkOpened(protocol=protocol) if protocol and protocol not in seen["protocols"]:
                    seen["protocols"] = [*seen["protocols"], protocol][-8:]
                case TurnBegun():
                    seen["turns"] += 1
                case Fault() as fault:
                    said = {"stage": fault.stage, "code": fault.code, "text": fault.message[:300]}
                    trouble("fault", turn=entry.turn, provider=fault.provider, **said)
                case Dropped(what=what, reason=reason):
                    trouble("dropped", turn=entry.turn, code=what, text=reason[:300])
                case TurnEnded(turn=turn, outcome=outcome):
                    self._ended(session, turn, outcome, trouble)
                case _:
                    pass

        unfollow = session.timeline.follow(read)

        def stop() -> None:
            unfollow()
            self._sessions.pop(session.id, None)

        return stop

    def _ended(self, session: Followed, turn: int, outcome: str, trouble: Callable[..., None]) -> None:
        metrics = self._meter.of(session.id)
        figures = None if metrics is None else metrics.figures(turn)
        row: dict[str, Any] = {"at": self._now(), "outcome": outcome}
        if figures is not None:
            numbers = figures.numbers()
            row |= {name: value for name in SHOWN if (value := numbers.get(name)) is not None}
            if figures.fallback:
                trouble("fallback", turn=turn, code=figures.fallback, text="")
        self._turns.append(row)

    def of(self, session: str) -> dict[str, Any]:
        return self._sessions.get(session, {})

    @property
    def troubles(self) -> list[dict[str, Any]]:
        """The newest last."""
        return list(self._troubles)

    @property
    def turns(self) -> list[dict[str, Any]]:
        """Times and figures of the last turns of all sessions, the newest last."""
        return list(self._turns)
