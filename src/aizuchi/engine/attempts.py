"""The room a session has for an answer that is prepared in private.

An attempt is a turn before its commit: it runs its responder, and what that makes is kept in front of the
turn's guard. It asks its model, and its voice for the first sentence; there it waits, as it does at a tool.
Commit is one synchronous call that lets all of it through; a drop is an interrupt nobody hears of: silence
at once, then the scope is cancelled. What was asked of providers stands on the timeline either way, since
it is paid for, and counts for their breakers. Faults do not: the turn that follows a failed attempt meets
them itself.

For the timeline an attempt ends in the moment in which that is decided; the requests of a dropped one are
closed right after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from aizuchi.engine.attempt import Attempt
from aizuchi.engine.briefing import Briefing
from aizuchi.engine.repertoire import Repertoire
from aizuchi.engine.rules import Rules
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.speculation import Speculating
from aizuchi.engine.turn import Claim, Turn
from aizuchi.events import (
    Answered,
    AttemptBegun,
    AttemptEnded,
    Event,
    Fault,
    Queued,
    Requested,
)


class Backstage(Protocol):
    """What attempts need of their session's turns."""

    @property
    def may_attempt(self) -> bool:
        """Nothing else has the floor, and no picture waits."""
        ...

    def prepared(self, attempt: Attempt) -> Turn:
        """What would be the next turn, and the usual answer to the attempt's text."""
        ...


class Attempts:
    """One session's attempts, one at a time. Everything is synchronous."""

    def __init__(
        self,
        turns: Backstage,
        scribe: Scribe,
        rules: Rules,
        *,
        briefing: Briefing,
        repertoire: Repertoire,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._turns = turns
        self._scribe = scribe
        self._briefing = briefing
        self._repertoire = repertoire
        self._spawn = spawn
        self._rules = rules.speculation
        self._most_ms = rules.ahead * 1000
        self._machine = Speculating(rules.speculation, rules.hearing)
        self._number = 0
        self._turn: Turn | None = None
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def running(self) -> Turn | None:
        """The turn that is being prepared."""
        return self._turn

    @property
    def spent(self) -> int:
        """Tokens, prompts included, that the dropped ones have cost."""
        return self._machine.spent

    def suppose(self, utterance: int, text: str, silence_ms: float) -> None:
        """Perhaps `text` is all that the user says; they are silent for so long."""
        if not self._turns.may_attempt:
            self.drop("superseded")
            return
        decision = self._machine.decide(utterance, text, silence_ms)
        if decision == "drop":
            self.drop("other_words")
            decision = self._machine.decide(utterance, text, silence_ms)
        if decision == "begin" and self._repertoire.has_room:
            self._begin(utterance, text)

    def _begin(self, utterance: int, text: str) -> None:
        self._number += 1
        attempt = Attempt(self._number, utterance, text, self._scribe.now, self._rules.tokens, self._most_ms)
        self._machine.began(text)
        self._turn = turn = self._turns.prepared(attempt)
        self._expiry = asyncio.get_running_loop().call_later(self._rules.seconds, self._expired, attempt)
        self._scribe.append(AttemptBegun(attempt.number, utterance, text))
        self._spawn(turn.run())

    def _expired(self, attempt: Attempt) -> None:
        if self._turn is not None and self._turn.attempt is attempt:
            self.drop("expired")

    def drop(self, reason: str) -> None:
        """Unheard and at once; nothing happens when none runs."""
        turn, attempt = self._leave()
        if turn is None or attempt is None:
            return
        turn.silence("superseded", reason)
        cost = attempt.prompt_tokens + attempt.tokens
        self._machine.dropped(reason, cost)
        audio_ms = round(attempt.audio_ms)
        self._scribe.append(
            AttemptEnded(attempt.number, reason=reason, tokens=attempt.tokens, audio_ms=audio_ms)
        )
        turn.tidy()

    def fitting(self, claim: Claim) -> Turn | None:
        """The turn that is prepared already, if it answers this claim; one that does not is dropped.

        A fitting one must then be committed: it can't be dropped any more.
        """
        turn = self._turn
        attempt = turn.attempt if turn is not None else None
        if turn is None or attempt is None:
            return None
        spoken = claim.cause == "user" and claim.voice_end is not None and not claim.images
        if not spoken:
            self.drop("superseded")
        elif not self._machine.confirmed(claim.text):
            self.drop("other_words")
        elif attempt.basis is not None and attempt.basis != self._briefing.basis():
            self.drop("superseded")
        else:
            self._leave()
            self._machine.committed()
            return turn
        return None

    def commit(self, turn: Turn, generation: int, claim: Claim) -> None:
        """Let everything through that was kept; called when the turn has begun for everybody else."""
        attempt = turn.attempt
        assert attempt is not None
        saved_ms = round((self._scribe.now - attempt.began) * 1000)
        audio_ms = round(attempt.audio_ms)
        ended = AttemptEnded(
            attempt.number, turn.number, saved_ms=saved_ms, tokens=attempt.tokens, audio_ms=audio_ms
        )
        self._scribe.append(ended, turn=turn.number)
        turn.commit(generation, claim)

    def note(self, attempt: Attempt, event: Event) -> None:
        """Facts beside the reply of an attempt, running or dropped."""
        match event:
            case Requested() | Answered():
                self._scribe.append(replace(event, attempt=attempt.number))
            case Fault() if self._turn is not None and self._turn.attempt is attempt:
                self.drop("failed")
            case Queued() if self._turn is not None and self._turn.attempt is attempt:
                self.drop("busy")  # it never waits in front of somebody who is waiting already
            case _:
                pass

    def _leave(self) -> tuple[Turn | None, Attempt | None]:
        turn, self._turn = self._turn, None
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        return turn, turn.attempt if turn is not None else None
