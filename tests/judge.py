"""What a conversation must have kept of the promises P1 to P6 and P8, told from its timeline alone.

`Judge` reads the timeline entry by entry while the conversation goes on, which lets it look at the world
at the moment of each entry; `verdict` is asked at the end. Every violation is a line of text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from aizuchi.engine.outbox import REPLY
from aizuchi.engine.session import Session
from aizuchi.engine.states import may_follow
from aizuchi.events import (
    Annotated,
    AttemptEnded,
    Dropped,
    Entry,
    Event,
    Fault,
    Heard,
    Interrupted,
    Obeyed,
    Played,
    Queued,
    Sentence,
    Speech,
    SpeechDone,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TextDelta,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
    Typed,
)
from tests.judge_attempts import AttemptJudge

SLACK = 0.15
"""Seconds by which two clocks that mean the same may differ."""
PAUSE = 3.0
"""Seconds that a reply stands still at most because of a voice over it."""
LIMITS = {"slow": 2.0, "wave": 3.0}
"""Time limits of the tools that have one of their own."""


@dataclass
class Report:
    """What a conversation contained, and what was wrong with it."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    seconds: float = 0.0

    def wrong(self, promise: str, what: str) -> None:
        self.violations.append(f"{promise}: {what}")


class Open(Protocol):
    """What the judge may know of the providers."""

    def open_for(self, turn: int) -> int: ...
    def open_thoughts(self) -> int: ...


@dataclass
class Life:
    """One turn, as the timeline tells it."""

    begun: TurnBegun
    seq: int
    ear: str
    """The reference ear, if it was the same one all the time."""
    at_end: bool
    """That ear gets sound in one piece."""
    sentences: list[Sentence] = field(default_factory=list[Sentence])
    ms: dict[int, float] = field(default_factory=dict[int, float])
    """Sentence -> its sound so far."""
    whole: set[int] = field(default_factory=set[int])
    partial: set[int] = field(default_factory=set[int])
    """Sentences of which something more is to be told."""
    text: str = ""
    natural_end: float = 0.0
    first_sound: float | None = None
    done_at: float | None = None
    last: float = 0.0
    """Its latest entry, whatever it was."""
    mute: bool = False
    held: bool = False
    """Something else spoke while it waited."""
    paused: float | None = None
    """Since when it stands still because of a voice over it."""
    coast: float = 0.0
    """Seconds that its ear plays on all the same: by the ear that counted when it was paused."""
    told_by_ear: bool = False
    stands_at: int | None = None
    """The place in ms that was told when it was held; None while it goes on."""
    moved: bool = False
    """Its ear has told another place since it was held."""
    cut: Interrupted | None = None
    ended: TurnEnded | None = None

    @property
    def total(self) -> float:
        return sum(self.ms.values())

    @property
    def has_floor(self) -> bool:
        return not self.ended and not self.cut and not self.held and self.begun.cause != "backchannel"


class Judge:
    """A timeline reader."""

    def __init__(self, report: Report, world: Open, session: Session) -> None:
        self.turns: dict[int, Life] = {}
        self._report = report
        self._wrong = report.wrong
        self._world = world
        self._session = session
        self._generation = 0
        self._state = "idle"
        self._speaking: set[int] = set()
        self._abandoned = 0
        self._voice_ends: set[float] = set()
        self._unanswered: list[tuple[int, str]] = []
        self._called: dict[str, float] = {}
        self._waits: set[tuple[int, str]] = set()
        """Turns that wait for a provider's place, and for which stage's."""
        self._voices: set[int] = set()
        """Utterances that are being said."""
        self._quiet_at = 0.0
        """When the last of them ended."""
        self._reference = ""
        """The ear that counts."""
        attempts = session.turns.attempts
        self.attempts = AttemptJudge(report.wrong, session.rules.speculation, lambda: attempts.spent)

    def read(self, entry: Entry) -> None:
        event = entry.event
        self._report.log.append(entry)
        self._report.counts[type(event).__name__] += 1
        self._report.counts["committed"] += isinstance(event, AttemptEnded) and event.turn is not None
        self._order(entry)
        self.attempts.read(entry)
        self._ears()
        life = self.turns.get(entry.turn) if entry.turn is not None else None
        self._stillness(event, entry.at)
        if life is not None and isinstance(event, REPLY) and (life.cut or life.ended):
            self._wrong("P1", f"{type(event).__name__} of dead turn {entry.turn} on the timeline")
        if life is not None and not isinstance(event, TurnEnded):
            life.last = entry.at
        if isinstance(event, Fault) and event.code == "busy":
            if not event.retry_after_ms:
                self._wrong("P5", f"{event.stage} is busy, and nobody says until when")
            self._waits.discard((entry.turn or 0, event.stage))
        if isinstance(event, TurnHeld | TurnResumed):
            self._told(event)
        match event:
            case StateChanged():
                if event.previous != self._state or not may_follow(event.previous, event.state):
                    self._wrong("P4", f"{event.previous} -> {event.state}, but the state was {self._state}")
                self._state = event.state
                if life is not None and life.paused is not None and event.reason == "held":
                    life.held = event.state != "speaking"
                    life.paused = None if life.held else life.paused
            case SpeechStarted() | SpeechEnded() | Heard() | Dropped() | Obeyed():
                self._ear(event)
            case TurnBegun():
                self._begun(event, entry)
            case TurnEnded():
                self._ended(event, entry)
            case Interrupted(turn=turn) if turn is not None:
                self._unpaused(self.turns[turn], entry.at)
                self.turns[turn].cut = event
                self._heard(self.turns[turn], event.heard, event.text)
            case TurnHeld(turn=turn, reason="barge_in") if self._session.turns.stage.cause is not None:
                self.turns[turn].paused, ear = entry.at, self._session.links.ear
                self.turns[turn].coast = 0.0 if ear is None else ear.coast_ms / 1000
                self._called.clear()
            case TurnResumed(turn=turn) if self.turns[turn].paused is not None:
                self._unpaused(self.turns[turn], entry.at)
                self._called.clear()
            case TurnHeld(turn=turn) | TurnResumed(turn=turn):
                self.turns[turn].held = True
                self._called.clear()  # calls and results of a held turn wait with it
            case Played(turn=turn) if turn in self.turns:
                self.turns[turn].told_by_ear = self.turns[turn].moved = True
            case Fault(stage="tts") if life is not None and "broke off" not in event.message:
                life.mute = True
            case Queued() if entry.turn is not None:
                self._queued(event, entry.turn)
            case ToolCall():
                if event.id in self._called:
                    self._wrong("P5", f"two calls have the id {event.id}")
                self._called[event.id] = entry.at
            case ToolDone():
                self._tool(event, entry.at)
            case _ if life is not None:
                self._reply(life, entry)
            case _:
                pass

    # -- order

    def _order(self, entry: Entry) -> None:
        event, log = entry.event, self._report.log
        if len(log) > 1 and entry.seq != log[-2].seq + 1:
            self._wrong("P6", "the sequence has gaps")
        step = entry.generation - self._generation
        self._generation = entry.generation
        lawful = {TurnBegun: (1,), Interrupted: (1,), TurnResumed: (0, 1)}.get(type(event), (0,))
        if step not in lawful:
            self._wrong("P1", f"the generation rose by {step} at {type(event).__name__}")

    # -- turns

    def _queued(self, event: Queued, turn: int) -> None:
        life = self.turns[turn]
        if life.cut or life.ended:
            self._wrong("P1", f"dead turn {turn} has a place in a queue")
        if event.position == 0:
            if (turn, event.stage) not in self._waits:
                self._wrong("P5", f"a wait of turn {turn} is over that had not begun")
            self._waits.discard((turn, event.stage))
        else:
            self._waits.add((turn, event.stage))
        if event.ahead < max(0, event.position - 1):
            self._wrong("P5", f"place {event.position} with only {event.ahead} ahead")

    def _begun(self, event: TurnBegun, entry: Entry) -> None:
        if event.turn in self.turns:
            self._wrong("P3", f"turn {event.turn} began twice")
        hum = event.cause == "backchannel"
        if hum and not self._speaking:
            self._wrong("P4", f"turn {event.turn} hums, and nobody speaks")
        if any(life.has_floor for life in self.turns.values()):
            self._wrong("P3", f"turn {event.turn} began over another")
        ear = self._session.links.ear
        at_end = ear is not None and not ear.paced
        self.turns[event.turn] = Life(event, entry.seq, ear=self._reference, at_end=at_end)
        if event.user_end is not None and not event.user_end <= entry.at:
            self._wrong("DH-50", f"turn {event.turn} was asked for in the future")
        if event.voice_end is not None:
            if event.voice_end not in self._voice_ends or event.voice_end > (event.user_end or 0):
                self._wrong("DH-50", f"turn {event.turn} has the voice end of no utterance")
            if any(text not in event.text for _, text in self._unanswered):
                self._wrong("P5", f"turn {event.turn} leaves out something of {self._unanswered}")
            texts = [text for _, text in sorted(self._unanswered)]
            if event.text.replace(" ", "") != "".join(texts).replace(" ", ""):
                self._wrong("P5", f"turn {event.turn} answers {event.text!r}, but {texts} was said")
            self._unanswered.clear()

    def _ears(self) -> None:
        """Where another ear counted for a while, what it said of the turn counts, too."""
        ear = self._session.links.ear
        now = "" if ear is None else ear.id
        if now != self._reference:
            self._reference = now
            for life in self.turns.values():
                life.ear = "" if life.ended is None else life.ear

    def _told(self, event: TurnHeld | TurnResumed) -> None:
        """A turn is held and goes on by turns, and goes on from where it was held, or from later."""
        life, name = self.turns[event.turn], type(event).__name__
        if life.cut or life.ended:
            self._wrong("P3", f"{name} of dead turn {event.turn}")
        if isinstance(event, TurnHeld) is not (life.stands_at is None):
            self._wrong("P3", f"{name} of turn {event.turn}, which was told already")
        if not -1 <= event.at_ms <= life.total + 1:
            self._wrong("P2", f"{name} of turn {event.turn} at {event.at_ms} of {life.total:.0f} ms")
        # Of a lecture the sentence that was cut is said again.
        back = life.begun.cause == "lecture"
        if (
            isinstance(event, TurnResumed)
            and not (life.moved or back)
            and event.at_ms < (life.stands_at or 0) - 1
        ):
            self._wrong("P2", f"turn {event.turn} was held at {life.stands_at} and goes on at {event.at_ms}")
        ear = self._session.links.ear
        life.stands_at = event.at_ms if isinstance(event, TurnHeld) else None
        # An ear that can't pause is told where it will stop, and may go on before it has come there.
        life.moved = ear is not None and ear.coast_ms > 0

    def _stillness(self, event: Event, at: float) -> None:
        """No reply stands still when nobody speaks any more."""
        match event:
            case SpeechStarted(utterance=number):
                self._voices.add(number)
            case SpeechEnded(utterance=number):
                self._voices.discard(number)
                self._quiet_at = at
            case _ if not self._voices and at > self._quiet_at + 0.01:
                for turn, life in self.turns.items():
                    if life.paused is not None:
                        self._wrong("P3", f"turn {turn} stands still, and nobody speaks")
            case _:
                pass

    def _unpaused(self, life: Life, at: float) -> None:
        """A reply that stood still goes on or is cut, in time; its sound will end later by the pause."""
        since, life.paused = life.paused, None
        if since is None:
            return
        if at - since > PAUSE + 0.01:
            self._wrong("P3", f"turn {life.begun.turn} stood still for {at - since:.2f} s")
        left = life.natural_end - since
        if left > 0:
            coasted = min(left, at - since, life.coast)
            life.natural_end = at + left - coasted

    def _ended(self, event: TurnEnded, entry: Entry) -> None:
        life = self.turns[event.turn]
        self._unpaused(life, entry.at)
        if life.ended is not None:
            self._wrong("P3", f"turn {event.turn} ended twice")
        life.ended = event
        waits = {wait for wait in self._waits if wait[0] == event.turn}
        self._waits -= waits
        if waits and event.outcome == "finished":
            self._wrong("P5", f"turn {event.turn} was over while it waited: {waits}")
        if self._world.open_for(event.turn) > self.attempts.open("tts"):
            self._wrong("P3", f"turn {event.turn} ended with an open voice")
        running = sum(each.ended is None for each in self.turns.values()) + self.attempts.open("llm")
        if self._world.open_thoughts() > running:
            self._wrong("P3", f"turn {event.turn} ended with an open model")
        self._heard(life, event.heard, event.text)
        if life.cut is not None and life.cut.heard != event.heard:
            self._wrong("P2", f"turn {event.turn}: {life.cut.heard!r} became {event.heard!r}")
        if event.text != life.text:
            self._wrong("P2", f"turn {event.turn} ended with text that was not its own")
        if event.outcome == "finished" and life.partial:
            self._wrong("P5", f"turn {event.turn} is over, and {life.partial} wait for more")
        if event.outcome == "finished" and life.total and not life.held:
            self._played_out(life, entry.at)

    def _played_out(self, life: Life, at: float) -> None:
        """T8: not before the sound was played, not long after it."""
        end = life.natural_end
        if life.at_end:
            if life.done_at is None:
                return
            end = life.done_at + life.total / 1000
        if at < end - SLACK:
            self._wrong("P4", f"turn {life.begun.turn} was over {end - at:.2f} s before its sound")
        end = max(end, life.last)
        if at > end + (2.0 if life.told_by_ear or self._reports else 0.0) + SLACK:
            self._wrong("P3", f"turn {life.begun.turn} was over {at - end:.2f} s after its sound")

    @property
    def _reports(self) -> bool:
        return any(life.told_by_ear for life in self.turns.values())

    def _reply(self, life: Life, entry: Entry) -> None:
        match entry.event:
            case TextDelta(text=text):
                life.text += text
            case Sentence() as sentence:
                if sentence.index != len(life.sentences):
                    self._wrong("P6", f"sentence {sentence.index} of turn {sentence.turn} out of order")
                life.sentences.append(sentence)
                if sentence.partial:
                    life.partial.add(sentence.index)
            case Annotated(sentence=index, done=done):
                if index not in life.partial:
                    self._wrong("P6", f"more is told of sentence {index}, which was whole")
                if done:
                    life.partial.discard(index)
            case Speech() as speech:
                self._sound(life, speech, entry.at)
            case SpeechDone(ms=ms):
                life.done_at = entry.at
                if abs(ms - life.total) > 1:
                    self._wrong("P6", f"{ms} ms of sound are said to be done, {life.total} ms there are")
            case _:
                pass

    def _sound(self, life: Life, speech: Speech, at: float) -> None:
        if speech.sentence >= len(life.sentences):
            self._wrong("P6", "sound before its sentence")
        if life.ms and max(life.ms) > speech.sentence:
            self._wrong("P6", "sentences spoken out of order")
        if abs(speech.at_ms - life.total) > 1:
            self._wrong("P6", f"sound at {speech.at_ms} ms where {life.total} ms came before")
        ms = len(speech.pcm) / 2 / speech.rate * 1000
        life.ms[speech.sentence] = life.ms.get(speech.sentence, 0.0) + ms
        if speech.last:
            life.whole.add(speech.sentence)
        life.first_sound = at if life.first_sound is None else life.first_sound
        life.natural_end = max(at, life.natural_end) + ms / 1000

    def _heard(self, life: Life, heard: str, text: str) -> None:
        """P2: a beginning of what was shown, and no sentence whose sound had not begun."""
        if not text.startswith(heard):
            self._wrong("P2", f"turn {life.begun.turn}: {heard!r} is no beginning of {text!r}")
        if life.mute or not life.ms or heard == text:
            return
        could = "".join(s.shown for s in life.sentences if s.index in life.ms or not s.spoken)
        if len(heard) > len(could):
            self._wrong("P2", f"turn {life.begun.turn}: heard {heard!r}, but only {could!r} had sound")

    # -- hearing, tools

    def _ear(self, event: SpeechStarted | SpeechEnded | Heard | Dropped | Obeyed) -> None:
        match event:
            case SpeechStarted(utterance=number):
                self._speaking.add(number)
            case SpeechEnded(voice_end=voice_end):
                self._voice_ends.add(voice_end)
            case Heard(utterance=number, text=text):
                self._speaking.discard(number)
                if text:
                    self._unanswered.append((number, text))
            case Dropped(what="utterance", reason=reason):
                if reason in ("something newer took its place", "the microphone failed"):
                    self._abandoned += 1
                elif "too short" in reason or "back-channel" in reason or "no word" in reason:
                    self._unanswered.clear()
                elif "waited" in reason and self._unanswered:
                    self._unanswered.pop()
            case Dropped(what="user"):
                self._unanswered.clear()
            case Obeyed(text=text):
                said = "".join(each for _, each in sorted(self._unanswered))
                if said and text.replace(" ", "") == said.replace(" ", ""):
                    self._unanswered.clear()
            case _:
                pass

    def _tool(self, done: ToolDone, at: float) -> None:
        if done.name == "wave" and not done.error and done.result != f"done {done.id}":
            self._wrong("P5", f"call {done.id} was answered by {done.result!r}")
        took = at - self._called.get(done.id, at)
        if took > LIMITS.get(done.name, 10.0) + 0.1:
            self._wrong("P5", f"tool {done.name} took {took:.1f} s")

    # -- the end

    def verdict(self) -> None:
        self.attempts.verdict()
        for turn, life in self.turns.items():
            if life.ended is None:
                self._wrong("P3", f"turn {turn} never ended")
        if len(self._speaking) != self._abandoned:
            self._wrong("P5", f"{sorted(self._speaking)} have no text, {self._abandoned} have a reason")
        if self._unanswered:
            self._wrong("P5", f"{self._unanswered} was understood and never answered")
        log = [entry.event for entry in self._report.log]
        typed = sum(isinstance(event, Typed) for event in log)
        turns = [life.begun for life in self.turns.values()]
        answered = sum(turn.user_end is not None and turn.voice_end is None for turn in turns)
        no = sum(isinstance(event, Fault) and "characters" in event.message for event in log)
        no += sum(isinstance(event, Obeyed) for event in log)
        no += sum(isinstance(event, Dropped) and event.what in ("text", "user") for event in log)
        if typed > answered + no:
            self._wrong("P5", f"{typed} texts, {answered} turns and {no} reasons")

    def states_since(self, seq: int) -> Iterable[tuple[int, str]]:
        """What a client that joined at `seq` must have seen, in this order."""
        for entry in self._report.log:
            if entry.seq >= seq and isinstance(entry.event, StateChanged):
                yield entry.seq, entry.event.state
