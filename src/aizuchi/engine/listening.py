"""The session's ears: which microphone is open, what is being said, and when it becomes a turn.

Speech over a running reply is heard from its first syllable, but takes the floor only when the floor's
table, or with the policy `pause` the machine of `overlap.py`, says so. Until then at most the reply stands
still, and nothing is lost either way: what was said is answered, or the timeline says why not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from aizuchi.engine import floor
from aizuchi.engine.chain import Chain, fault
from aizuchi.engine.echo import Verdict
from aizuchi.engine.guard import Guard
from aizuchi.engine.humming import Humming
from aizuchi.engine.links import Links
from aizuchi.engine.microphone import EndReason, Microphone
from aizuchi.engine.overlap import PATIENCE_MS, Decision, Overlap
from aizuchi.engine.pauses import Pauses
from aizuchi.engine.rules import Rules
from aizuchi.engine.speculation import Tries
from aizuchi.engine.tentative import Ahead
from aizuchi.engine.utterance import Utterance, joined
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Cause,
    Event,
    Fault,
    Heard,
    HeardPartial,
    Listen,
    ListenMode,
    MicAudio,
    MicNoted,
    Sentence,
    Speech,
    SpeechEnded,
    SpeechStarted,
    State,
)
from aizuchi.ports import Hints, Recognizer, TurnModel, Vad


class Conversation(Protocol):
    """What the ears need of their session."""

    state: State
    links: Links

    @property
    def cause(self) -> Cause | None:
        """Of the turn that has the floor."""

    def append(self, event: Event) -> None: ...
    def drop(self, what: str, reason: str) -> None: ...
    def move(self, state: State, reason: str = "") -> None: ...
    def rest(self, reason: str) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...
    def interrupt(self, reason: str, link: str = "") -> None: ...
    def hold(self, reason: str) -> None: ...
    @property
    def pausable(self) -> bool: ...

    @property
    def playing(self) -> tuple[int, float | None]: ...

    def pause(self) -> None: ...
    def carry_on(self) -> None: ...
    def go_on(self) -> None: ...
    def understood(self, text: str, user_end: float | None, voice_end: float | None) -> None: ...
    def misheard(self) -> None: ...
    def hum(self) -> None: ...
    def suppose(self, utterance: int, text: str, silence_ms: float) -> None: ...
    def unsuppose(self, reason: str) -> None: ...
    @property
    def now(self) -> float: ...


class Listening:
    """One session's microphone and utterances. All calls are synchronous; the work is spawned."""

    def __init__(
        self,
        conversation: Conversation,
        vad: Vad,
        asr: Chain[Recognizer],
        rules: Rules,
        *,
        hints: Hints,
        hum_every: float,
        record: bool,
        small: Callable[[str], bool],
        turn: TurnModel | None = None,
        language: str = "",
    ) -> None:
        self.utterances = 0
        self.pauses = Pauses(rules, turn, conversation.append, conversation.spawn, language)
        self._with = conversation
        self._vad = vad
        self._asr = asr
        self._rules = rules
        self._hints = hints
        self._humming = Humming(hum_every)
        self._record = record
        self._small = small
        """Whether a text is only a back-channel."""
        self._guard = Guard(rules.echo.adapt_ms) if rules.echo.guard != "off" else None
        """Tells the user from the character's own voice."""
        self._patience: asyncio.TimerHandle | None = None
        self._mic: Microphone | None = None
        self._mics: list[Microphone] = []
        """The open one, and those that are closed and still hear what was queued."""
        self._live: list[tuple[Microphone, Utterance]] = []
        """What is being said or understood, in the order in which it began."""
        self._pieces: list[tuple[Utterance, str]] = []
        """What was understood while the user went on speaking."""
        self._stray_ms = 0.0

    @property
    def open(self) -> bool:
        """A microphone is open."""
        return self._mic is not None and not self._mic.closed

    @property
    def user_speaks(self) -> bool:
        """The user has the floor, or is being understood."""
        return any(utterance.took_floor for _, utterance in self._live)

    @property
    def in_doubt(self) -> bool:
        """Somebody speaks over the reply, and it waits until it is known what that means."""
        return any(each.overlap is not None and each.overlap.holding for _, each in self._live)

    # ------------------------------------------------------------------ inputs

    def listen(self, listen: Listen) -> None:
        link = self._with.links.get(listen.link)
        if link is not None and listen.mode is not None:
            link.mode = listen.mode
        if not self._with.links.may(listen.link, "mouth"):
            self._with.drop("listen", "this link may not speak")
            return
        if not listen.on:
            if self._mic is not None and self._mic.link == listen.link:
                self.close("client")
            return
        if self._mic is not None:
            if self._mic.link == listen.link:
                return
            self.close("closed", forget=True)
        mode = link.mode if link is not None else listen.mode
        self._open(listen.link, mode or self._rules.hearing.mode)

    def sound(self, sound: MicAudio) -> None:
        mic = self._mic
        if mic is None or mic.link != sound.link:
            self._stray(len(sound.pcm) / 2 / sound.rate * 1000)
            return
        mic.feed(sound.pcm, sound.rate)
        if self._with.state == "idle" and self._with.cause is None:
            self._with.move("listening")
        if sound.last:
            self.close("client")

    def left(self, link: str) -> None:
        """A link has gone, and with it its microphone."""
        if self._mic is not None and self._mic.link == link:
            self.close("closed")
            if self._with.state == "listening":
                self._with.rest("closed")

    def typed(self) -> None:
        """Text has come instead: what was being said is dropped; only a continuous microphone stays."""
        self.forget()
        if self._mic is not None and self._mic.mode != "continuous":
            self.close("closed", forget=True)

    def close(self, reason: EndReason, *, forget: bool = False) -> None:
        """Close the microphone; what is queued is still heard unless it is to be forgotten."""
        mic = self._mic
        if mic is None:
            return
        mic.close(reason)
        if forget:
            self.forget()
        self._mic = None

    def forget(self) -> None:
        """Nobody wants to know any more what was being said."""
        for mic in self._mics:
            mic.abandon()
        self._abandon(self._live, "something newer took its place")
        for _ in self._pieces:
            self._with.drop("utterance", "it waited for the rest, which was dropped")
        self._pieces.clear()

    def _abandon(self, gone: list[tuple[Microphone, Utterance]], reason: str) -> None:
        self._with.unsuppose("interrupted")
        self._live = [each for each in self._live if each not in gone]
        for _, utterance in gone:
            utterance.abandon()
            self._with.drop("utterance", reason)

    def _stray(self, ms: float) -> None:
        """Sound that came while nobody was listening is counted, not heard."""
        self._stray_ms += ms
        if self._stray_ms >= Microphone.NOTE_MS:
            self._with.append(MicNoted(round(self._stray_ms), dropped_ms=round(self._stray_ms)))
            self._stray_ms = 0.0

    def _open(self, link: str, mode: ListenMode) -> None:
        rules = self._rules
        self._mic = mic = Microphone(
            link,
            mode,
            rules.hearing,
            self,
            queue_ms=rules.mic_queue_ms,
            record=self._record,
            patience=rules.limits.vad_gap,
        )
        self._mics.append(mic)
        if self._with.cause is None and self._with.state == "idle":
            self._with.move("listening")
        if mode == "push":
            mic.begin()
        self._with.spawn(self._hear(mic))
        self._with.go_on()

    async def _hear(self, mic: Microphone) -> None:
        try:
            await mic.run(self._vad)
        except ProviderError as error:
            self._with.append(Fault("vad", "vad_failed", str(error)))
            mic.close("closed")
            self._abandon([each for each in self._live if each[0] is mic], "the microphone failed")
        finally:
            self._mics.remove(mic)
        if self._mic is mic:
            self._mic = None
        self._settle()
        if mic.closed_by == "client" and not mic.utterances:
            self.utterances += 1
            self._with.append(Heard(self.utterances, ""))
        if not self._live and not self._answer():
            self._with.rest("empty")
            self._with.go_on()

    # ------------------------------------------------------------------ what the microphone tells

    def sounded(self, mic: Microphone, pcm: bytes) -> None:
        if self._guards(mic) and self._guard is not None:
            self._guard.heard(pcm, *self._with.playing)

    def said(self, event: Event) -> None:
        """What the reply is going to say and to sound like, for whoever must tell it from the user."""
        if self._guard is not None and self.open:
            match event:
                case Sentence(spoken=spoken):
                    self._guard.sentence(spoken)
                case Speech(turn=turn, at_ms=at_ms, pcm=pcm, rate=rate) if pcm:
                    self._guard.speech(turn, at_ms, pcm, rate)
                case _:
                    pass

    def _guards(self, mic: Microphone) -> bool:
        """The reply may come back through this microphone. Who holds a button means what they say."""
        link = self._with.links.get(mic.link)
        cancels = link is not None and link.cancels_echo and self._rules.echo.guard == "auto"
        return self._guard is not None and mic.mode != "push" and not cancels

    def speech_began(self, mic: Microphone, onset: float, preroll: bytes) -> None:
        cause = self._with.cause
        if cause is not None and self._rules.barge_in.policy == "never" and mic.mode != "push":
            self._with.drop("utterance", "a reply may not be interrupted by voice here")
            return
        self.pauses.began(mic, onset)
        self.utterances += 1
        self._with.unsuppose("went_on")

        def tell(event: Event) -> None:
            self._tell(mic, utterance, event)

        utterance = Utterance(
            self.utterances,
            self._asr,
            self._hints,
            patience=self._rules.limits.asr_final,
            tell=tell,
            ahead=Ahead(Tries(self._rules.speculation, self._rules.hearing), self._with.spawn),
            known=lambda: self._paused(mic, utterance),
        )
        utterance.took_floor = cause is None and self._verdict(mic, utterance) != "echo"
        self._live.append((mic, utterance))
        self._with.append(SpeechStarted(utterance.number, onset))
        if preroll:
            utterance.push(preroll)
        self._with.spawn(self._recognise(mic, utterance))
        self._voice("onset", mic, utterance)

    def speech_goes_on(self, mic: Microphone, pcm: bytes) -> None:
        utterance = self._said_into(mic)
        if utterance is not None:
            utterance.push(pcm)
            self._voice("voiced", mic, utterance)

    def speech_paused(self, mic: Microphone, silence_ms: float) -> None:
        """Perhaps they have finished: what was said so far is wanted now."""
        utterance = self._said_into(mic)
        if utterance is None:
            return
        utterance.pause(silence_ms)
        if utterance.overlap is not None:
            self._decided(utterance.overlap.silent(silence_ms), mic, utterance)
        may_hum = mic.mode == "continuous" and utterance.took_floor and self._with.cause is None
        voiced, finished = mic.endpointing.voiced_ms, self.pauses.finished(utterance)
        if may_hum and self._humming.paused(utterance.number, voiced, silence_ms, finished=finished):
            self._with.hum()
        # After the hum: it would take the number of a turn that is being prepared.
        self._paused(mic, utterance)

    def speech_went_on(self, mic: Microphone, pause_ms: float) -> None:
        utterance = self._said_into(mic)
        self._humming.went_on()
        if utterance is not None:
            utterance.go_on()
            self.pauses.went_on(pause_ms)
            self._with.unsuppose("went_on")
            if utterance.overlap is not None:
                self._decided(utterance.overlap.again(mic.endpointing.voiced_ms), mic, utterance)

    def _paused(self, mic: Microphone, utterance: Utterance) -> None:
        """Looks at a pause: called when it is told, each time it has doubled, and for new words in it."""
        self.pauses.look(mic, utterance)
        if utterance.took_floor:
            said = [*self._pieces, *((each, each.likely) for _, each in self._live if each.took_floor)]
            said.sort(key=lambda piece: piece[0].number)
            texts = [text for _, text in said]
            if texts and all(texts):
                self._with.suppose(said[-1][0].number, joined(texts), mic.endpointing.silence_ms)

    def speech_over(self, mic: Microphone, voice_end: float, silence: float, reason: EndReason) -> None:
        utterance = self._said_into(mic)
        if utterance is None:
            return
        now = self._with.now
        self._with.append(SpeechEnded(utterance.number, voice_end, now - silence, reason))
        utterance.end(now, now - silence)
        self.pauses.over(mic, utterance, voice_end, reason)
        if utterance.overlap is not None:
            self._decided(utterance.overlap.over(), mic, utterance)
        # Armed over a reply, it stays open until there was a voice that took the floor.
        if mic.mode == "push" or utterance.took_floor:
            self._served(mic)

    def _said_into(self, mic: Microphone) -> Utterance | None:
        """What is being said into this microphone."""
        return next((each for its, each in self._live if its is mic and not each.ended), None)

    def _served(self, mic: Microphone) -> None:
        """A microphone that is not continuous hears one utterance."""
        if mic.mode != "continuous" and self._mic is mic:
            self.close("silence")

    def noted(self, mic: Microphone, ms: int, pcm: bytes, dropped_ms: int) -> None:
        self._with.append(MicNoted(ms, pcm, dropped_ms))

    # ------------------------------------------------------------------ from speech to a turn

    def _tell(self, mic: Microphone, utterance: Utterance, event: Event) -> None:
        self._with.append(event)
        if utterance.text and not utterance.abandoned:
            self._voice("word", mic, utterance)
            if utterance.paused and isinstance(event, HeardPartial):
                self._paused(mic, utterance)

    def _voice(self, sign: floor.Sign, mic: Microphone, utterance: Utterance) -> None:
        """The user's voice over what runs: does it take the floor?"""
        if utterance.took_floor or utterance.abandoned or not self._counts(sign, mic, utterance):
            return
        voiced_ms = mic.endpointing.voiced_ms
        overlap = self._overlap(mic, utterance)
        if overlap is not None and self._with.cause is not None:
            said = overlap.text(utterance.text) if sign == "word" else overlap.voice(voiced_ms)
            self._decided(said, mic, utterance)
            return
        situation = floor.running(self._with.cause, user_speaks=True)
        decision = floor.voice(self._rules.barge_in, sign, voiced_ms, situation)
        if decision == "ignore" or (decision != "begin" and sign == "word" and self._small(utterance.text)):
            return
        self._take_floor(decision, mic, utterance)

    def _verdict(self, mic: Microphone, utterance: Utterance) -> Verdict:
        if self._guard is None or not self._guards(mic):
            return "voice"
        return self._guard.judge(utterance.tally)

    def _counts(self, sign: floor.Sign, mic: Microphone, utterance: Utterance) -> bool:
        """Whether a sign of speech is the user's; while that is not sure only words pause or interrupt."""
        if sign == "word":
            return not self._own(mic, utterance, utterance.text)
        if mic.endpointing.silence_ms > 0 and self._guards(mic):
            return utterance.tally.voice > utterance.tally.echo
        verdict = self._verdict(mic, utterance)
        patient = self._rules.barge_in.policy == "pause" and self._with.cause is not None
        return verdict == "voice" or (verdict == "unsure" and not patient)

    def _own(self, mic: Microphone, utterance: Utterance, text: str) -> bool:
        """What was said is the character's own voice."""
        return self._guard is not None and self._guards(mic) and self._guard.own(utterance.tally, text)

    def _overlap(self, mic: Microphone, utterance: Utterance) -> Overlap | None:
        """The machine for what is said over a reply; a pressed button needs none."""
        pauses = self._rules.barge_in.policy == "pause" and mic.mode != "push"
        if utterance.overlap is None and pauses and self._with.pausable:
            utterance.overlap = Overlap(self._rules.barge_in, self._small)
        return utterance.overlap

    def _decided(self, decision: Decision | None, mic: Microphone, utterance: Utterance) -> None:
        """Do what the machine says about the reply."""
        match decision:
            case "pause" if self._with.pausable:
                self._with.pause()
                if self._patience is not None:
                    self._patience.cancel()
                loop = asyncio.get_running_loop()
                self._patience = loop.call_later(PATIENCE_MS / 1000, self._give_up)
            case "go_on":
                self._settle()
            case "interrupt":
                shows = floor.running(self._with.cause, user_speaks=True) == "show"
                self._take_floor("hold" if shows else "yield", mic, utterance)
            case _:
                pass

    def _give_up(self) -> None:
        """No reply is held for ever: nothing was heard that would have ended the doubt."""
        for _, utterance in self._live:
            if utterance.overlap is not None:
                utterance.overlap.give_up()
        self._with.carry_on()

    def _settle(self) -> None:
        """The reply goes on if nobody's voice holds it any more."""
        if not self.in_doubt:
            self._with.carry_on()

    def _take_floor(self, decision: floor.Decision, mic: Microphone, utterance: Utterance) -> None:
        utterance.took_floor = True
        if decision == "yield":
            self._with.interrupt("barge_in", mic.link)
        elif decision == "hold":
            self._with.hold("barge_in")
        if self._with.state == "idle":
            self._with.move("listening", "barge_in")

    async def _recognise(self, mic: Microphone, utterance: Utterance) -> None:
        if utterance.abandoned:
            return
        try:
            heard = await utterance.recognise()
        except ProviderError as error:
            self._with.append(fault("asr", error))
            heard = None
        self._live = [each for each in self._live if each[1] is not utterance]
        self._with.append(heard or Heard(utterance.number, ""))
        own = not utterance.took_floor and self._own(mic, utterance, heard.text if heard is not None else "")
        if own:
            self._with.drop("utterance", "it was the character's own voice")
        elif heard is not None and heard.text:
            self._pieces.append((utterance, heard.text))
            if self._rules.barge_in.policy == "pause" and mic.mode != "push":
                utterance.text = heard.text
                self._voice("word", mic, utterance)
        self._settle()
        if own:
            if not self._answer():
                self._with.rest("empty")
                self._with.go_on()
            return
        if self.user_speaks:
            return  # They go on speaking: what they said so far waits for the rest.
        wanted = utterance.took_floor or self._with.cause is None or mic.mode == "push"
        if not wanted and not (self._pieces and self._rules.barge_in.policy == "after_word"):
            reason = "it was too short to interrupt"
            if self._rules.barge_in.policy == "pause":
                reason = "it was only a back-channel" if self._pieces else "it was no word"
            self._pieces.clear()
            self._with.drop("utterance", reason)
            return
        if self._answer():
            self._served(mic)
            return
        self._with.unsuppose("other_words")
        if heard is None:
            self._with.misheard()
        else:
            self._with.rest("empty")
            self._with.go_on()

    def _answer(self) -> bool:
        """What was understood becomes a turn, unless the user goes on speaking."""
        if not self._pieces or self.user_speaks:
            return False
        pieces = sorted(self._pieces, key=lambda piece: piece[0].number)
        self._pieces.clear()
        newest = pieces[-1][0]
        self._with.understood(joined([text for _, text in pieces]), newest.user_end, newest.voice_end)
        return True
