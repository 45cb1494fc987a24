"""The hand that writes a session's timeline: it knows the generation and the state."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aizuchi.engine import states
from aizuchi.events import Dropped, Event, Fault, Stage, State, StateChanged
from aizuchi.timeline import Timeline

log = logging.getLogger(__name__)


class Scribe:
    """One session's. `degraded` tells whether one of its stages does without its first provider."""

    def __init__(self, session: str, timeline: Timeline, degraded: Callable[[], bool]) -> None:
        self.timeline = timeline
        self.generation = 0
        """Every entry bears it; whatever bears an older one is stale."""
        self.state: State = "idle"
        self._session = session
        self._degraded = degraded

    @property
    def now(self) -> float:
        """Seconds on the session's clock."""
        return self.timeline.now

    def append(self, event: Event, *, turn: int | None = None) -> None:
        self.timeline.append(event, turn=turn, generation=self.generation)

    def drop(self, what: str, reason: str) -> None:
        """Something was not served; it is said why."""
        self.append(Dropped(what, reason))

    def fault(self, stage: Stage, code: str, message: str) -> None:
        self.append(Fault(stage, code, message))

    def move(self, state: State, reason: str = "", *, turn: int | None = None, always: bool = False) -> None:
        """Another state, if the table has a way to it. `always`: the same one is told again, too."""
        if state == self.state and not always:
            return
        if not states.may_follow(self.state, state):
            log.error("session %s: no way from %s to %s (%s)", self._session, self.state, state, reason)
            return
        previous, self.state = self.state, state
        self.append(StateChanged(state, previous, reason, self._degraded()), turn=turn)
