"""What may be plugged in. Read after `events.py`, before `engine/turn.py`.

Everything here is either an async generator of small frozen things or a pure mapping of events. A
provider is one file with one class; it is found by name through entry points (`registry.py`) and built
from its own validated `Options`. The engine wraps every stream in `contextlib.aclosing`: closing the
generator is how a request is cancelled, and a provider then closes its vendor's stream at once.

One provider object serves all sessions. It keeps no state of a session on `self`, never blocks the
event loop, and raises `ProviderError` for whatever its vendor does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from aizuchi.errors import ProtocolError, ProviderError
from aizuchi.events import (
    OWNER,
    Author,
    Cause,
    Entry,
    Event,
    Image,
    Input,
    ListenMode,
    ReplyEvent,
    Role,
    Sentence,
    ToolCall,
)

# ------------------------------------------------------------------ providers


class Options(BaseModel):
    """Base of a provider's settings: unknown keys are refused, every field has a description."""

    model_config = ConfigDict(extra="forbid")


class Provider:
    """What all providers share. Entered once at start-up, left once at shutdown."""

    name: ClassVar[str] = ""
    """The name it is chosen by."""
    embedded: ClassVar[bool] = False
    """Works with no key, no network and no download."""

    class Options(Options):
        pass

    def __init__(self, options: Any) -> None:
        self.options = options

    async def __aenter__(self) -> Self:
        """Load models, open pools. Raises ConfigError (a person must act) or ProviderError."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything; must be quick and must not raise."""

    async def warm(self) -> bool:
        """Make a connection ahead of need, where there is one to make; says whether somebody answered.

        Called now and then beside a conversation, never awaited by a reply. Bounded in time, raises nothing.
        """
        return True

    @property
    def ready(self) -> bool:
        """False while a model still loads in the background; requests then wait for it."""
        return True

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes it handles; None when it does not restrict them."""
        return None

    @property
    def local(self) -> bool:
        """Runs on this machine or in the same network, so that asking it costs nothing but its time."""
        return self.embedded

    @property
    def about(self) -> str:
        """What it really is, in a few words for the start-up lines and `aizuchi check`."""
        return self.name


# -- VAD


@dataclass(frozen=True, slots=True)
class Score:
    """How much a stretch of microphone sound resembles speech."""

    pcm: bytes = field(repr=False)
    """The stretch itself, 16 kHz; all stretches joined give the input without loss."""
    probability: float
    """0..1."""
    level: float
    """RMS in dBFS; -100 for digital silence."""
    quiet_ms: float = 0.0
    """So much of its end is clear silence already: where a voice stopped within the stretch."""


class Vad(Provider):
    """Voice activity detection: a probability for each stretch of 10 to 32 ms."""

    @abstractmethod
    def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Score]:
        """Score a stream of 16 kHz mono s16le of any slicing, in order, as it comes."""
        raise NotImplementedError  # abstract


# -- ASR


@dataclass(frozen=True, slots=True)
class Partial:
    """The whole utterance so far; replaces the partial before it."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a stream: exactly one, last."""

    text: str
    language: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Hints:
    """What may help a recogniser; all of it may be ignored."""

    language: str = ""
    """Expected language, ISO 639-1; empty for any."""
    phrases: tuple[str, ...] = ()
    """Names and words likely to occur."""


class Recognizer(Provider):
    """Automatic speech recognition of one utterance."""

    @property
    def streams(self) -> bool:
        """Gives partials while the sound comes. Then an empty slice among the audio says that the speaker
        pauses: give the newest words at once, as a `Partial` even if they are the same, and go on."""
        return False

    @abstractmethod
    def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Partial | Final]:
        """Recognise 16 kHz mono s16le; the iterator ends where the utterance ends.

        Audio may come in real time or, at a retry, all at once. Ends with one `Final`, empty if
        nothing was said. Raises ProviderError.
        """
        raise NotImplementedError  # abstract


# -- turn end


class TurnModel(Provider):
    """Tells from the sound of an utterance whether the speaker has finished. Asked at pauses only."""

    @abstractmethod
    async def finished(self, pcm: bytes) -> float:
        """The probability, 0..1, that whoever said this has finished.

        `pcm` is 16 kHz mono s16le: the end of the utterance with the pause, 8 seconds at most.
        Heavy work runs in a worker process. Raises ProviderError.
        """
        raise NotImplementedError  # abstract


# -- LLM


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    images: tuple[Image, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    """Of an assistant: the tools it asked for. Each is answered by a `tool` message."""
    call_id: str = ""
    """Of a tool message: which call it answers."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments object."""
    place: Literal["server", "client"] = "server"
    timeout: float = 10.0
    """Seconds after which the model is told that it took too long."""
    detached: bool = False
    """Goes on when the turn is interrupted."""


Part = Literal["speak", "subtitle", "emotion"]


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """How a reply in two languages is written, in JSON: an object a sentence, or one object of lists."""

    spoken: str
    subtitles: str
    """The language it is read in; both ISO 639-1."""
    keys: tuple[tuple[Part, str], ...] = (
        ("emotion", "emotion"),
        ("subtitle", "subtitle"),
        ("speak", "speak"),
    )
    """In the order in which they are written."""
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int | None = None
    session: str = ""
    """Opaque id for a vendor's prompt cache; not personal."""
    may_call: bool = True
    """False: the tools are listed, so that the prompt begins as the one before, and none may be called."""
    form: ReplyForm | None = None
    """What the messages ask for, in words; for models that read no words. None: plain text."""
    character: str = ""
    """Who answers, by the name people see: for a script, which can't tell it from the text."""
    script: object = field(default=None, repr=False)
    """The character's own words for a script that plays a model; nothing to anybody else."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of reply text, as small as the model gives it."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of what the model thinks, where its server tells that apart from the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """End of a model's stream: why it ended and what it cost. Last, at most once."""

    finish: Literal["stop", "length", "tools"] = "stop"
    tokens_in: int = 0
    tokens_out: int = 0


class LanguageModel(Provider):
    """A large language model, or something that plays one."""

    @property
    def sees(self) -> bool:
        """Takes images."""
        return False

    @property
    def streams(self) -> bool:
        """Gives its reply while it is being made, so that beginning early gains something."""
        return True

    @abstractmethod
    def think(self, prompt: Prompt) -> AsyncIterator[Token | Reasoning | ToolCall | Usage]:
        """Answer a prompt. A tool call is yielded whole, when its arguments are complete.

        Closing the generator closes the vendor's stream at once, also before the first token.
        Raises ProviderError; retries inside only before the first token.
        """
        raise NotImplementedError  # abstract


# -- TTS


@dataclass(frozen=True, slots=True)
class Audio:
    """A slice of sound: mono s16le."""

    pcm: bytes = field(repr=False)
    rate: int


@dataclass(frozen=True, slots=True)
class Word:
    """A word's place in its sentence's sound."""

    at_ms: int
    ms: int
    text: str
    start: int = -1
    """Index of its first character in `Sentence.spoken`; -1 if unknown."""


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A mouth shape's place in its sentence's sound, already mapped to a canonical viseme."""

    at_ms: int
    ms: int
    viseme: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Of a stream of text: the sound yielded so far speaks its first `upto` characters."""

    upto: int


@dataclass(frozen=True, slots=True)
class Style:
    """How a character sounds."""

    voices: Mapping[str, str] = field(default_factory=dict[str, str])
    """Provider name -> the voice's name there; a missing provider uses its own default."""
    speed: float = 1.0
    pitch: float = 1.0
    emotions: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Provider name -> canonical emotion -> that voice's own word for it; empty: it is to be left out."""

    def emotion(self, provider: str, name: str, usual: Mapping[str, str]) -> str:
        """A voice's own word for a canonical emotion: the character's, else the `usual` one, else empty."""
        return self.emotions.get(provider, {}).get(name, usual.get(name, ""))


class Voice(Provider):
    """Text to speech, one sentence at a time; some also take text while it is being written."""

    words: ClassVar[frozenset[str] | None] = None
    """Its own words for emotions, which `Style.emotions` may name; None: it takes any, or has none."""

    @property
    def streams(self) -> bool:
        """Has a `speak` of its own."""
        return False

    @abstractmethod
    def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Audio | Word | Phoneme]:
        """Speak `sentence.spoken`; slices as they are made, word and phoneme times in any order.

        Raises ProviderError; `retryable=False` with a reason when it can't speak the language.
        """
        raise NotImplementedError  # abstract

    def speak(
        self, text: AsyncIterator[str], style: Style, language: str
    ) -> AsyncIterator[Audio | Word | Phoneme | Spoken]:
        """Speak text that is still being written: pieces of any length, in order; joined they are the text.

        The text ends where the iterator ends, and the sound soon after it. Sound comes as it is made and
        never waits for the text's end. `Spoken` where the vendor tells how far it is; `at_ms` of words and
        phonemes counts from the first sample of the whole stream, `Word.start` from the text's first
        character. `language` is the character's, ISO 639-1. The voice may read `text` from a task of its
        own, which it has ended when the generator is closed; closing aborts the vendor's stream at once.
        Only asked of voices that say `streams`. Raises ProviderError.
        """
        raise ProviderError(f"{self.name} takes whole sentences only", retryable=False)


# ------------------------------------------------------------------ around a reply


async def _at_once() -> None:
    """For a request that is no attempt."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a responder gets to answer."""

    turn: int
    cause: Cause
    prompt: Prompt
    style: Style
    language: str
    """The character's first language."""
    speaks: bool
    """False when nobody listens to sound: then only text is wanted."""
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    """Starts a task in the turn's own scope; it dies with the turn. Never yield inside a TaskGroup."""
    room: Callable[[], Coroutine[Any, Any, None]]
    """Await before making more sound: returns once the ear is less than a few seconds behind."""
    call: Callable[[ToolCall], Coroutine[Any, Any, ToolOutcome]]
    """Runs one tool, within its time limit; never raises for the tool's own faults."""
    note: Callable[[Event], None]
    """Puts a fact beside the reply at once: Requested, Answered, Fault. Also from a `finally`."""
    begun: Callable[[], Coroutine[Any, Any, None]] = _at_once
    """Await before anything that only makes sense to somebody who waits for the reply: it may be prepared
    while it is not yet certain that its turn will begin. Returns once it has."""
    pace: Callable[[], Coroutine[Any, Any, None]] = _at_once
    """Await, where a sentence's sound is made in pieces, before each further one: like `room`, which is for
    the sentence, but what is prepared may go on to the sentence's end."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    result: str = ""
    error: str = ""


class Responder(ABC):
    """Answers one turn: `Cascade` (LLM -> sentences -> TTS), `Say`, `Play`, an outside agent, ..."""

    @abstractmethod
    def reply(self, request: Request) -> AsyncIterator[ReplyEvent]:
        """Yield the reply in order: a sentence before its sound, sentences in order, `TextDone` once."""
        raise NotImplementedError  # abstract


@dataclass(frozen=True, slots=True)
class Passage:
    """Something worth knowing for the next answer. Data, never instructions."""

    text: str
    source: str = ""


class Retriever(ABC):
    """Finds passages for a prompt. The engine allows it little time and goes on without it."""

    @abstractmethod
    async def passages(self, query: str, *, session: str, person: str) -> Sequence[Passage]: ...

    def noted(self, context: Event, *, session: str) -> None:  # noqa: B027 (optional)
        """A `Noted` came in; quick, never raises. A retriever may index it."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may know about who asked."""

    session: str
    person: str
    character: str
    author: Author = OWNER


class Toolbox(ABC):
    """The tools of a session."""

    @abstractmethod
    def specs(self, context: ToolContext) -> Sequence[ToolSpec]: ...

    @abstractmethod
    async def call(self, call: ToolCall, context: ToolContext) -> str:
        """Run a tool of place "server". Raises ToolError for the model to read."""


class Animator(ABC):
    """Turns phonemes or loudness into cues for a figure; a pure mapping with a little memory."""

    @abstractmethod
    def sentence(self, sentence: Sentence) -> Iterable[Event]: ...

    @abstractmethod
    def sound(self, slice_: Audio | Word | Phoneme, sentence: Sentence, at_ms: int) -> Iterable[Event]: ...


# ------------------------------------------------------------------ storage


class Store(ABC):
    """Small documents by kind and key, some with a time to live. Embedded: memory or SQLite."""

    @abstractmethod
    async def get(self, kind: str, key: str) -> dict[str, Any] | None: ...

    @abstractmethod
    async def put(
        self, kind: str, key: str, value: Mapping[str, Any], *, ttl: float | None = None
    ) -> None: ...

    @abstractmethod
    async def add(self, kind: str, key: str, amounts: Mapping[str, float]) -> dict[str, float]:
        """Add to counters atomically and return them all."""

    @abstractmethod
    async def delete(self, kind: str, key: str) -> bool: ...

    @abstractmethod
    async def keys(self, kind: str, prefix: str = "") -> list[str]: ...

    async def close(self) -> None:  # noqa: B027 (optional)
        """Write out what is pending."""


# ------------------------------------------------------------------ wires


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a client wants its sound. The outbox cuts, encodes and paces accordingly."""

    codec: Literal["pcm_s16le", "opus", "none"] = "pcm_s16le"
    """none: text only; the outbox keeps all sound back."""
    rate: int | None = None
    """Hz; None leaves each voice's own rate."""
    frame_ms: int = 20
    lead_ms: int = 200
    """At most so much sound ahead of real time."""
    start_gap_ms: int = 0
    """Between the text of a turn and its first sound."""
    sentence_gap_ms: int = 0
    tail_ms: int = 0
    """Quiet time after the last frame before the turn counts as over at this client."""
    can_hold: bool = False
    """The client can pause and resume what it has."""
    paced: bool = True
    """False: the whole reply's sound at once, at its end (one-shot clients)."""
    discards: bool = True
    """At an interrupt the client throws away the sound it has. False: it plays that first, whatever comes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The socket manners of a wire; the listener applies them per route."""

    max_message: int = 1 << 20
    ping_interval: float | None = 20.0
    """Seconds; None sends no WebSocket pings."""
    ping_timeout: float = 20.0
    close_timeout: float = 5.0
    high_water: int = 8 << 10
    """Bytes in the transport's buffer above which the outbox waits."""
    send_buffer: int = 64 << 10
    """Bytes the system may hold for a client, if it lets us choose; what lies there can't be taken back."""
    drain_timeout: float = 10.0
    """A link that stays above `high_water` so long is cut off."""
    messages_per_second: float = 200.0
    burst: int = 400
    handshake_timeout: float = 10.0
    """From the socket's opening to `Join`."""


@dataclass(frozen=True, slots=True)
class Shard:
    """By what a connection finds its process, where the server is several (`--workers`).

    The query's parameters are looked at first, then the headers, each in this order; the first that the
    request has decides, and all with the same value come to the same process. `session` names a session
    and leads to the process that has it; if none has, the search goes on. Requests without any of these
    go where there is least to do. Names are lower case.
    """

    query: tuple[str, ...] = ("session",)
    headers: tuple[str, ...] = ()
    pinned: bool = False
    """All connections of this path belong to one process; for protocols that say who they are too late."""
    room: str = ""
    """Not empty: the path's last segment is the name of a room. All connections of a name belong to one
    process, by whichever path of this kind they come."""


@dataclass(frozen=True, slots=True)
class Join(Event):
    """The client has said who it is and what it wants; the server authenticates and finds a session."""

    protocol: str
    token: str = field(default="", repr=False)
    character: str = ""
    person: str = ""
    """Empty: derived from the token, else anonymous to this session."""
    roles: tuple[Role, ...] = ("mouth", "ear")
    mode: ListenMode = "auto"
    session: str = ""
    """To resume; empty for a new one."""
    resume_token: str = field(default="", repr=False)
    tools: tuple[ToolSpec, ...] = ()
    """Tools that run in the client."""
    measures: bool = False
    """Wants `Measured` after each turn."""
    follows: bool = False
    """Wants every entry of the timeline, not only those its protocol has words for."""
    cancels_echo: bool = False
    """Its microphone does not hear its speaker."""
    streams: bool = False
    """Wants text to go straight into the voice, where the voice can take it."""
    greeted: bool = False
    """Wants the character's greeting, if it has one, when the session is a fresh one."""
    alone: bool = False
    """One connection for each token and protocol: the newest stays, the older is told `new_connection`."""
    stays: bool = True
    """The session waits for its client when the connection is lost. False: it ends with the connection."""
    trusted: bool = False
    """It comes from within the server, which has seen to who may be there: no token is asked for."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the server tells a wire after a `Join`."""

    session: str
    link: str
    character: str
    generation: int
    state: str
    resumed: bool = False
    resume_token: str = field(default="", repr=False)
    history: int = 0
    """Messages the conversation already has."""
    unfinished: str = ""
    """Text of the reply that the lost connection cut off; empty if none."""
    unfinished_generation: int | None = None
    expired: bool = False
    """The session to be resumed was gone; this is a fresh one."""
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask(Event):
    """A question of one client, answered to that client alone and never put on the timeline."""

    id: str
    what: str
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Leave(Event):
    """The client says goodbye; the session ends rather than being parked."""


Frame = str | bytes
"""One WebSocket message: text or binary."""


class Wire(ABC):
    """One connection's protocol, sans-I/O: messages in, events out; entries in, messages out.

    The link calls `receive` for each message until a `Join` comes, authenticates, then calls `welcome`
    or `refuse`. From there on inputs go to the session, entries come from the outbox. A wire may hold
    handshake, codec and numbering state; it never awaits and never reads a clock: `now` is given, in
    wall-clock seconds for stamps.
    """

    protocol: ClassVar[str] = ""
    path: ClassVar[str] = ""
    subprotocols: ClassVar[tuple[str, ...]] = ()
    LIMITS: ClassVar[Limits] = Limits()
    SHARD: ClassVar[Shard] = Shard()

    @property
    @abstractmethod
    def delivery(self) -> Delivery:
        """Valid after `Join`."""

    def opened(self, headers: Mapping[str, str]) -> None:  # noqa: B027 (optional)
        """The handshake's headers, names in lower case, before the first message."""

    @abstractmethod
    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        """Decode one message. Raises ProtocolError; a `Frame` yielded is sent straight back (pong, ack)."""

    @abstractmethod
    def welcome(self, welcome: Welcome, now: float) -> Iterator[Frame]: ...

    @abstractmethod
    def send(self, entry: Entry, now: float) -> Iterator[Frame]:
        """Encode an entry; sound comes as `Packet`. Yields nothing where the protocol has no word."""

    @abstractmethod
    def refuse(self, error: ProtocolError, now: float) -> Iterator[Frame]:
        """Tell the client what it did wrong; the link closes afterwards if `close_code` says so."""

    def close_code(self, error: ProtocolError) -> int | None:
        """With which code the connection ends after `refuse`; None if it goes on."""
        return error.close

    def answer(self, ask: Ask, result: Mapping[str, Any], now: float) -> Iterator[Frame]:
        """Answer an `Ask`."""
        return iter(())

    def tick(self, now: float) -> tuple[Iterator[Frame], float | None]:
        """Timed duties: what is due, and when to come again (None: never)."""
        return iter(()), None
