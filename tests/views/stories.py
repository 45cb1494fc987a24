"""Timelines told by hand, for the views: who said what when, on a clock that only these functions move."""

from __future__ import annotations

from dataclasses import dataclass

from aizuchi.events import (
    Answered,
    Event,
    Heard,
    HeardPartial,
    Interrupted,
    MicNoted,
    Requested,
    Sentence,
    SessionClosed,
    SessionOpened,
    Speech,
    SpeechDone,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TextDelta,
    TextDone,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.timeline import Timeline

TONE = bytes(range(96)) * 20
"""40 ms at 24 kHz that is not silence."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Tale:
    """A session as far as a view can see it."""

    id: str = "s-1"
    person: str = "ann"

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock)
        self.generation = 0

    def say(self, at: float, event: Event, turn: int | None = None) -> None:
        """Append an event `at` seconds after the session began."""
        self.clock.now = 1_000.0 + at
        self.timeline.append(event, turn=turn, generation=self.generation)


def spoken_turn(tale: Tale, turn: int = 1, at: float = 0.0) -> None:
    """A whole turn by voice: speech until 2.0, decision at 2.2, text at 2.35, sound at 3.0, over at 4.0."""
    tale.say(at + 0.56, SpeechStarted(turn, audio_at=0.5))
    tale.say(at + 1.0, HeardPartial(turn, "go"))
    tale.say(at + 1.5, HeardPartial(turn, "go forward"))
    tale.say(at + 1.6, MicNoted(1000, b"\1\2" * 16_000))
    tale.say(at + 2.2, SpeechEnded(turn, audio_at=2.0, voice_end=at + 2.0))
    tale.say(at + 2.35, Heard(turn, "go forward ten meters", provider="fake"))
    tale.generation += 1
    tale.say(
        at + 2.35,
        TurnBegun(turn, "user", "go forward ten meters", user_end=at + 2.2, voice_end=at + 2.0),
        turn,
    )
    tale.say(at + 2.35, StateChanged("thinking", "listening"), turn)
    tale.say(at + 2.36, Requested("llm", "model"), turn)
    tale.say(at + 2.66, TextDelta("Going"), turn)
    tale.say(at + 2.72, TextDelta(" forward."), turn)
    tale.say(at + 2.74, Sentence(turn, 0, "Going forward.", "Going forward."), turn)
    tale.say(at + 2.74, Requested("tts", "voice", 0), turn)
    tale.say(at + 2.80, Answered("llm", "model", "done", None, 300, tokens_in=40, tokens_out=3), turn)
    tale.say(at + 3.0, Speech(turn, 0, 0, TONE, 24_000), turn)
    tale.say(at + 3.01, Speech(turn, 0, 40, TONE, 24_000), turn)
    tale.say(at + 3.02, Answered("tts", "voice", "done", 0, 260, characters=14, audio_ms=80), turn)
    tale.say(at + 3.02, TextDone("Going forward."), turn)
    tale.say(at + 3.02, SpeechDone(turn, 80), turn)
    tale.say(at + 4.0, StateChanged("idle", "speaking", "done"), turn)
    tale.say(at + 4.0, TurnEnded(turn, "finished", "Going forward.", "Going forward.", audio_ms=80), turn)


def interrupted_turn(tale: Tale, turn: int = 2, at: float = 5.0) -> None:
    """A typed turn that is interrupted 0.5 s after its first sound."""
    tale.say(at, Typed("tell me a story"))
    tale.generation += 1
    tale.say(at, TurnBegun(turn, "user", "tell me a story", user_end=at), turn)
    tale.say(at + 0.01, Requested("llm", "model"), turn)
    tale.say(at + 0.1, TextDelta("Once upon"), turn)
    tale.say(at + 0.2, TextDelta(" a time,"), turn)
    tale.say(at + 0.2, Sentence(turn, 0, "Once upon a time,", "Once upon a time,"), turn)
    tale.say(at + 0.2, Requested("tts", "voice", 0), turn)
    tale.say(at + 0.5, Speech(turn, 0, 0, TONE, 24_000), turn)
    tale.generation += 1
    tale.say(at + 1.0, Interrupted("client", turn, tale.generation - 1, "Once", "Once upon a time,"), turn)
    tale.say(at + 1.0, StateChanged("idle", "speaking", "client"), turn)
    tale.say(at + 1.02, Answered("llm", "model", "cancelled", None, 90), turn)
    tale.say(at + 1.03, Answered("tts", "voice", "cancelled", 0, 300, characters=17, audio_ms=40), turn)
    tale.say(at + 1.03, TurnEnded(turn, "interrupted", "Once", "Once upon a time,", "client"), turn)


def whole(tale: Tale) -> Tale:
    """A session with both turns, opened and closed."""
    tale.say(0.0, SessionOpened(tale.id, "aizuchi", tale.person))
    spoken_turn(tale)
    interrupted_turn(tale)
    tale.say(7.0, SessionClosed("bye"))
    return tale
