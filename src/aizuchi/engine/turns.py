"""The turns of a session: who gets the floor, who waits for it, who is silenced, and who comes next.

`floor.py` says what may happen, this room does it; on `stage` are the turn that has the floor and those that
were held. Everything but `quiet`, `prompt` and `call` is synchronous.

An interrupt is one call: the generation rises, `Interrupted` and the new state are on the timeline (so every
link has cut its queue) before the first task is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from aizuchi.engine import floor
from aizuchi.engine.attempt import Attempt
from aizuchi.engine.attempts import Attempts
from aizuchi.engine.briefing import Briefing
from aizuchi.engine.links import Links
from aizuchi.engine.repertoire import Repertoire
from aizuchi.engine.rules import Rules
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.stage import Stage
from aizuchi.engine.toolroom import ToolRoom
from aizuchi.engine.turn import Claim, Turn
from aizuchi.events import (
    Event,
    Fault,
    Interrupted,
    Outcome,
    Played,
    Queued,
    ReplyEvent,
    Speech,
    State,
    ToolCall,
    TurnBegun,
    TurnEnded,
)
from aizuchi.ports import Prompt, Style, ToolOutcome


class Ears(Protocol):
    """What turns need of the session's ears."""

    @property
    def open(self) -> bool: ...
    @property
    def user_speaks(self) -> bool: ...
    @property
    def in_doubt(self) -> bool: ...
    def typed(self) -> None: ...
    def said(self, event: ReplyEvent) -> None: ...


class Turns:
    """One session's. Is the `Floor` of its turns and the `Backstage` of its attempts.

    `ears` is set once, before the first turn: ears and turns need each other.
    """

    ears: Ears

    def __init__(
        self,
        scribe: Scribe,
        links: Links,
        rules: Rules,
        *,
        style: Style,
        language: str,
        briefing: Briefing,
        tools: ToolRoom,
        repertoire: Repertoire,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        pictured: Callable[[], bool],
    ) -> None:
        """`pictured` tells whether pictures wait for what the user is going to say."""
        self._scribe = scribe
        self.links = links
        self.count = 0
        """The number of the newest turn."""
        self.stage = Stage(scribe, links)
        self.asides = self.stage.asides
        self.waiting: deque[Claim] = deque()
        self.standing: Callable[[], Claim | None] = lambda: None
        """What has a wish to speak whenever nobody else has: the next page of a lecture."""
        self.draining = False
        """No new turns are taken; those that are held may still go on."""
        self.closed = False
        """The conversation is over."""
        self.attempts = Attempts(self, scribe, rules, briefing=briefing, repertoire=repertoire, spawn=spawn)
        self._rules = rules
        self.style = style
        self.language = language
        """The character's; for the next turn."""
        self._briefing = briefing
        self._tools = tools
        self._repertoire = repertoire
        self._pictured = pictured
        self._spawn = spawn
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def quiet(self) -> None:
        """Until no turn runs, is held or waits; the caller sets the time limit."""
        await self._quiet.wait()

    # ------------------------------------------------------------------ beginning

    def claim(self, wish: Claim) -> int | None:
        """A turn wants to begin; returns its number, or None if it waits or was shed."""
        cause = wish.cause
        if self.closed or self.draining:
            self._scribe.drop(cause, "the conversation is ending")
            self.rest("closed")
            self.go_on()
            return None
        situation = floor.running(self.stage.cause, user_speaks=self.ears.user_speaks)
        match floor.claim(cause, situation):
            case "begin":
                pass
            case "yield":
                self.silence("superseded" if cause == "user" else cause, close_mic=False)
            case "hold":
                self.hold(cause)
            case "wait":
                if len(self.waiting) >= self._rules.waiting_turns:
                    self._scribe.drop(cause, "too many turns wait already")
                else:
                    self.waiting.append(wish)
                return None
            case "ignore":
                self._scribe.drop(cause, f"the floor is taken ({situation})")
                return None
        return self._begin(wish)

    def hum(self) -> None:
        """A small sound beside everything, where it can come at once; one at a time."""
        ear = self.links.ear
        going = not self.closed and not self.draining
        if going and ear is not None and ear.paced and not self.asides:
            self._begin(Claim("backchannel", self._repertoire.hum(self.count)))

    def _turn(self, claim: Claim, attempt: Attempt | None = None) -> Turn:
        """The next one."""
        return Turn(
            self.count + 1,
            self._scribe.generation + 1,
            claim,
            self,
            contexts=self._briefing.contexts,
            style=self.style,
            language=self.language,
            ahead=self._rules.ahead,
            grace=self._rules.ear_grace,
            attempt=attempt,
        )

    def _begin(self, claim: Claim) -> int:
        prepared = self.attempts.fitting(claim)
        turn = prepared or self._turn(claim)
        self.count = turn.number
        self._scribe.generation += 1
        self._quiet.clear()
        if claim.images:
            self._briefing.attach(turn.number, claim.images)
        begun = TurnBegun(
            turn.number,
            claim.cause,
            claim.text,
            claim.author,
            len(claim.images),
            claim.user_end,
            claim.voice_end,
        )
        if claim.cause == "backchannel":
            self.asides.append(turn)
            self._scribe.append(begun, turn=turn.number)
        else:
            self.stage.active = turn
            self._scribe.append(begun, turn=turn.number)
            self._scribe.move("thinking", turn=turn.number)
        if prepared is not None:
            self.attempts.commit(turn, self._scribe.generation, claim)
        else:
            self._spawn(turn.run())
        return turn.number

    # ------------------------------------------------------------------ falling silent

    def interrupt(self, reason: str) -> None:
        """Silence, at once. A voice that barges in keeps the microphone and held turns; a click ends both."""
        self.silence(reason, close_mic=reason != "barge_in")

    def silence(self, reason: str, *, close_mic: bool) -> None:
        """With `close_mic` also what is held or waits, and what the user was saying, is given up."""
        turn = self.stage.active
        number = turn.number if turn is not None else None
        now = _now()
        self.attempts.drop("interrupted")
        self.stage.active = None
        victims = [*self.asides, *([turn] if turn is not None else [])]
        self.asides.clear()
        if close_mic:
            victims += self.stage.held
            self.stage.held.clear()
            self.shed("it was interrupted before it began")
            self.ears.typed()
        self._scribe.generation += 1
        heard = turn.playback.heard(now) if turn is not None else ""
        for victim in victims:
            victim.silence("interrupted", reason)
        generation = turn.generation if turn is not None else None
        text = turn.text if turn is not None else ""
        self._scribe.append(Interrupted(reason, number, generation, heard, text), turn=number)
        self._scribe.move("idle", reason, turn=number, always=True)
        for victim in victims:
            victim.tidy()

    def shed(self, reason: str) -> None:
        """Nobody of those who wait for the floor gets it."""
        for claim in self.waiting:
            self._scribe.drop(claim.cause, reason)
        self.waiting.clear()

    # ------------------------------------------------------------------ making room, and going on

    def hold(self, reason: str) -> None:
        """What runs makes room, and goes on when the floor is free again."""
        turn = self.stage.hold(reason)
        self._scribe.move("listening" if self.ears.open else "idle", "held", turn=turn.number)

    def go_on(self) -> None:
        """The floor is free: what was held goes on, else what waits begins."""
        if not self.ears.in_doubt:
            self.stage.carry_on()
        if self.stage.active is not None or self.closed or self.ears.user_speaks:
            return
        held = self.stage.resumable
        if self.waiting and (held is None or self._goes_before(self.waiting[0], held)):
            self._begin(self.waiting.popleft())
        elif held is not None:
            self._quiet.clear()
            self.stage.resume(held)
        elif not self.draining and (claim := self.standing()) is not None:
            self._begin(claim)
        self._settle()

    @staticmethod
    def _goes_before(claim: Claim, held: Turn) -> bool:
        """It would only have to make room again."""
        situation = floor.running(held.claim.cause, user_speaks=False)
        return situation == "show" and floor.claim(claim.cause, situation) == "hold"

    def shelve(self, turn: Turn, reason: str) -> None:
        """It stands still until `unshelve`; nothing that happens meanwhile makes it go on."""
        turn.shelved = True
        if turn is self.stage.active:
            self.hold(reason)

    def unshelve(self, turn: Turn) -> None:
        """It goes on as soon as the floor is free; `go_on` is to follow."""
        turn.shelved = False

    def withdraw(self, turn: Turn, reason: str) -> None:
        """Somebody wants another turn in its place: it is silent for good, wherever it stands."""
        if turn is self.stage.active:
            self.silence(reason, close_mic=False)
        elif turn in self.stage.held:
            self.stage.held.remove(turn)
            turn.silence("interrupted", reason)
            turn.tidy()

    def _settle(self) -> None:
        """Nobody has to be waited for when the conversation ends."""
        if self.stage.active is None and self.stage.resumable is None and not self.waiting:
            self._quiet.set()

    def rest(self, reason: str, turn: int | None = None) -> None:
        """Back to where a session waits for its user."""
        if self.stage.active is None:
            hearing = self.ears.open or self.ears.user_speaks
            state: State = "listening" if hearing else "idle"
            if state != self._scribe.state:
                self._scribe.move(state, reason, turn=turn)

    def played(self, played: Played) -> None:
        """The reference ear, or the server itself, tells how far it is."""
        ear = self.links.ear
        if played.link and (ear is None or ear.id != played.link):
            return
        for turn in (self.stage.active, *self.stage.held, *self.asides):
            if turn is not None and turn.number == played.turn:
                self._scribe.append(played)
                if ear is not None:
                    ear.reports = True
                turn.playback.report(played, _now())
                turn.moved()

    # ------------------------------------------------------------------ what attempts need

    @property
    def may_attempt(self) -> bool:
        free = self.stage.active is None and not self.stage.held
        return free and not self.closed and not self.draining and not self._pictured()

    def prepared(self, attempt: Attempt) -> Turn:
        return self._turn(Claim("user", self._repertoire.usual(), attempt.text), attempt)

    # ------------------------------------------------------------------ what a turn needs

    def say(self, turn: Turn, event: ReplyEvent) -> None:
        if isinstance(event, Speech) and not turn.sounding:
            turn.sounding = True
            if turn is self.stage.active:
                self._scribe.move("speaking", turn=turn.number)
        if turn is self.stage.active or turn in self.asides:
            self.ears.said(event)
        self._scribe.append(event, turn=turn.number)

    def note(self, turn: Turn, event: Event) -> None:
        """Facts beside the reply; a dead turn's faults and waits are nobody's business, its bills are."""
        if turn.dead is None:
            turn.playback.note(event)
        if turn.attempt is not None:
            self.attempts.note(turn.attempt, event)
            return
        if turn.dead is not None and isinstance(event, Fault | Queued):
            return
        if isinstance(event, Queued) and event.position and turn is self.stage.active and not turn.queued:
            turn.queued = True
            if self._scribe.state == "thinking":
                self._scribe.move("thinking", "queued", turn=turn.number, always=True)
        self._scribe.append(event, turn=turn.number)

    async def prompt(self, turn: Turn) -> Prompt:
        return await self._briefing.prompt(turn)

    async def call(self, turn: Turn, call: ToolCall) -> ToolOutcome:
        specs = self._briefing.tools(turn.claim.author)
        return await self._tools.call(call, specs, lambda done: self._scribe.append(done, turn=turn.number))

    def over(self, turn: Turn, outcome: Outcome, reason: str) -> None:
        heard = turn.text if outcome == "finished" else turn.playback.heard(_now())
        ended = TurnEnded(turn.number, outcome, heard, turn.text, reason, round(turn.playback.total_ms))
        if self.stage.active is turn:
            self.stage.active = None
            self.rest("done" if outcome == "finished" else "error", turn=turn.number)
        for others in (self.stage.held, self.asides):
            if turn in others:
                others.remove(turn)
        self._scribe.append(ended, turn=turn.number)
        if self.stage.active is None:
            self.go_on()
        self._settle()


def _now() -> float:
    return asyncio.get_running_loop().time()
