"""What we answer: one turn, one responder. Read third.

A turn is a task of its session and owns a TaskGroup of its own: whatever the responder spawns dies with
it. It takes the responder's events one by one and puts each on the timeline only while it is alive, so
a late worker cannot speak into the next turn. When everything is said it waits until the ear has
played it, and then it is over, exactly once.

    begun ──▶ (held ◀──▶ resumed)* ──▶ ended: finished, interrupted, failed, superseded

A turn may be prepared before it begins: as long as it has an `attempt`, what it makes is kept there, and
nobody hears of it (see `attempts.py`). `commit` gives it its generation and lets all of that through.

Silence comes first and is synchronous (`silence`, called by `Turns.silence`); cancelling the scope
and closing vendor streams comes after (`tidy`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from aizuchi.engine.attempt import Attempt
from aizuchi.engine.links import Links
from aizuchi.engine.playback import Playback
from aizuchi.engine.streams import closing
from aizuchi.errors import AizuchiError
from aizuchi.events import (
    OWNER,
    Author,
    Cause,
    Context,
    Event,
    Fault,
    Image,
    Outcome,
    ReplyEvent,
    Sentence,
    Speech,
    SpeechDone,
    TextDelta,
    TextDone,
    WordTime,
)
from aizuchi.ports import Prompt, Request, Responder, Style, ToolCall, ToolOutcome

log = logging.getLogger(__name__)

KEPT: Final = 2_000
"""Events that a held turn makes before its responder must wait, too."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A turn that wants to begin."""

    cause: Cause
    responder: Responder
    text: str = ""
    author: Author = OWNER
    images: tuple[Image, ...] = ()
    user_end: float | None = None
    voice_end: float | None = None


class Floor(Protocol):
    """What a turn needs of its session."""

    links: Links

    def say(self, turn: Turn, event: ReplyEvent) -> None: ...
    def note(self, turn: Turn, event: Event) -> None: ...
    async def prompt(self, turn: Turn) -> Prompt: ...
    async def call(self, turn: Turn, call: ToolCall) -> ToolOutcome: ...
    def over(self, turn: Turn, outcome: Outcome, reason: str) -> None: ...


class Turn:
    """One turn, from its commit to its end."""

    def __init__(
        self,
        number: int,
        generation: int,
        claim: Claim,
        floor: Floor,
        *,
        contexts: tuple[Context, ...],
        style: Style,
        language: str,
        ahead: float,
        grace: float,
        attempt: Attempt | None = None,
    ) -> None:
        self.number = number
        self.generation = generation
        """The generation its messages bear; raised when it is resumed after another turn."""
        self.claim = claim
        self.attempt = attempt
        """Its private part; None once it was committed."""
        self.contexts = contexts
        """What the user looked at when it began."""
        self.playback = Playback(at_end=floor.links.whole)
        self.text = ""
        self.dead: Outcome | None = None
        """Set once it was silenced; nothing it makes reaches the timeline any more."""
        self.reason = ""
        self.paused = False
        """It stands still and keeps the floor, until it is decided what was said over it."""
        self.shelved = False
        """It is held until somebody says so, however free the floor is."""
        self.sounding = False
        """Its first sound is on the timeline."""
        self.queued = False
        """Its client was told that it must wait for a provider."""
        self.written = False
        """All of its text is on the timeline."""
        self._floor = floor
        self._style = style
        self._language = language
        self._ahead = ahead
        self._grace = grace
        self._kept: list[ReplyEvent] = []
        """What was made while it was held."""
        self._going = asyncio.Event()
        self._going.set()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- life

    async def run(self) -> None:
        """The turn's task. Ends with exactly one call of `floor.over`, if the turn has begun."""
        self._task = asyncio.current_task()
        outcome: Outcome = "failed"
        try:
            if self.dead is None:
                async with asyncio.TaskGroup() as group:
                    await self._perform(group)
                outcome = "finished"
        except* AizuchiError as errors:
            self._fault(errors.exceptions[0])
        except* Exception as errors:
            log.exception("turn %d failed in an unforeseen way", self.number)
            self._fault(errors.exceptions[0])
        finally:
            if self.attempt is None:  # else it never began
                self._floor.over(self, self.dead or outcome, self.reason)

    def commit(self, generation: int, claim: Claim) -> None:
        """It has begun, as `claim`: what was kept is heard now, all of it before anything new."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None
        self.generation = generation
        self.claim = replace(claim, responder=self.claim.responder)
        self.playback.at_end = self._floor.links.whole
        for event in attempt.kept:
            self._say(event)
        attempt.committed.set()
        self._going.set()

    def silence(self, outcome: Outcome, reason: str) -> None:
        """From this very moment nothing of the turn is let through."""
        if self.dead is None:
            self.dead, self.reason = outcome, reason
            self._kept.clear()
            self.playback.stop(_now())

    def tidy(self) -> None:
        """After `silence`: end its tasks and close what they hold."""
        if self._task is not None:
            self._task.cancel()

    def hold(self, now: float, coast_ms: float = 0.0) -> int:
        """Pause; returns the position in ms from which it will go on. See `Playback.hold`."""
        self._going.clear()
        return self.playback.hold(now, coast_ms)

    def resume(self, now: float, *, again: bool = False, rewind: bool = False) -> int:
        """Go on; returns the position in ms. `catch_up` is to follow, when that has been told."""
        position = self.playback.resume(now, again=again, rewind=rewind)
        self._going.set()
        self._moved.set()
        return position

    def catch_up(self) -> None:
        """Say what was made meanwhile."""
        kept, self._kept = self._kept, []
        for event in kept:
            self._say(event)

    def moved(self) -> None:
        """The ear has reported, or the clock must be looked at again."""
        self._moved.set()

    # -- the work

    async def _perform(self, group: asyncio.TaskGroup) -> None:
        tasks: list[asyncio.Task[None]] = []

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            tasks.append(group.create_task(work))

        self.playback.voiced = self._floor.links.hears
        prompt = await self._floor.prompt(self)
        if self.attempt is not None:
            self.attempt.asked(prompt)
        request = Request(
            turn=self.number,
            cause=self.claim.cause,
            prompt=prompt,
            style=self._style,
            language=self._language,
            speaks=self.playback.voiced,
            spawn=spawn,
            room=self._room,
            call=self._call,
            note=self.note,
            begun=self._begun,
            pace=self._pace,
        )
        async with closing(self.claim.responder.reply(request)) as events:
            async for event in events:
                await self._pass_on(event)
        await self._begun()
        await self._played()
        for task in tasks:
            task.cancel()

    async def _pass_on(self, event: ReplyEvent) -> None:
        """While it is held a turn keeps what it makes, so that what was begun comes to its end: a request
        left standing would keep its provider's place from others. No new sound is begun, for `room` waits."""
        if not self._going.is_set() and self.attempt is None and len(self._kept) < KEPT:
            if self.dead is None:
                self._kept.append(event)
            return
        await self._going.wait()
        self._say(event)

    def _say(self, event: ReplyEvent) -> None:
        """The guard: the one place through which a reply reaches the timeline."""
        if self.dead is not None:
            return
        if self.attempt is not None:
            if not self.attempt.keep(event):
                self._going.clear()  # it is far enough ahead
            return
        now = _now()
        match event:
            case TextDelta(text=text):
                self.text += text
                self.playback.text(text)
            case Sentence():
                self.playback.sentence(event)
            case Speech(sentence=index, pcm=pcm, rate=rate, last=last):
                self.playback.sound(index, len(pcm) / 2 / rate * 1000, last, now)
            case SpeechDone():
                self.playback.complete(now)
            case WordTime():
                self.playback.word(event)
            case TextDone():
                self.written = True
            case _:
                pass
        self._floor.say(self, event)

    def note(self, event: Event) -> None:
        """Put a fact beside the reply."""
        self._floor.note(self, event)

    async def _begun(self) -> None:
        """Until it is certain that the turn will be heard."""
        if self.attempt is not None:
            await self.attempt.committed.wait()

    async def _call(self, call: ToolCall) -> ToolOutcome:
        """Run a tool, but never for a reply that may still be dropped."""
        await self._begun()
        return await self._floor.call(self, call)

    async def _room(self) -> None:
        """Until less than `ahead` seconds of sound wait for the ear; one that wants it whole never waits."""
        if self.attempt is not None and await self.attempt.room():
            return
        play, grace = self.playback, self._grace
        await self._until(lambda: 0.0 if play.at_end else _now() + play.ahead(_now(), grace) - self._ahead)

    async def _pace(self) -> None:
        """The same within a sentence; how much an attempt may keep is seen to where it is kept."""
        if self.attempt is None:
            await self._room()

    async def _played(self) -> None:
        """Until the ear has heard everything there is."""
        await self._until(lambda: self.playback.over_at(self._grace, self._floor.links.reporting))

    async def _until(self, due: Callable[[], float]) -> None:
        """Wait for a moment that holds, reports and more sound may move."""
        while True:
            await self._going.wait()
            self._moved.clear()
            when = due()
            if when <= _now():
                return
            try:
                async with asyncio.timeout_at(when):
                    await self._moved.wait()
            except TimeoutError:
                continue

    def _fault(self, error: BaseException) -> None:
        if self.dead is None:
            message = (
                str(error) if isinstance(error, AizuchiError) else f"internal error: {type(error).__name__}"
            )
            self.note(Fault("gateway", "turn_failed", message))


def _now() -> float:
    return asyncio.get_running_loop().time()
