"""One conversation: feeds the microphone and the floor, begins and ends turns.

Everything public is synchronous and quick except `run` and `drain`; a session is touched from one event
loop only. All its tasks live in one TaskGroup that `run` holds.

An interrupt is one synchronous call: the generation rises, `Interrupted` and the new state are on the
timeline (so every link has cut its queue) before the first task is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aizuchi.character import Character
from aizuchi.engine import floor, states
from aizuchi.engine.attempt import Attempt
from aizuchi.engine.attempts import Attempts
from aizuchi.engine.backchannels import only_backchannel
from aizuchi.engine.briefing import Briefing
from aizuchi.engine.cascade import HUMS, NOT_UNDERSTOOD, Cascade, Murmur, Say, phrase
from aizuchi.engine.chain import Chain
from aizuchi.engine.company import Company
from aizuchi.engine.history import History
from aizuchi.engine.links import Link, Links
from aizuchi.engine.listening import Listening
from aizuchi.engine.pictures import Pictures
from aizuchi.engine.prompt import Contexts
from aizuchi.engine.rules import Rules
from aizuchi.engine.toolroom import ToolRoom
from aizuchi.engine.turn import Claim, Turn
from aizuchi.engine.warming import Warming
from aizuchi.events import (
    OWNER,
    Attach,
    Author,
    Cause,
    Dropped,
    Event,
    Fault,
    Happened,
    Image,
    Input,
    Interrupt,
    Interrupted,
    LinkClosed,
    LinkOpened,
    Listen,
    ListenMode,
    MicAudio,
    Noted,
    Outcome,
    Played,
    Queued,
    ReplyEvent,
    Role,
    SessionClosed,
    SessionOpened,
    Speech,
    State,
    StateChanged,
    ToolCall,
    ToolResult,
    TtsStrategy,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
    Typed,
)
from aizuchi.ports import (
    Animator,
    Hints,
    LanguageModel,
    Prompt,
    Recognizer,
    Responder,
    Retriever,
    Toolbox,
    ToolContext,
    ToolOutcome,
    ToolSpec,
    TurnModel,
    Vad,
    Voice,
)
from aizuchi.timeline import Timeline

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What sessions are made from; one set serves them all."""

    vad: Vad
    asr: Chain[Recognizer]
    llm: Chain[LanguageModel]
    tts: Chain[Voice]
    turn: TurnModel | None = None
    toolbox: Toolbox | None = None
    retriever: Retriever | None = None
    animator: Callable[[], Animator] | None = None


class Session:
    """One character in conversation with one person over any number of links."""

    def __init__(
        self,
        *,
        id: str,
        person: str,
        character: Character,
        parts: Parts,
        rules: Rules | None = None,
        record_sound: bool = False,
        restored: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.person = person
        self.character = character
        self.rules = rules or Rules()
        self.state: State = "idle"
        self.generation = 0
        self.timeline = Timeline(_now)
        self.history = History()
        self.links = Links()
        self._parts = parts
        self._contexts = Contexts(self.rules.max_context_chars)
        self._turns = 0
        self._active: Turn | None = None
        self._held: list[Turn] = []
        self._asides: list[Turn] = []
        """Hums: they have a number and a generation, and never the floor."""
        self._waiting: deque[Claim] = deque()
        self._listening = Listening(
            self,
            parts.vad,
            parts.asr,
            self.rules,
            hints=Hints(phrases=(character.display_name,)),
            hum_every=character.hum_every,
            record=record_sound,
            small=lambda text: only_backchannel(text, character.backchannels),
            turn=parts.turn,
            language=character.language,
        )
        self._pictures = Pictures(self.rules)
        self._tools = ToolRoom(parts.toolbox, ToolContext(id, person, character.name), self.rules, self.spawn)
        self._briefing = Briefing(
            id,
            person,
            character,
            self.rules,
            history=self.history,
            contexts=self._contexts,
            tools=self._tools,
            links=self.links,
            retriever=parts.retriever,
        )
        self._attempts = Attempts(self, self.rules)
        self._group: asyncio.TaskGroup | None = None
        self._early: list[Coroutine[Any, Any, None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: str | None = None
        self._end = asyncio.Event()
        self._draining = False
        self._quiet = asyncio.Event()
        self._quiet.set()
        if restored is not None:
            self._restore(restored)
        self._resumed = restored is not None
        silences = self.rules.silences
        if silences.nudge_after or silences.goodbye_after:
            self.spawn(Company(self, parts.tts, self.rules).run())
        self.timeline.follow(self.history.read)
        self.timeline.follow(Warming(parts.asr, parts.llm, parts.tts, spawn=self.spawn).read)

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Until `close`. Owns every task of the session; when it returns none is left."""
        self.append(SessionOpened(self.id, self.character.name, self.person, self._resumed))
        async with asyncio.TaskGroup() as group:
            self._group = group
            for work in self._early:
                self.spawn(work)
            self._early.clear()
            await self._end.wait()
            for task in tuple(self._tasks):
                task.cancel()
        self.append(SessionClosed(self._closing or "closed"))

    def close(self, reason: str) -> None:
        """End the conversation: silence first, then `run` tidies up and returns."""
        if self._closing is None:
            self._silence("closed", close_mic=True)
            self._closing = reason
            self._end.set()

    async def drain(self, seconds: float) -> None:
        """Take no new turns and wait, so many seconds at most, until the running one has ended."""
        self._draining = True
        self.unsuppose("interrupted")
        self._shed("the conversation is ending")
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            log.info("session %s: a turn was still running after %.1f s", self.id, seconds)

    def join(
        self,
        link: str,
        roles: tuple[Role, ...],
        *,
        mode: ListenMode | None = None,
        protocol: str = "",
        tools: Sequence[ToolSpec] = (),
        paced: bool = True,
        coast_ms: float = 0.0,
        cancels_echo: bool = False,
        streams: bool = False,
    ) -> None:
        """A client has come. Without an ear among the links replies are text only.

        `paced` is its delivery's: False means that it gets a reply's sound in one piece at the end.
        `streams`: while it is the reference ear, text goes straight into voices that take it.
        `coast_ms`: its lead if it can't pause what it has, since that is played whatever happens here.
        """
        specs = tuple(replace(spec, place="client") for spec in tools)
        mode = mode or self.rules.hearing.mode
        self.links.join(Link(link, roles, mode, specs, coast_ms, cancels_echo, paced, streams))
        self.append(LinkOpened(link, roles, protocol))

    def leave(self, link: str, reason: str = "") -> None:
        """A client has gone; what only it could give is given up."""
        gone = self.links.leave(link)
        if gone is None:
            return
        self._listening.left(link)
        self._tools.lost({spec.name for spec in gone.tools} - {spec.name for spec in self.links.tools})
        self.append(LinkClosed(link, reason))
        if self._active is not None:
            self._active.moved()

    @property
    def history_len(self) -> int:
        return len(self.history)

    def snapshot(self) -> dict[str, Any]:
        """What a resumed session needs, as JSON-able values."""
        return {
            "history": self.history.dump(),
            "contexts": self._contexts.dump(),
            "generation": self.generation,
            "turns": self._turns,
            "utterances": self._listening.utterances,
            "habits": self._listening.pauses.habits.dump(),
            "seq": self.timeline.next_seq,
            "character": self.character.name,
        }

    def _restore(self, saved: Mapping[str, Any]) -> None:
        self.history.load(saved.get("history", []))
        self._contexts.load(saved.get("contexts", []))
        self.generation = int(saved.get("generation", 0)) + 1
        self._turns = int(saved.get("turns", 0))
        self._listening.utterances = int(saved.get("utterances", 0))
        self._listening.pauses.habits.load(saved.get("habits", []))
        self.timeline = Timeline(_now, first_seq=int(saved.get("seq", 0)))

    # ------------------------------------------------------------------ inputs

    def feed(self, input: Input) -> None:
        """Take one input of a link. Never raises; what can't be served is said on the timeline."""
        if self._closing is not None:
            return
        if not isinstance(input, Played):
            self.links.gave_input(input.link)
        match input:
            case MicAudio():
                self._listening.sound(input)
            case Typed():
                self._typed(input)
            case Listen():
                self.append(input)
                self._listening.listen(input)
            case Interrupt(reason=reason):
                self.append(input)
                self.interrupt(reason, input.link)
            case Played():
                self._played(input)
            case Attach(image=image):
                self._attach(image)
            case Noted():
                self._noted(input)
            case ToolResult():
                self.append(input)
                if not self._tools.answered(input):
                    self.drop("tool_result", f"no call {input.id!r:.40} waits for a result")
            case Happened():
                self.append(input)
            case _:
                self.drop(type(input).__name__, "the engine has no use for it")

    def _typed(self, typed: Typed) -> None:
        bare = tuple(replace(image, data=b"") for image in typed.images)
        self.append(replace(typed, images=bare))
        text, most = typed.text.strip(), self.rules.max_text_chars
        if len(text) > most:
            self._refuse(f"text has {len(text)} characters, at most {most} are taken")
            return
        if not text and not typed.images and not self._pictures:
            self.drop("text", "it was empty")
            return
        images, refused = self._pictures.take(typed.images)
        for reason in refused:
            self._refuse(reason)
        if not text and not images:
            self.drop("text", "it was empty")
            return
        self._listening.typed()
        end = self.timeline.now
        self.begin("user", text=text, author=typed.author, images=images, user_end=end)

    def _attach(self, image: Image) -> None:
        if refused := self._pictures.attach(image):
            self._refuse(refused)
        else:
            self.append(Attach(replace(image, data=b"")))

    def _refuse(self, reason: str) -> None:
        """Bad input: said to the client, and nothing else happens."""
        self.fault("gateway", "bad_message", reason)

    def _noted(self, noted: Noted) -> None:
        context, cut = self._contexts.update(noted.context)
        self.append(replace(noted, context=context))
        if self._parts.retriever is not None:
            self._parts.retriever.noted(replace(noted, context=context), session=self.id)
        if cut:
            most = self.rules.max_context_chars
            self.fault("gateway", "context_too_large", f"the context was cut to {most} characters")

    def _played(self, played: Played) -> None:
        ear = self.links.ear
        if played.link and (ear is None or ear.id != played.link):
            return
        for turn in (self._active, *self._held, *self._asides):
            if turn is not None and turn.number == played.turn:
                self.append(played)
                if ear is not None:
                    ear.reports = True
                turn.playback.report(played, _now())
                turn.moved()

    # ------------------------------------------------------------------ turns

    def begin(
        self,
        cause: Cause,
        responder: Responder | None = None,
        *,
        text: str = "",
        author: Author = OWNER,
        images: tuple[Image, ...] = (),
        user_end: float | None = None,
        voice_end: float | None = None,
    ) -> int | None:
        """A turn wants to begin; returns its number, or None if it waits or was shed."""
        wish = Claim(cause, responder or self._cascade(), text, author, images, user_end, voice_end)
        if self._closing is not None or self._draining:
            self.drop(cause, "the conversation is ending")
            self.rest("closed")
            self.go_on()
            return None
        situation = floor.running(self.cause, user_speaks=self._listening.user_speaks)
        match floor.claim(cause, situation):
            case "begin":
                pass
            case "yield":
                self._silence("superseded" if cause == "user" else cause, close_mic=False)
            case "hold":
                self.hold(cause)
            case "wait":
                if len(self._waiting) >= self.rules.waiting_turns:
                    self.drop(cause, "too many turns wait already")
                else:
                    self._waiting.append(wish)
                return None
            case "ignore":
                self.drop(cause, f"the floor is taken ({situation})")
                return None
        return self._begin(wish)

    @property
    def _strategy(self) -> TtsStrategy:
        """The client's wish, else the character's way, else the configuration's."""
        ear = self.links.ear
        if ear is not None and ear.streams:
            return "stream"
        return self.character.tts_strategy or self.rules.tts_strategy

    def greet(self) -> None:
        """The character speaks first, if it has a greeting; only where nothing was said before."""
        if self.character.greeting and self._active is None and not self._turns and not self._resumed:
            self.begin("greeting", self._fixed(self.character.greeting))

    def _fixed(self, text: str, fallback: str = "") -> Say:
        """Says one of the character's fixed phrases."""
        return Say(text, self.character, self._parts.tts, self.rules, fallback=fallback)

    def _cascade(self) -> Cascade:
        parts = self._parts
        rules = replace(self.rules, tts_strategy=self._strategy)
        return Cascade(self.character, parts.llm, parts.tts, rules, parts.animator)

    def _turn(self, claim: Claim, attempt: Attempt | None = None) -> Turn:
        """The next one."""
        return Turn(
            self._turns + 1,
            self.generation + 1,
            claim,
            self,
            contexts=self._contexts.current,
            style=self.character.style,
            language=self.character.language,
            ahead=self.rules.ahead,
            grace=self.rules.ear_grace,
            attempt=attempt,
        )

    def _begin(self, claim: Claim) -> int:
        prepared = self._attempts.fitting(claim)
        turn = prepared or self._turn(claim)
        self._turns = turn.number
        self.generation += 1
        self._quiet.clear()
        if claim.images:
            self.history.attach(turn.number, claim.images)
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
            self._asides.append(turn)
            self.append(begun, turn=turn.number)
        else:
            self._active = turn
            self.append(begun, turn=turn.number)
            self.move("thinking", turn=turn.number)
        if prepared is not None:
            self._attempts.commit(turn, self.generation, claim)
        else:
            self.spawn(turn.run())
        return turn.number

    def interrupt(self, reason: str, link: str = "") -> None:
        """Silence, at once. A voice that barges in keeps the microphone and held turns; a click ends both."""
        self._silence(reason, close_mic=reason != "barge_in")

    def _silence(self, reason: str, *, close_mic: bool) -> None:
        turn, now = self._active, _now()
        self.unsuppose("interrupted")
        self._active = None
        victims = [*self._asides, *([turn] if turn is not None else [])]
        self._asides.clear()
        if close_mic:
            victims += self._held
            self._held.clear()
            self._shed("it was interrupted before it began")
            self._listening.typed()
        self.generation += 1
        heard = turn.playback.heard(now) if turn is not None else ""
        for victim in victims:
            victim.silence("interrupted", reason)
        self.append(
            Interrupted(
                reason,
                turn.number if turn is not None else None,
                turn.generation if turn is not None else None,
                heard,
                turn.text if turn is not None else "",
            ),
            turn=turn.number if turn is not None else None,
        )
        self.move("idle", reason, turn=turn.number if turn is not None else None, always=True)
        for victim in victims:
            victim.tidy()

    def _shed(self, reason: str) -> None:
        """Nobody of those who wait for the floor gets it."""
        for claim in self._waiting:
            self.drop(claim.cause, reason)
        self._waiting.clear()

    def hold(self, reason: str) -> None:
        turn = self._active
        assert turn is not None
        self._active = None
        self._held.append(turn)
        at_ms = turn.hold(_now())
        if not turn.paused:
            self.append(TurnHeld(turn.number, at_ms, reason), turn=turn.number)
        turn.paused = False
        self.move("listening" if self._listening.open else "idle", "held", turn=turn.number)

    @property
    def pausable(self) -> bool:
        """A reply sounds, and the ear that counts falls silent when it is held back."""
        return self._active is not None and self._active.sounding and self.links.pausable

    @property
    def playing(self) -> tuple[int, float | None]:
        """The running turn, and the place in ms that the ear plays now; None while it is silent."""
        turn = self._active
        return (0, None) if turn is None else (turn.number, turn.playback.moving(_now()))

    def pause(self) -> None:
        """The reply stands still and keeps the floor, until `carry_on`, `interrupt` or `hold`."""
        turn = self._active
        if turn is None or turn.paused:
            return
        turn.paused = True
        at_ms = turn.hold(_now(), self.links.coast_ms)
        self.append(TurnHeld(turn.number, at_ms, "barge_in"), turn=turn.number)
        self.move("speaking", "held", turn=turn.number, always=True)

    def carry_on(self) -> None:
        """The paused reply goes on from its place."""
        turn = self._active
        if turn is None or not turn.paused:
            return
        turn.paused = False
        at_ms = turn.resume(_now())
        self.append(TurnResumed(turn.number, at_ms), turn=turn.number)
        self.move("speaking", "resumed", turn=turn.number, always=True)

    def _resume(self) -> None:
        turn = self._held.pop()
        anew = turn.generation != self.generation
        if anew:
            self.generation += 1
            turn.generation = self.generation
        self._active = turn
        at_ms = turn.resume(_now(), again=anew)
        self.append(TurnResumed(turn.number, at_ms), turn=turn.number)
        if turn.sounding:
            self.move("speaking", "resumed", turn=turn.number)
        else:
            self.move("thinking", "resumed", turn=turn.number)

    def go_on(self) -> None:
        """The floor is free: what was held goes on, else what waits begins."""
        if not self._listening.in_doubt:
            self.carry_on()
        if self._active is not None or self._closing is not None or self._listening.user_speaks:
            return
        if self._held:
            self._resume()
        elif self._waiting:
            self._begin(self._waiting.popleft())

    @property
    def cause(self) -> Cause | None:
        """Of the turn that has the floor; None when nobody speaks."""
        return self._active.claim.cause if self._active is not None else None

    # -- what the ears need (the `Conversation` protocol of listening.py)

    @property
    def now(self) -> float:
        """Seconds on the session's clock."""
        return self.timeline.now

    def understood(self, text: str, user_end: float | None, voice_end: float | None) -> None:
        """The user has said something that wants an answer."""
        images, _ = self._pictures.take()
        self.begin("user", text=text, images=images, user_end=user_end, voice_end=voice_end)

    def misheard(self) -> None:
        """Every recogniser failed over what the user said: say so."""
        text = phrase(self.character, self.character.not_understood, NOT_UNDERSTOOD)
        self.begin("user", self._fixed(text, "canned"))

    def hum(self) -> None:
        """Let the user know that somebody listens, where a small sound can come at once."""
        ear, character = self.links.ear, self.character
        going = self._closing is None and not self._draining
        if going and ear is not None and ear.paced and not self._asides:
            own = character.hums.get(character.language, ())
            text = own[self._turns % len(own)] if own else phrase(character, {}, HUMS)
            self._begin(Claim("backchannel", Murmur(text, character, self._parts.tts, self.rules)))

    def suppose(self, utterance: int, text: str, silence_ms: float) -> None:
        """Perhaps the user has finished with this: an answer may be prepared."""
        self._attempts.suppose(utterance, text, silence_ms)

    def unsuppose(self, reason: str) -> None:
        """They have not, or nobody wants an answer any more."""
        self._attempts.drop(reason)

    # -- what attempts need (the `Stage` protocol of attempts.py)

    @property
    def may_attempt(self) -> bool:
        if self._closing is not None or self._draining or self._active is not None or self._held:
            return False
        return not self._pictures

    @property
    def has_room(self) -> bool:
        llm, tts = self._parts.llm, self._parts.tts
        model = next(llm.usable(), None)
        free = all(each.permits is None or each.permits.free for each in (llm, tts))
        return free and model is not None and model.streams

    def prepared(self, attempt: Attempt) -> Turn:
        return self._turn(Claim("user", self._cascade(), attempt.text), attempt)

    def basis(self) -> object:
        return self._briefing.basis()

    # -- what a turn needs (the `Floor` protocol of turn.py)

    def say(self, turn: Turn, event: ReplyEvent) -> None:
        if isinstance(event, Speech) and not turn.sounding:
            turn.sounding = True
            if turn is self._active:
                self.move("speaking", turn=turn.number)
        if turn is self._active:
            self._listening.said(event)
        self.append(event, turn=turn.number)

    def note(self, turn: Turn, event: Event) -> None:
        """Facts beside the reply; a dead turn's faults and waits are nobody's business, its bills are."""
        turn.playback.note(event)
        if turn.attempt is not None:
            self._attempts.note(turn.attempt, event)
            return
        if turn.dead is not None and isinstance(event, Fault | Queued):
            return
        if isinstance(event, Queued) and event.position and turn is self._active and not turn.queued:
            turn.queued = True
            if self.state == "thinking":
                self.move("thinking", "queued", turn=turn.number, always=True)
        self.append(event, turn=turn.number)

    async def prompt(self, turn: Turn) -> Prompt:
        return await self._briefing.prompt(turn)

    async def call(self, turn: Turn, call: ToolCall) -> ToolOutcome:
        specs = self._briefing.tools(turn.claim.author)
        return await self._tools.call(call, specs, lambda done: self.append(done, turn=turn.number))

    def over(self, turn: Turn, outcome: Outcome, reason: str) -> None:
        heard = turn.text if outcome == "finished" else turn.playback.heard(_now())
        ended = TurnEnded(turn.number, outcome, heard, turn.text, reason, round(turn.playback.total_ms))
        if self._active is turn:
            self._active = None
            self.rest("done" if outcome == "finished" else "error", turn=turn.number)
        for others in (self._held, self._asides):
            if turn in others:
                others.remove(turn)
        self.append(ended, turn=turn.number)
        if self._active is None:
            self.go_on()
        if self._active is None and not self._held and not self._waiting:
            self._quiet.set()

    # ------------------------------------------------------------------ small things

    def rest(self, reason: str, turn: int | None = None) -> None:
        """Back to where a session waits for its user."""
        if self._active is None:
            hearing = self._listening.open or self._listening.user_speaks
            state: State = "listening" if hearing else "idle"
            if state != self.state:
                self.move(state, reason, turn=turn)

    def move(self, state: State, reason: str = "", *, turn: int | None = None, always: bool = False) -> None:
        if state == self.state and not always:
            return
        if not states.may_follow(self.state, state):
            log.error("session %s: no way from %s to %s (%s)", self.id, self.state, state, reason)
            return
        previous, self.state = self.state, state
        parts = self._parts
        degraded = parts.asr.degraded or parts.llm.degraded or parts.tts.degraded
        self.append(StateChanged(state, previous, reason, degraded), turn=turn)

    def append(self, event: Event, *, turn: int | None = None) -> None:
        self.timeline.append(event, turn=turn, generation=self.generation)

    def drop(self, what: str, reason: str) -> None:
        self.append(Dropped(what, reason))

    def fault(self, stage: Any, code: str, message: str) -> None:
        self.append(Fault(stage, code, message))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            self._early.append(work)
        elif self._closing is not None:
            work.close()
        else:
            task = self._group.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _now() -> float:
    return asyncio.get_running_loop().time()
