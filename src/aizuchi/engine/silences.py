"""When nobody says anything for long: a nudge, and a polite goodbye. Sans-I/O, a timeline reader.

Silence counts from the last thing that somebody said, did or heard, on the session's clock. It does not
count while the user speaks, while a turn runs or is held, and while nobody is connected who could hear.
A nudge starts the wait for the next nudge anew; the wait for the goodbye runs on through nudges, but
whoever was just nudged has a moment to answer.
"""

from __future__ import annotations

from typing import Final, Literal

from aizuchi.engine.rules import Silences as Rules
from aizuchi.events import (
    Attach,
    Dropped,
    Entry,
    Happened,
    Heard,
    HeardPartial,
    Interrupt,
    LinkClosed,
    LinkOpened,
    Listen,
    SpeechEnded,
    SpeechStarted,
    ToolResult,
    TurnBegun,
    TurnEnded,
    Typed,
)

Step = Literal["nudge", "goodbye"]

ANSWER: Final = 5.0
"""Seconds between the end of a nudge and the goodbye, at least."""
OWN: Final = frozenset({"proactive", "backchannel"})
"""Causes of turns by which the character, and not the user, breaks the silence."""


class Silences:
    """One conversation's silence. `deadline` is None while nothing can become due by time alone."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._since = 0.0
        self._nudged_at = 0.0
        self._nudges = 0
        self._running: set[int] = set()
        self._own: set[int] = set()
        self._speaking = False
        self._links: set[str] = set()

    def read(self, entry: Entry) -> bool:
        """Take note; says whether a silence may have begun by it."""
        match entry.event:
            case TurnBegun(turn=turn, cause=cause):
                self._speaking = False
                self._running.add(turn)
                if cause in OWN:
                    self._own.add(turn)
                else:
                    self._active(entry.at)
            case TurnEnded(turn=turn):
                self._running.discard(turn)
                if turn in self._own:
                    self._own.discard(turn)
                    self._nudged_at = entry.at
                else:
                    self._active(entry.at)
                return not self._running
            case SpeechStarted():
                self._speaking = True
                self._active(entry.at)
            case Heard() | Dropped(what="utterance"):
                self._speaking = False
                self._active(entry.at)
                return True
            case Typed() | Listen() | Interrupt() | Happened() | Attach() | ToolResult():
                self._active(entry.at)
            case SpeechEnded() | HeardPartial():
                self._active(entry.at)
            case LinkOpened(link=link, roles=roles):
                if roles != ("witness",):
                    self._links.add(link)
                    self._active(entry.at)
                    return True
            case LinkClosed(link=link):
                self._links.discard(link)
            case _:
                pass
        return False

    @property
    def nudges(self) -> int:
        """How many were given in this silence."""
        return self._nudges

    def _active(self, at: float) -> None:
        self._since = self._nudged_at = at
        self._nudges = 0

    @property
    def deadline(self) -> float | None:
        """When something will be due, in seconds of the session's clock, if nothing happens until then."""
        if self._speaking or self._running or not self._links:
            return None
        return min((at for at, _ in self._steps()), default=None)

    def due(self, now: float) -> Step | None:
        """What is to be said now. A nudge is counted as given."""
        if self.deadline is None:
            return None
        for at, step in sorted(self._steps(), key=lambda each: each[1]):  # a goodbye goes before a nudge
            if at <= now:
                if step == "nudge":
                    self._nudges += 1
                    self._nudged_at = now
                return step
        return None

    def _steps(self) -> list[tuple[float, Step]]:
        rules = self._rules
        steps: list[tuple[float, Step]] = []
        if rules.goodbye_after > 0:
            at = self._since + rules.goodbye_after
            steps.append((max(at, self._nudged_at + ANSWER) if self._nudges else at, "goodbye"))
        if rules.nudge_after > 0 and self._nudges < rules.nudges:
            steps.append((self._nudged_at + rules.nudge_after, "nudge"))
        return steps
