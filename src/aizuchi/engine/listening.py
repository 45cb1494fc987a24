"""The session's ears: which microphone is open, what is being said, and when it becomes a turn.

Speech over a running reply is heard from its first syllable; what it means for the reply is decided in
`crosstalk.py`. Nothing is lost either way: what was said is answered, or the timeline says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from aizuchi.engine.chain import Chain, fault
from aizuchi.engine.crosstalk import Crosstalk
from aizuchi.engine.guard import Guard
from aizuchi.engine.humming import Humming
from aizuchi.engine.links import Links
from aizuchi.engine.microphone import EndReason, Microphone
from aizuchi.engine.pauses import Pauses
from aizuchi.engine.rules import Rules
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.speculation import Tries
from aizuchi.engine.tentative import Ahead
from aizuchi.engine.turns import Turns
from aizuchi.engine.utterance import Utterance
from aizuchi.engine.utterances import Utterances
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Event,
    Fault,
    Heard,
    HeardPartial,
    Listen,
    ListenMode,
    MicAudio,
    MicNoted,
    Recorded,
    Sentence,
    Speech,
    SpeechEnded,
    SpeechStarted,
)
from aizuchi.ports import Hints, Recognizer, TurnModel, Vad


class Listening:
    """One session's microphone and utterances. All calls are synchronous; the work is spawned."""

    def __init__(
        self,
        scribe: Scribe,
        turns: Turns,
        links: Links,
        vad: Vad,
        asr: Chain[Recognizer],
        rules: Rules,
        *,
        understood: Callable[[str, float | None, float | None], None],
        misheard: Callable[[], None],
        warm: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        hints: Hints,
        hum_every: float,
        record: bool,
        small: Callable[[str], bool],
        turn: TurnModel | None = None,
        language: str = "",
    ) -> None:
        """`understood` gets what the user said, and when on the session's clock it was decided that they had
        finished and when their voice had ended; `misheard` is called when no recogniser could tell.
        `small` tells whether a text is only a back-channel."""
        self.utterances = 0
        """The number of the newest one."""
        self.pauses = Pauses(rules, turn, scribe.append, spawn, language)
        self._scribe = scribe
        self._turns = turns
        self._stage = turns.stage
        self._links = links
        self._vad = vad
        self._asr = asr
        self._rules = rules
        self._understood = understood
        self._misheard = misheard
        self._warm = warm
        self._spawn = spawn
        self._hints = hints
        self._humming = Humming(hum_every)
        self._record = record
        self._said = Utterances()
        self._guard = Guard(rules.echo.adapt_ms) if rules.echo.guard != "off" else None
        """Tells the user from the character's own voice."""
        self._crosstalk = Crosstalk(
            scribe, turns, links, rules, said=self._said, guard=self._guard, small=small
        )
        self._mic: Microphone | None = None
        self._mics: list[Microphone] = []
        """The open one, and those that are closed and still hear what was queued."""
        self._stray_ms = 0.0

    @property
    def open(self) -> bool:
        """A microphone is open."""
        return self._mic is not None and not self._mic.closed

    @property
    def user_speaks(self) -> bool:
        """The user has the floor, or is being understood."""
        return self._said.user_speaks

    @property
    def in_doubt(self) -> bool:
        """Somebody speaks over the reply, and it waits until it is known what that means."""
        return self._said.in_doubt

    @property
    def busy(self) -> bool:
        """Something is being said, or a microphone still has sound to be heard."""
        return bool(self._said.live or self._mics)

    # ------------------------------------------------------------------ inputs

    def listen(self, listen: Listen) -> None:
        link = self._links.get(listen.link)
        if link is not None and listen.mode is not None:
            link.mode = listen.mode
        if not self._links.may(listen.link, "mouth"):
            self._scribe.drop("listen", "this link may not speak")
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
        if self._scribe.state == "idle" and self._stage.cause is None:
            self._scribe.move("listening")
        if sound.last:
            self.close("client")

    def recorded(self, recorded: Recorded) -> None:
        """All of an utterance has come at once: it is heard as one push of the microphone, however long."""
        if not self._links.may(recorded.link, "mouth"):
            self._scribe.drop("sound", "this link may not speak")
            return
        if self._mic is not None:
            self.close("closed", forget=True)
        ms = len(recorded.pcm) * 500 // recorded.rate + 1_000
        mic = self._open(recorded.link, "push", at_least_ms=ms)
        slice_ = recorded.rate // 10 * 2
        for at in range(0, len(recorded.pcm), slice_):
            mic.feed(recorded.pcm[at : at + slice_], recorded.rate)
        self.close("client")

    def left(self, link: str) -> None:
        """A link has gone, and with it its microphone."""
        if self._mic is not None and self._mic.link == link:
            self.close("closed")
            if self._scribe.state == "listening":
                self._turns.rest("closed")

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
        self._abandon(self._said.live, "something newer took its place")
        for _ in self._said.pieces:
            self._scribe.drop("utterance", "it waited for the rest, which was dropped")
        self._said.pieces.clear()

    def _abandon(self, gone: list[tuple[Microphone, Utterance]], reason: str) -> None:
        self._turns.attempts.drop("interrupted")
        self._said.live = [each for each in self._said.live if each not in gone]
        for _, utterance in gone:
            utterance.abandon()
            self._scribe.drop("utterance", reason)

    def _stray(self, ms: float) -> None:
        """Sound that came while nobody was listening is counted, not heard."""
        self._stray_ms += ms
        if self._stray_ms >= Microphone.NOTE_MS:
            self._scribe.append(MicNoted(round(self._stray_ms), dropped_ms=round(self._stray_ms)))
            self._stray_ms = 0.0

    def _open(self, link: str, mode: ListenMode, *, at_least_ms: int = 0) -> Microphone:
        """A microphone that takes an utterance of so many milliseconds whatever the rules say."""
        rules = self._rules
        hearing = rules.hearing
        self._mic = mic = Microphone(
            link,
            mode,
            replace(hearing, max_utterance_ms=max(hearing.max_utterance_ms, at_least_ms)),
            self,
            queue_ms=max(rules.mic_queue_ms, at_least_ms),
            record=self._record,
            patience=rules.limits.vad_gap,
        )
        self._mics.append(mic)
        if self._stage.cause is None and self._scribe.state == "idle":
            self._scribe.move("listening")
        if mode == "push":
            mic.begin()
        self._spawn(self._hear(mic))
        self._turns.go_on()
        return mic

    async def _hear(self, mic: Microphone) -> None:
        try:
            await mic.run(self._vad)
        except ProviderError as error:
            self._scribe.append(Fault("vad", "vad_failed", str(error)))
            mic.close("closed")
            self._abandon([each for each in self._said.live if each[0] is mic], "the microphone failed")
        finally:
            self._mics.remove(mic)
        if self._mic is mic:
            self._mic = None
        self._crosstalk.settle()
        if mic.closed_by == "client" and not mic.utterances:
            self.utterances += 1
            self._scribe.append(Heard(self.utterances, ""))
        if not self._said.live and not self._answer():
            self._turns.rest("empty")
            self._turns.go_on()

    # ------------------------------------------------------------------ what the microphone tells

    def sounded(self, mic: Microphone, pcm: bytes) -> None:
        if self._guard is not None and self._crosstalk.guards(mic):
            self._guard.heard(pcm, *self._stage.playing)

    def said(self, event: Event) -> None:
        """What the reply is going to say and to sound like, for whoever must tell it from the user."""
        if self._guard is not None and self._mic is not None and self._crosstalk.guards(self._mic):
            match event:
                case Sentence(spoken=spoken):
                    self._guard.sentence(spoken)
                case Speech(turn=turn, at_ms=at_ms, pcm=pcm, rate=rate) if pcm:
                    self._guard.speech(turn, at_ms, pcm, rate)
                case _:
                    pass

    def speech_began(self, mic: Microphone, onset: float, preroll: bytes) -> None:
        cause = self._stage.cause
        if cause is not None and self._rules.barge_in.policy == "never" and mic.mode != "push":
            self._scribe.drop("utterance", "a reply may not be interrupted by voice here")
            return
        self.pauses.began(mic, onset)
        self.utterances += 1
        self._turns.attempts.drop("went_on")

        def tell(event: Event) -> None:
            self._tell(mic, utterance, event)

        utterance = Utterance(
            self.utterances,
            self._asr,
            self._hints,
            patience=self._rules.limits.asr_final,
            tell=tell,
            ahead=Ahead(Tries(self._rules.speculation, self._rules.hearing), self._spawn),
            known=lambda: self._paused(mic, utterance),
        )
        utterance.took_floor = cause is None and not self._crosstalk.echoes(mic, utterance)
        self._said.live.append((mic, utterance))
        self._scribe.append(SpeechStarted(utterance.number, onset))
        if preroll:
            utterance.push(preroll)
        self._spawn(self._recognise(mic, utterance))
        self._crosstalk.voice("onset", mic, utterance)

    def speech_goes_on(self, mic: Microphone, pcm: bytes) -> None:
        utterance = self._said.into(mic)
        if utterance is not None:
            utterance.push(pcm)
            self._crosstalk.voice("voiced", mic, utterance)

    def speech_paused(self, mic: Microphone, silence_ms: float) -> None:
        """Perhaps they have finished: what was said so far is wanted now."""
        utterance = self._said.into(mic)
        if utterance is None:
            return
        utterance.pause(silence_ms)
        self._warm()
        self._crosstalk.paused(utterance, silence_ms)
        may_hum = mic.mode == "continuous" and utterance.took_floor and self._stage.cause is None
        voiced, finished = mic.endpointing.voiced_ms, self.pauses.finished(utterance)
        if may_hum and self._humming.paused(utterance.number, voiced, silence_ms, finished=finished):
            self._turns.hum()
        # After the hum: it would take the number of a turn that is being prepared.
        self._paused(mic, utterance)

    def speech_went_on(self, mic: Microphone, pause_ms: float) -> None:
        utterance = self._said.into(mic)
        self._humming.went_on()
        if utterance is not None:
            utterance.go_on()
            self.pauses.went_on(pause_ms)
            self._turns.attempts.drop("went_on")
            self._crosstalk.went_on(mic, utterance)

    def _paused(self, mic: Microphone, utterance: Utterance) -> None:
        """Looks at a pause: called when it is told, each time it has doubled, and for new words in it."""
        self.pauses.look(mic, utterance)
        if utterance.took_floor and (likely := self._said.likely()) is not None:
            self._turns.attempts.suppose(*likely, mic.endpointing.silence_ms)

    def speech_over(self, mic: Microphone, voice_end: float, silence: float, reason: EndReason) -> None:
        utterance = self._said.into(mic)
        if utterance is None:
            return
        now = self._scribe.now
        self._scribe.append(SpeechEnded(utterance.number, voice_end, now - silence, reason))
        utterance.end(now, now - silence)
        self.pauses.over(mic, utterance, voice_end, reason)
        self._crosstalk.over(utterance)
        # Armed over a reply, it stays open until there was a voice that took the floor.
        if mic.mode == "push" or utterance.took_floor:
            self._served(mic)

    def _served(self, mic: Microphone) -> None:
        """A microphone that is not continuous hears one utterance."""
        if mic.mode != "continuous" and self._mic is mic:
            self.close("silence")

    def noted(self, mic: Microphone, ms: int, pcm: bytes, dropped_ms: int) -> None:
        self._scribe.append(MicNoted(ms, pcm, dropped_ms))

    # ------------------------------------------------------------------ from speech to a turn

    def _tell(self, mic: Microphone, utterance: Utterance, event: Event) -> None:
        self._scribe.append(event)
        if utterance.text and not utterance.abandoned:
            self._crosstalk.voice("word", mic, utterance)
            if utterance.paused and isinstance(event, HeardPartial):
                self._paused(mic, utterance)

    async def _recognise(self, mic: Microphone, utterance: Utterance) -> None:
        if utterance.abandoned:
            return
        try:
            heard = await utterance.recognise()
        except ProviderError as error:
            self._scribe.append(fault("asr", error))
            heard = None
        self._said.done(utterance)
        self._scribe.append(heard or Heard(utterance.number, ""))
        text = heard.text if heard is not None else ""
        own = not utterance.took_floor and self._crosstalk.own(mic, utterance, text)
        if own:
            self._scribe.drop("utterance", "it was the character's own voice")
        elif text:
            self._said.pieces.append((utterance, text))
            if self._rules.barge_in.policy == "pause" and mic.mode != "push":
                utterance.text = text
                self._crosstalk.voice("word", mic, utterance)
        self._crosstalk.settle()
        if own:
            if not self._answer():
                self._turns.rest("empty")
                self._turns.go_on()
            return
        if self.user_speaks:
            return  # They go on speaking: what they said so far waits for the rest.
        wanted = utterance.took_floor or self._stage.cause is None or mic.mode == "push"
        if not wanted and not (self._said.pieces and self._rules.barge_in.policy == "after_word"):
            reason = "it was too short to interrupt"
            if self._rules.barge_in.policy == "pause":
                reason = "it was only a back-channel" if self._said.pieces else "it was no word"
            self._said.pieces.clear()
            self._scribe.drop("utterance", reason)
            return
        if self._answer():
            self._served(mic)
            return
        self._turns.attempts.drop("other_words")
        if heard is None:
            self._misheard()
        else:
            self._turns.rest("empty")
            self._turns.go_on()

    def _answer(self) -> bool:
        """What was understood becomes a turn, unless the user goes on speaking."""
        whole = self._said.whole()
        if whole is None:
            return False
        text, newest = whole
        self._understood(text, newest.user_end, newest.voice_end)
        return True
