"""The figures of one turn, and the fold that finds them in a timeline.

Two clocks, never mixed: the voice end is the last voiced sample, the user end the end-point decision
(for text: its receipt). `first_*_ms` count from the user end; `first_*_from_voice_ms` from the voice end,
which is what a person feels. A figure that has no meaning for a turn is None: a typed turn has no voice
end, a greeting no user end. Names as in the native protocol, section A9.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aizuchi.events import (
    Answered,
    AttemptBegun,
    AttemptEnded,
    Cause,
    Entry,
    Event,
    Fault,
    Heard,
    HeardPartial,
    Interrupted,
    Outcome,
    Played,
    Queued,
    Requested,
    Sentence,
    Speech,
    SpeechDone,
    SpeechEnded,
    SpeechStarted,
    Stage,
    TextDelta,
    TextDone,
    Thought,
    ToolCall,
    TurnBegun,
    TurnEnded,
)


@dataclass(slots=True)
class UtteranceTimes:
    """When what was said began, was understood and ended, on the session's clock."""

    number: int
    started: float = 0.0
    """The decision that somebody speaks; the onset lies before it."""
    audio_onset: float = 0.0
    """Onset in seconds of microphone sound."""
    onset: float | None = None
    """The same on the session's clock; known once the utterance has ended."""
    first_partial: float | None = None
    voice_end: float | None = None
    final: float | None = None


@dataclass(slots=True)
class TurnFigures:
    """What one turn took. Filled while the turn runs; complete once `outcome` is set."""

    turn: int
    generation: int
    cause: Cause
    begun: float
    """`at` of its commit; this and the other times are seconds on the session's clock."""
    prepared: float | None = None
    """When an attempt at it began, before it was certain that the user had finished; None without one."""
    user_end: float | None = None
    voice_end: float | None = None
    speech_onset: float | None = None
    first_partial: float | None = None
    asr_final: float | None = None
    queued: float = 0.0
    """Seconds in which a call of the turn waited for its provider."""
    waits: dict[Stage, float] = field(default_factory=dict[Stage, float])
    """Since when those wait that do now."""
    llm_asked: float | None = None
    llm_done: float | None = None
    """Its last stream was closed."""
    first_token: float | None = None
    """The first piece of text, thought or tool call; a scripted reply has its first text here."""
    first_sentence: float | None = None
    """The first sentence that has something to speak."""
    tts_asked: float | None = None
    tts_done: float | None = None
    first_audio: float | None = None
    playback: float | None = None
    """The client said that it had begun to play."""
    interrupted: float | None = None
    last_sound: float | None = None
    """When the last sound of the turn was handed on: put on the timeline, or told by the link (`sent`)."""
    ended: float | None = None
    outcome: Outcome | None = None
    said: str = ""
    """What is answered; for people who look at a recording, never for a log."""
    heard: str = ""
    fallback: str = ""
    faults: list[str] = field(default_factory=list[str])
    """Codes, in order."""
    deltas: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    characters: int = 0
    audio_ms: int = 0
    """Sound that was synthesised, as the voices count it."""
    done_ms: int = 0
    """Sound on the timeline, for replies without a voice (music)."""

    def from_user(self, at: float | None) -> float | None:
        """Milliseconds since the user end; negative before it."""
        return _ms(self.user_end, at)

    def from_voice(self, at: float | None) -> float | None:
        """Milliseconds since the last voiced sample."""
        return _ms(self.voice_end, at)

    @property
    def tokens(self) -> int:
        """As the model's server reports them; where it reports none, the pieces of text it sent."""
        return self.tokens_out or self.deltas

    @property
    def interrupt_ms(self) -> float | None:
        """From the interrupt to the last sound that was still handed on; 0 when none was."""
        if self.interrupted is None:
            return None
        return max(0.0, _ms(self.interrupted, self.last_sound) or 0.0)

    @property
    def stages(self) -> dict[str, float]:
        """Where the time from the voice end to the first sound goes, in ms and in order.

        `end_point` the silence waited for, `asr` to the final text, `begin` to the model's request,
        `llm` to its first piece, `clause` to the first speakable sentence, `voice` to its first sound.
        A stage that did not happen is left out; what follows then counts from the last known moment. What
        was done before its stage's turn has come, in an attempt, took no time.
        """
        marks = (
            ("end_point", self.user_end),
            ("asr", self.asr_final),
            ("begin", self.llm_asked),
            ("llm", self.first_token),
            ("clause", self.first_sentence),
            ("voice", self.first_audio),
        )
        stages: dict[str, float] = {}
        last = self.voice_end if self.voice_end is not None else self.user_end
        for name, at in marks:
            if at is None or last is None:
                continue
            if name != "end_point" or self.voice_end is not None:
                stages[name] = max(0.0, _rounded(at - last))
            last = max(last, at)
        return stages

    def numbers(self) -> dict[str, float | int | None]:
        """All figures by name, ready for a wire, a log or a summary."""
        played = self.playback if self.playback is not None else self.first_audio
        return {
            "end_point_ms": _ms(self.voice_end, self.user_end),
            "asr_first_partial_ms": self.from_user(self.first_partial),
            "asr_first_partial_from_voice_ms": self.from_voice(self.first_partial),
            "asr_first_partial_from_speech_ms": _ms(self.speech_onset, self.first_partial),
            "asr_final_ms": self.from_user(self.asr_final),
            "asr_final_from_voice_ms": self.from_voice(self.asr_final),
            "first_token_ms": self.from_user(self.first_token),
            "first_token_from_voice_ms": self.from_voice(self.first_token),
            "first_sentence_ms": self.from_user(self.first_sentence),
            "first_sentence_from_voice_ms": self.from_voice(self.first_sentence),
            "first_audio_ms": self.from_user(self.first_audio),
            "first_audio_from_voice_ms": self.from_voice(self.first_audio),
            "e2e_ms": self.from_user(played),
            "e2e_from_voice_ms": self.from_voice(played),
            "interrupt_ms": self.interrupt_ms,
            "queue_ms": _rounded(self.queued) if self.queued else None,
            "saved_ms": _ms(self.prepared, self.begun),
            "duration_ms": _ms(self.begun, self.ended),
            "tokens": self.tokens,
            "tokens_in": self.tokens_in,
            "characters": self.characters,
            "tts_audio_ms": self.audio_ms or self.done_ms,
            "faults": len(self.faults),
        }


class Folding:
    """Folds entries, in order, into the figures of their turns. Quick; never raises; writes nothing.

    `running` holds the turns that have not ended. `read` gives the turn that an entry completed.
    """

    KEPT_UTTERANCES = 8
    """More than one is open only when the user speaks on while the last one is still being recognised."""

    def __init__(self) -> None:
        self.running: dict[int, TurnFigures] = {}
        self.utterances = 0
        self.empty = 0
        """Utterances in which nothing was recognised."""
        self.failed = 0
        """Utterances that every recogniser failed at."""
        self._attempts: dict[int, TurnFigures] = {}
        """What those that run have asked of providers; a committed one hands it to its turn."""
        self._said: dict[int, UtteranceTimes] = {}

    def read(self, entry: Entry) -> TurnFigures | None:
        event, at = entry.event, entry.at
        match event:
            case SpeechStarted() | HeardPartial() | SpeechEnded() | Heard():
                self._utterance(event, at)
            case TurnBegun():
                self._begin(event, entry)
            case AttemptBegun(attempt=attempt):
                self._attempts[attempt] = TurnFigures(0, entry.generation, "user", at)
            case Requested(attempt=int(attempt)) | Answered(attempt=int(attempt)):
                if attempt in self._attempts:
                    self._reply(self._attempts[attempt], event, entry)
            case AttemptEnded(attempt=attempt, turn=turn):
                prepared = self._attempts.pop(attempt, None)
                if prepared is not None and turn in self.running:
                    _take_over(self.running[turn], prepared)
            case Fault(stage="asr") if entry.turn is None:
                self.failed += 1
            case Played(turn=turn) if turn in self.running:
                figures = self.running[turn]
                if figures.playback is None and figures.first_audio is not None:
                    figures.playback = at
            case _:
                figures = self.running.get(entry.turn) if entry.turn is not None else None
                if figures is not None:
                    self._reply(figures, event, entry)
                    if figures.outcome is not None:
                        return self.running.pop(figures.turn)
        return None

    def _utterance(self, event: Event, at: float) -> None:
        match event:
            case SpeechStarted(utterance=number, audio_at=onset):
                self.utterances += 1
                self._said[number] = UtteranceTimes(number, started=at, audio_onset=onset)
                while len(self._said) > self.KEPT_UTTERANCES:
                    del self._said[next(iter(self._said))]
            case HeardPartial(utterance=number) if number in self._said:
                said = self._said[number]
                said.first_partial = said.first_partial if said.first_partial is not None else at
            case SpeechEnded(utterance=number, audio_at=end, voice_end=voice_end) if number in self._said:
                said = self._said[number]
                said.voice_end = voice_end
                said.onset = voice_end - max(0.0, end - said.audio_onset)
            case Heard(utterance=number, text=text):
                self.empty += not text
                if number in self._said:
                    self._said[number].final = at
            case _:
                pass

    def _begin(self, begun: TurnBegun, entry: Entry) -> None:
        figures = TurnFigures(
            begun.turn,
            entry.generation,
            begun.cause,
            entry.at,
            user_end=begun.user_end,
            voice_end=begun.voice_end,
            said=begun.text,
        )
        if begun.voice_end is not None:
            same = [said for said in self._said.values() if said.voice_end == begun.voice_end and said.final]
            if same:
                said = same[-1]
                figures.speech_onset, figures.first_partial = said.onset, said.first_partial
                figures.asr_final = said.final
        self.running[begun.turn] = figures

    def _reply(self, figures: TurnFigures, event: Event, entry: Entry) -> None:
        at = entry.at
        match event:
            case TextDelta():
                figures.deltas += 1
                figures.first_token = _first(figures.first_token, at)
            case Thought() | ToolCall():
                figures.first_token = _first(figures.first_token, at)
            case Sentence(spoken=spoken) if spoken.strip():
                figures.first_sentence = _first(figures.first_sentence, at)
            case Speech():
                figures.first_audio = _first(figures.first_audio, at)
                figures.last_sound = at
            case SpeechDone(ms=ms):
                figures.done_ms = ms
            case TextDone(fallback=fallback):
                figures.fallback = fallback
            case Requested(stage="llm"):
                figures.llm_asked = _first(figures.llm_asked, at)
            case Requested(stage="tts"):
                figures.tts_asked = _first(figures.tts_asked, at)
            case Answered():
                figures.tokens_in += event.tokens_in
                figures.tokens_out += event.tokens_out
                figures.characters += event.characters
                if event.stage == "llm":
                    figures.llm_done = at
                elif event.stage == "tts":
                    figures.tts_done = at
                    figures.audio_ms += event.audio_ms
            case Queued(stage=stage, position=position):
                since = figures.waits.setdefault(stage, at)
                if not position:
                    figures.queued += at - since
                    del figures.waits[stage]
            case Fault(code=code):
                figures.faults.append(code)
            case Interrupted():
                figures.interrupted = at
                if event.of_generation is not None:
                    figures.generation = event.of_generation
            case TurnEnded(outcome=outcome, heard=heard):
                figures.outcome, figures.heard, figures.ended = outcome, heard, at
            case _:
                pass


def _take_over(figures: TurnFigures, prepared: TurnFigures) -> None:
    """What an attempt had asked and was billed is its turn's from the commit on."""
    figures.prepared = prepared.begun
    figures.llm_asked, figures.llm_done = prepared.llm_asked, prepared.llm_done
    figures.tts_asked, figures.tts_done = prepared.tts_asked, prepared.tts_done
    figures.tokens_in += prepared.tokens_in
    figures.tokens_out += prepared.tokens_out
    figures.characters += prepared.characters
    figures.audio_ms += prepared.audio_ms


def _first(known: float | None, at: float) -> float:
    return at if known is None else known


def _ms(since: float | None, at: float | None) -> float | None:
    return None if since is None or at is None else _rounded(at - since)


def _rounded(seconds: float) -> float:
    """Milliseconds with a hundredth: finer would be noise."""
    return round(seconds * 1000, 2)
