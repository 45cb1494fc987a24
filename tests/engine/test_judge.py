"""The judges see what is wrong: each test breaks one thing and looks for the verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from aizuchi.engine import attempts
from aizuchi.engine.attempt import Attempt
from aizuchi.engine.attempts import Attempts
from aizuchi.engine.outbox import Outbox
from aizuchi.engine.speculation import Speculating, Tries
from aizuchi.engine.stage import Stage
from aizuchi.engine.turn import Turn
from tests.simulation import conversation


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Provoked faults would fill the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def finds(wanted: str, first: int = 0, among: int = 60) -> bool:
    """Whether one of so many conversations is reproached with it; `first` is where it was found last."""
    seeds = (seed % among for seed in range(first, first + among))
    return any(wanted in found for seed in seeds for found in conversation(seed).violations)


def test_other_words_than_were_heard(monkeypatch: pytest.MonkeyPatch):
    """An answer to what the user did not say is committed."""
    monkeypatch.setattr(Speculating, "confirmed", lambda self, text: True)
    assert finds("answers", first=92, among=150)


def test_something_is_said_before_the_commit(monkeypatch: pytest.MonkeyPatch):
    """What is kept goes onto the timeline, too."""
    keep = Attempt.keep
    said: list[Any] = []

    def leaking(self: Attempt, event: Any) -> bool:
        said[-1].append(event)
        return keep(self, event)

    begin = Attempts._begin  # pyright: ignore[reportPrivateUsage]

    def noted(self: Attempts, utterance: int, text: str) -> None:
        said.append(self._scribe)  # pyright: ignore[reportPrivateUsage]
        begin(self, utterance, text)

    monkeypatch.setattr(Attempt, "keep", leaking)
    monkeypatch.setattr(Attempts, "_begin", noted)
    assert finds("P1: TextDelta of a turn that has not begun")


def test_a_dropped_one_is_not_closed(monkeypatch: pytest.MonkeyPatch):
    """Its requests go on."""
    tidy = Turn.tidy
    monkeypatch.setattr(Turn, "tidy", lambda self: None if self.attempt is not None else tidy(self))
    assert finds("open after its end")


def test_a_tool_runs_too_early(monkeypatch: pytest.MonkeyPatch):
    """Before it is certain that anybody asked for it."""

    async def at_once(self: Turn) -> None:
        pass

    monkeypatch.setattr(Turn, "_begun", at_once)
    assert finds("runs before its turn was committed", among=150)


def test_too_many_tries(monkeypatch: pytest.MonkeyPatch):
    """The bound of an utterance does not hold."""
    monkeypatch.setattr(Tries, "use", lambda self: None)
    assert finds("tried too often")


def test_a_budget_that_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    """The session goes on trying when it has wasted enough."""
    decide = Speculating.decide

    def spendthrift(self: Speculating, utterance: int, text: str, silence_ms: float) -> Any:
        spent, self.spent = self.spent, 0
        try:
            return decide(self, utterance, text, silence_ms)
        finally:
            self.spent = spent

    monkeypatch.setattr(Speculating, "decide", spendthrift)
    assert finds("the budget is spent", first=19)


def test_text_without_bound(monkeypatch: pytest.MonkeyPatch):
    """The attempt writes as far as its model does."""
    keep = Attempt.keep

    def greedy(self: Attempt, event: Any) -> bool:
        keep(self, event)
        return True

    monkeypatch.setattr(Attempt, "keep", greedy)
    assert finds("tokens ahead", among=150)


def test_an_end_that_is_not_told(monkeypatch: pytest.MonkeyPatch):
    """Dropped, and nobody says so."""
    drop = Attempts.drop

    def silent(self: Attempts, reason: str) -> None:
        if reason != "went_on":
            drop(self, reason)
        elif (turn := self._leave()[0]) is not None:  # pyright: ignore[reportPrivateUsage]
            turn.silence("superseded", reason)
            turn.tidy()

    monkeypatch.setattr(Attempts, "drop", silent)
    assert finds("never ended")


def test_faults_of_what_nobody_heard(monkeypatch: pytest.MonkeyPatch):
    """A failed attempt tells the client."""
    note = Attempts.note

    def loud(self: Attempts, attempt: Attempt, event: Any) -> None:
        note(self, attempt, event)
        if isinstance(event, attempts.Fault):
            self._scribe.append(event)  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(Attempts, "note", loud)
    assert finds("P8: a fault of no turn")


def test_sound_that_is_left_out(monkeypatch: pytest.MonkeyPatch):
    """What had not left when a reply was paused is skipped when it goes on."""
    resume = Outbox._resume  # pyright: ignore[reportPrivateUsage]

    def forgetful(self: Outbox, entry: Any, turn: int, *rest: Any) -> None:
        lane: Any = self._parked.get(turn, ())  # pyright: ignore[reportPrivateUsage]
        unsent = next((item for item in lane if not getattr(item, "sent", True)), None)
        if unsent is not None:
            lane.remove(unsent)
        resume(self, entry, turn, *rest)

    monkeypatch.setattr(Outbox, "_resume", forgetful)
    assert finds("misses")


def test_sound_that_comes_twice(monkeypatch: pytest.MonkeyPatch):
    """When a reply goes on, everything that is remembered of it is sent again."""
    resume = Outbox._resume  # pyright: ignore[reportPrivateUsage]

    def stuttering(self: Outbox, entry: Any, turn: int, *rest: Any) -> None:
        for item in self._parked.get(turn, ()):  # pyright: ignore[reportPrivateUsage]
            if not hasattr(item, "event"):
                item.sent = False  # type: ignore[union-attr]
        resume(self, entry, turn, *rest)

    monkeypatch.setattr(Outbox, "_resume", stuttering)
    assert finds("again")


def test_a_hold_that_is_told_twice(monkeypatch: pytest.MonkeyPatch):
    """A paused show that is held is said to be held once more."""
    hold = Stage.hold

    def loud(self: Stage, reason: str) -> Turn:
        assert self.active is not None
        self.active.paused = False
        return hold(self, reason)

    monkeypatch.setattr(Stage, "hold", loud)
    assert finds("TurnHeld of turn", first=48, among=200)


def test_a_pause_that_is_never_over(monkeypatch: pytest.MonkeyPatch):
    """The reply goes on, and is still taken for paused."""
    carry_on = Stage.carry_on

    def forgetful(self: Stage) -> None:
        turn = self.active
        paused = turn is not None and turn.paused
        carry_on(self)
        if turn is not None and paused:
            turn.paused = True

    monkeypatch.setattr(Stage, "carry_on", forgetful)
    assert finds("TurnResumed of turn")
