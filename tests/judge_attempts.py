"""What a conversation must have kept about answers prepared in private, told from its timeline.

Nothing of an attempt is said before its commit, it ends once, what it answered are the words that were heard
in the end, and what it asked of providers is closed soon after a drop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aizuchi.engine.outbox import REPLY
from aizuchi.engine.rules import Speculation
from aizuchi.engine.speculation import words
from aizuchi.events import (
    Answered,
    AttemptBegun,
    AttemptEnded,
    Entry,
    Fault,
    Requested,
    TurnBegun,
)

CLOSING = 1.6
"""Seconds that the requests of a dropped attempt may take to close: some fakes take half a second each."""


@dataclass
class Prepared:
    """One attempt, as the timeline tells it."""

    begun: AttemptBegun
    ended: AttemptEnded | None = None
    ended_at: float = 0.0
    open: Counter[tuple[str, str]] = field(default_factory=Counter)


class AttemptJudge:
    """Reads the timeline entry by entry. `spent` tells what the session's dropped attempts have cost."""

    def __init__(
        self, wrong: Callable[[str, str], None], rules: Speculation, spent: Callable[[], int]
    ) -> None:
        self._wrong = wrong
        self._rules = rules
        self._spent = spent
        self._all: dict[int, Prepared] = {}
        self._tries: Counter[int] = Counter()
        self._turns: dict[int, str] = {}
        self._newest_turn = 0

    def open(self, stage: str) -> int:
        """Requests that attempts have open; those of a dropped one may take a moment to close."""
        return sum(n for each in self._all.values() for (of, _), n in each.open.items() if of == stage)

    def read(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, REPLY) and entry.turn not in self._turns:
            self._wrong("P1", f"{type(event).__name__} of a turn that has not begun")
        match event:
            case TurnBegun(turn=turn, text=text):
                self._turns[turn], self._newest_turn = text, turn
            case AttemptBegun():
                self._begun(event)
            case AttemptEnded():
                self._ended(event, entry)
            case Requested(attempt=int(number)):
                mine = self._all[number]
                # A task that is cancelled takes one more step: what it asks for then is closed at once.
                if entry.turn is not None or (mine.ended is not None and entry.at > mine.ended_at):
                    self._wrong("P3", f"attempt {number} asks for {event.stage} after its end")
                mine.open[event.stage, event.provider] += 1
            case Answered(attempt=int(number)):
                mine = self._all[number]
                mine.open[event.stage, event.provider] -= 1
                if mine.ended is not None and entry.at > mine.ended_at + CLOSING:
                    self._wrong("P3", f"attempt {number} had {event.stage} open after its end")
            case Answered(stage=stage, provider=provider) if entry.turn is not None:
                # What a committed attempt had asked is answered as its turn's.
                for each in self._all.values():
                    ended = each.ended
                    if ended and ended.turn == entry.turn and each.open[stage, provider] > 0:
                        each.open[stage, provider] -= 1
                        break
            case Fault(stage="llm" | "tts" | "gateway", code=code) if entry.turn is None:
                if code.endswith("_failed") or code.endswith("_timeout"):
                    self._wrong("P8", f"a fault of no turn: {code}")
            case _:
                pass

    @property
    def _running(self) -> Prepared | None:
        return next((each for each in self._all.values() if each.ended is None), None)

    def _begun(self, event: AttemptBegun) -> None:
        if self._running is not None:
            self._wrong("P3", f"attempt {event.attempt} began beside another")
        if event.attempt in self._all or not words(event.text) or not self._rules.on:
            self._wrong("P3", f"attempt {event.attempt} should not have begun")
        self._all[event.attempt] = Prepared(event)
        self._tries[event.utterance] += 1
        if self._tries[event.utterance] > self._rules.tries:
            self._wrong("P5", f"utterance {event.utterance} was tried too often")
        if self._spent() >= self._rules.budget_tokens:
            self._wrong("P5", "an attempt began though the budget is spent")

    def _ended(self, event: AttemptEnded, entry: Entry) -> None:
        mine = self._all[event.attempt]
        if mine.ended is not None:
            self._wrong("P3", f"attempt {event.attempt} ended twice")
        mine.ended, mine.ended_at = event, entry.at
        if event.tokens > self._rules.tokens + 20:
            self._wrong("P5", f"attempt {event.attempt} ran {event.tokens} tokens ahead")
        if event.turn is None:
            if not event.reason:
                self._wrong("P5", f"attempt {event.attempt} was dropped without a reason")
        elif event.turn != self._newest_turn or words(self._turns[event.turn]) != words(mine.begun.text):
            said = self._turns.get(event.turn)
            self._wrong("P5", f"attempt {event.attempt} answers {mine.begun.text!r}, but {said!r} was said")

    def called(self, id_: str) -> None:
        """A tool runs now; turns do not run beside an attempt, so it would be the attempt's."""
        if self._running is not None:
            self._wrong("P5", f"call {id_} runs before its turn was committed")

    def verdict(self) -> None:
        for number, each in self._all.items():
            if each.ended is None:
                self._wrong("P3", f"attempt {number} never ended")
            if any(each.open.values()):
                self._wrong("P3", f"attempt {number} left {dict(each.open)} open")
