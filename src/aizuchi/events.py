"""Every fact of a conversation, one frozen dataclass each. Read this first, then `ports.py`.

Three families:

* **inputs** come from a link (one connection of a client) and ask the engine for something;
* **facts** are what the engine did or learned; they are named in the past tense or by the thing itself;
* **reply events** are the facts a responder may yield while it answers; the turn puts them on the timeline.

Inputs and facts that matter to a reader become an `Entry` of the session's timeline, and everybody who
wants to know anything about the conversation reads that one log. Units: `ms` are milliseconds, `at` is
seconds since the session began, `pcm` is mono s16le, `rate` is Hz. `at_ms` counts from the first sample
of a turn's sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["idle", "listening", "thinking", "speaking"]
ListenMode = Literal["push", "auto", "continuous"]
Cause = Literal[
    "user", "greeting", "proactive", "reminder", "lecture", "viewer", "group", "tool", "music", "backchannel"
]
Outcome = Literal["finished", "interrupted", "failed", "superseded"]
Stage = Literal["vad", "asr", "llm", "tts", "tool", "gateway"]
Role = Literal["mouth", "ear", "witness"]
TtsStrategy = Literal["sentence", "stream"]
Steering = Literal["play", "pause", "resume", "next", "prev", "replay", "goto"]
LectureState = Literal["waiting", "playing", "asked", "paused", "finished"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who said it."""

    kind: Literal["owner", "viewer", "character", "system"] = "owner"
    name: str = ""
    """A viewer's or character's display name; empty for the owner."""


OWNER = Author()
SYSTEM = Author("system")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for the model, still encoded."""

    mime: Literal["image/jpeg", "image/png"]
    data: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """What the user is looking at. Data for the prompt, never instructions."""

    id: str
    scope: Literal["page", "segment"]
    text: str
    title: str = ""
    page: int | None = None
    segment: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that can stand on a timeline."""


# ------------------------------------------------------------------ inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Event):
    """Something a link asks for."""

    link: str = ""
    """Id of the link it came by; empty when the server itself is the source."""
    author: Author = OWNER


@dataclass(frozen=True, slots=True)
class MicAudio(Input):
    """Sound from a microphone, up to 200 ms. Never on the timeline as it is: see `MicNoted`."""

    pcm: bytes = field(repr=False)
    rate: int = 16_000
    last: bool = False
    """The client says that nothing follows."""


@dataclass(frozen=True, slots=True)
class Recorded(Input):
    """A whole utterance, recorded before it was sent. Never on the timeline as it is: see `MicNoted`."""

    pcm: bytes = field(repr=False)
    rate: int = 16_000


@dataclass(frozen=True, slots=True)
class Typed(Input):
    """Text the user wrote instead of saying it."""

    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Listen(Input):
    """Open or close the microphone. The newest one wins among several mouths."""

    on: bool
    mode: ListenMode | None = None
    """None keeps the mode the link had."""


@dataclass(frozen=True, slots=True)
class Interrupt(Input):
    """Be silent now."""

    reason: str = "client"


@dataclass(frozen=True, slots=True)
class Forget(Input):
    """What was said until here belongs to the conversation no longer; also of a reply that runs."""


@dataclass(frozen=True, slots=True)
class Played(Input):
    """How far the client's speaker has come in a turn: `at_ms`, or a sentence begun or done."""

    turn: int
    at_ms: int | None = None
    sentence: int | None = None
    whole: bool = False
    """With a sentence: all of it was played. Without: all of the turn was."""


@dataclass(frozen=True, slots=True)
class Attach(Input):
    """A picture that goes with the next turn."""

    image: Image


@dataclass(frozen=True, slots=True)
class Noted(Input):
    """What the user looks at has changed; replaces the context of the same scope."""

    context: Context


@dataclass(frozen=True, slots=True)
class ToolResult(Input):
    """The answer to a `ToolCall` with place "client"."""

    id: str
    result: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Happened(Input):
    """Something on the user's page: a click, a page turned, a pointing finger."""

    name: str
    payload: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Steer(Input):
    """Where the lecture is to go; anything but `pause` also begins one that waits."""

    action: Steering
    page: int | None = None
    """With goto: the page's number."""


# ------------------------------------------------------------------ facts: session, links, hearing


@dataclass(frozen=True, slots=True)
class SessionOpened(Event):
    session: str
    character: str
    person: str
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class SessionClosed(Event):
    reason: str


@dataclass(frozen=True, slots=True)
class LinkOpened(Event):
    link: str
    roles: tuple[Role, ...]
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class LinkClosed(Event):
    link: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """What every client shows. Changes only along the table in `engine/states.py`."""

    state: State
    previous: State
    reason: str = ""
    """interrupt, barge_in, done, timeout, queued, held, resumed, empty, ..."""
    degraded: bool = False
    """A provider is in its circuit breaker's pause."""


@dataclass(frozen=True, slots=True)
class MicNoted(Event):
    """So much microphone sound came in since the last note."""

    ms: int
    pcm: bytes = field(default=b"", repr=False)
    """16 kHz; only while sound is recorded."""
    dropped_ms: int = 0
    """Of these, sent while nobody was listening."""


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    utterance: int
    audio_at: float
    """Onset in seconds of microphone sound since the microphone opened."""


@dataclass(frozen=True, slots=True)
class TurnEndJudged(Event):
    """Within a pause: how much silence will end it, and what speaks for that. Told when it changes."""

    utterance: int
    silence_ms: int
    """Of the pause so far."""
    wait_ms: int
    transcript: str = ""
    """How the words end: finished, unfinished, unknown; empty when there are none or nobody asked."""
    model: float | None = None
    """The turn-end model's probability that the speaker has finished."""
    habit_ms: int | None = None
    """A long pause of this speaker."""


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """The end-point decision (`t_user_end`)."""

    utterance: int
    audio_at: float
    """Last voiced sample, in seconds of microphone sound."""
    voice_end: float
    """The same instant on the session's clock (`t_voice_end`)."""
    reason: Literal["silence", "client", "maximum", "closed"] = "silence"


@dataclass(frozen=True, slots=True)
class HeardPartial(Event):
    """What the recogniser believes so far; replaces the partial before it."""

    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class Heard(Event):
    """The final text of an utterance; empty when nothing was recognised."""

    utterance: int
    text: str
    language: str = ""
    confidence: float | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class AttemptBegun(Event):
    """A reply is being prepared before it is certain that the user has finished. No client hears of it."""

    attempt: int
    utterance: int
    text: str
    """What it answers."""


@dataclass(frozen=True, slots=True)
class AttemptEnded(Event):
    """An attempt became a turn, or was dropped unheard."""

    attempt: int
    turn: int | None = None
    """The turn it became; None when it was dropped."""
    reason: str = ""
    """Why it was dropped: went_on, other_words, expired, interrupted, superseded, failed, ..."""
    saved_ms: int = 0
    """How much earlier its work began than the turn did."""
    tokens: int = 0
    """Text it had made, in tokens as we estimate them."""
    audio_ms: int = 0
    """Sound it had made."""


# ------------------------------------------------------------------ facts: turns


@dataclass(frozen=True, slots=True)
class TurnBegun(Event):
    """A turn was committed: from here on it may be heard."""

    turn: int
    cause: Cause
    text: str = ""
    """What is answered; empty when the character speaks of its own accord."""
    author: Author = OWNER
    images: int = 0
    user_end: float | None = None
    """`t_user_end` on the session's clock: the end-point decision, or the receipt of text."""
    voice_end: float | None = None
    """`t_voice_end`; None for text."""


@dataclass(frozen=True, slots=True)
class Obeyed(Event):
    """What the user said or wrote was a word of command; nothing is answered."""

    text: str
    action: Steering
    page: int | None = None


@dataclass(frozen=True, slots=True)
class LectureMoved(Event):
    """A lecture goes on, stands still or is over; told whenever that, or its page, has changed."""

    state: LectureState
    """waiting: not begun; asked: something else is said meanwhile; paused: until somebody resumes it."""
    page: int
    """The page it stands at, by its number."""
    place: int
    """The same, counted in pages from 1."""
    pages: int


@dataclass(frozen=True, slots=True)
class TurnHeld(Event):
    """Paused in mid-sound; `at_ms` is the position from which it will go on."""

    turn: int
    at_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TurnResumed(Event):
    turn: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """Silence. Everything of `turn` that has not left yet never will."""

    reason: str
    turn: int | None = None
    """None when no turn was running."""
    of_generation: int | None = None
    """The generation the dead turn's messages bore."""
    heard: str = ""
    """What of the reply the user could have heard."""
    text: str = ""
    """All that had been shown of it."""


@dataclass(frozen=True, slots=True)
class TurnEnded(Event):
    """The turn owns no task and no vendor stream any more."""

    turn: int
    outcome: Outcome
    heard: str = ""
    text: str = ""
    reason: str = ""
    audio_ms: int = 0


# ------------------------------------------------------------------ facts: the reply


@dataclass(frozen=True, slots=True)
class TextDelta(Event):
    """Display text, tags and thoughts already cut out."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought(Event):
    """The model's inner voice; never spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence(Event):
    """One speakable piece of the reply; its text precedes its sound."""

    turn: int
    index: int
    spoken: str
    """What the voice says; empty for code or a lone tag, which is still shown."""
    shown: str
    """The stretch of display text it stands for; all `shown` of a turn joined give its text."""
    language: str = ""
    subtitles: dict[str, str] = field(default_factory=dict[str, str])
    """Of a bilingual reply: language -> the sentence as it is written there. Holds the spoken language, too,
    for `spoken` is written for the voice; the other one may come later, as an `Annotated`."""
    emotion: str = ""
    """A canonical emotion; empty when the model named none."""
    tags: tuple[str, ...] = ()
    partial: bool = False
    """It is spoken before all of it was written: an `Annotated` follows, unless the turn is cut."""


@dataclass(frozen=True, slots=True)
class Annotated(Event):
    """What was written of a `partial` sentence after it had been given to the voice."""

    turn: int
    sentence: int
    subtitles: dict[str, str] = field(default_factory=dict[str, str])
    """Adds to the sentence's own."""
    emotion: str = ""
    done: bool = False
    """Nothing more follows."""


@dataclass(frozen=True, slots=True)
class Slide(Event):
    """This page is shown from here on."""

    page: int
    """By its number, from 1."""
    url: str = ""
    """A path on this server, or absolute; empty where the page has no picture."""
    title: str = ""


@dataclass(frozen=True, slots=True)
class TextDone(Event):
    """The whole reply is written."""

    text: str
    finish: Literal["stop", "length", "error"] = "stop"
    fallback: str = ""
    """text_only, short_tts, canned, provider:<name>; empty when all went as configured."""


@dataclass(frozen=True, slots=True)
class Speech(Event):
    """A slice of the reply's sound, in order."""

    turn: int
    sentence: int
    at_ms: int
    pcm: bytes = field(repr=False)
    rate: int
    last: bool = False
    """Ends its sentence; `pcm` may then be empty."""


@dataclass(frozen=True, slots=True)
class SpeechDone(Event):
    """All sound of the turn is on the timeline."""

    turn: int
    ms: int


@dataclass(frozen=True, slots=True)
class WordTime(Event):
    """When a word is spoken, counted from the first sample of its sentence."""

    turn: int
    sentence: int
    at_ms: int
    ms: int
    text: str
    start: int = -1
    """Where the word begins in `Sentence.spoken`, in characters; -1 if unknown."""


@dataclass(frozen=True, slots=True)
class Cue(Event):
    """Something a figure does: a mouth shape for now. Counted from the sentence's first sample."""

    turn: int
    sentence: int
    at_ms: int
    ms: int
    kind: Literal["viseme", "blendshape", "gesture"]
    value: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ToolCall(Event):
    id: str
    name: str
    args: str
    """JSON text, as the model wrote it."""
    place: Literal["server", "client"] = "server"


@dataclass(frozen=True, slots=True)
class ToolDone(Event):
    id: str
    name: str
    result: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Requested(Event):
    """A provider was asked. Metrics, usage and replay live on these two."""

    stage: Stage
    provider: str
    sentence: int | None = None
    attempt: int | None = None
    """Asked by an attempt; the entry then belongs to no turn."""


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """A provider's stream is closed, however it ended."""

    stage: Stage
    provider: str
    outcome: Literal["done", "cancelled", "failed"]
    sentence: int | None = None
    first_ms: int | None = None
    """From the request to the first token or sample; None if there was none."""
    tokens_in: int = 0
    tokens_out: int = 0
    characters: int = 0
    audio_ms: int = 0
    attempt: int | None = None
    spoken: int | None = None
    """Of a voice that took a stream of text: how many of its characters the sound on the timeline had
    reached when the stream was closed or aborted; None where whole sentences are asked for."""


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """A call must wait for its provider; said again whenever its place changes, and once when it may begin.

    Of a turn's call the entry bears the turn; of a recogniser's it bears none.
    """

    stage: Stage
    position: int
    """1 is next; 0: the wait is over."""
    ahead: int
    """Calls that run or wait before it."""
    eta_ms: int | None = None
    """Until it may begin, guessed from the lengths of earlier calls; None before there were any."""


@dataclass(frozen=True, slots=True)
class Fault(Event):
    """Something failed and the session lives on."""

    stage: Stage
    code: str
    """bad_message, asr_timeout, asr_failed, llm_timeout, llm_failed, tts_timeout, tts_failed, busy, ..."""
    message: str
    recoverable: bool = True
    provider: str = ""
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """An input was accepted and then not served; the reason is for a person to read."""

    what: str
    reason: str


# ------------------------------------------------------------------ what readers get


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline."""

    seq: int
    at: float
    turn: int | None
    generation: int
    event: Event


@dataclass(frozen=True, slots=True)
class Packet(Event):
    """A frame of `Speech`, cut, encoded and due: what a wire's `send` gets in place of `Speech`."""

    turn: int
    sentence: int
    index: int
    """Counts the frames of this link's turn from 0."""
    at_ms: int
    ms: int
    data: bytes = field(repr=False)
    codec: Literal["pcm_s16le", "opus"]
    rate: int
    first: bool = False
    """The first of its sentence."""
    last: bool = False
    """The last of its sentence; `data` may then be empty."""


@dataclass(frozen=True, slots=True)
class Measured(Event):
    """The figures of an ended turn, for wires whose clients ask for them. Made by a view, not kept."""

    turn: int
    of_generation: int
    outcome: Outcome
    heard: str
    figures: dict[str, float | int | None]


ReplyEvent = (
    TextDelta
    | Thought
    | Sentence
    | Annotated
    | Slide
    | TextDone
    | Speech
    | SpeechDone
    | WordTime
    | Cue
    | ToolCall
    | ToolDone
    | Requested
    | Answered
    | Fault
)
"""What a responder may yield."""
