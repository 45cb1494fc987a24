"""What the server sends, one model a message, in the order of the protocol's table A5.

Each is made without its envelope and sealed by `numbering.Numbering` when it leaves. Clients read the same
models: unknown fields are passed over, so that an older client reads a newer server.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from aizuchi.events import LectureState

StateWord = Literal["idle", "listening", "thinking", "speaking"]
Codec = Literal["pcm_s16le", "opus"]

ENGINE_REASONS: Final = frozenset({"barge_in", "superseded", "lost", "closed"})
"""Why a turn is silenced, in the engine's words; any other reason is a client's, and is `interrupt` here."""
ENVELOPE: Final = ("type", "session_id", "seq", "generation_id", "ts")


def _require_envelope(schema: dict[str, Any]) -> None:
    known = [name for name in ENVELOPE if name in schema.get("properties", {})]
    schema["required"] = [*known, *(name for name in schema.get("required", []) if name not in known)]


class Down(BaseModel):
    """The envelope of every message."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=_require_envelope)

    session_id: str = Field(default="", description="empty before a session was opened")
    seq: int = Field(
        default=0, ge=0, description="counts this connection's messages from 0, binary frames included"
    )
    generation_id: int = Field(
        default=0,
        ge=0,
        description="what the message belongs to; drop whatever is lower than the highest seen",
    )
    turn_id: str | None = Field(default=None, description="for people who read logs")
    ts: int = Field(default=0, description="milliseconds since 1970, the server's clock")


class HelloAck(Down):
    """The session is open."""

    type: Literal["hello_ack"] = "hello_ack"
    protocol: str
    server: str = Field(description="name and version")
    character: str
    resumed: bool
    resume_token: str | None = Field(default=None, description="lets this session be resumed; keep it secret")
    limits: dict[str, Any] = Field(description="chunk_ms, max_text, queue and others")
    features: list[str]


class StateUpdate(Down):
    """The session's state; after an interrupt also its acknowledgement."""

    type: Literal["state_update"] = "state_update"
    state: StateWord
    previous: StateWord
    reason: str | None = Field(
        default=None,
        description="interrupt, barge_in, done, timeout, queued, held, resumed, empty, superseded, ...",
    )
    degraded: bool | None = Field(
        default=None, description="a provider failed repeatedly and is left alone for a while"
    )


class AsrPartial(Down):
    """What the recogniser believes so far; replaces the partial before it."""

    type: Literal["asr_partial"] = "asr_partial"
    text: str
    utterance_id: str


class AsrFinal(Down):
    """What the user said; empty when nothing was recognised."""

    type: Literal["asr_final"] = "asr_final"
    text: str
    utterance_id: str
    confidence: float | None = None


class AssistantText(Down):
    """The whole reply, for clients that did not ask for `stream`."""

    type: Literal["assistant_text"] = "assistant_text"
    text: str


class AssistantTextDelta(Down):
    """A piece of the reply."""

    type: Literal["assistant_text_delta"] = "assistant_text_delta"
    delta: str
    index: int = Field(ge=0, description="counts the pieces of one reply from 0")


class AssistantTextEnd(Down):
    """The end of a reply's text; of an interrupted one, what was heard of it."""

    type: Literal["assistant_text_end"] = "assistant_text_end"
    text: str
    finish_reason: Literal["stop", "length", "interrupted", "error"]
    fallback: str | None = Field(default=None, description="text_only, short_tts, canned, provider:<name>")
    of_generation: int | None = Field(
        default=None,
        description="after a resume: the lost reply's generation, while the envelope bears the new one",
    )


class TtsAudio(Down):
    """A reply's sound in one clip, for clients that did not ask for `stream`."""

    type: Literal["tts_audio"] = "tts_audio"
    data: str = Field(description="base64")
    codec: Codec
    sample_rate: int
    channels: Literal[1] = 1
    last: bool = Field(
        default=True, description="false when the reply was too long for one message; more clips follow"
    )


class TtsAudioChunk(Down):
    """A frame of sound; without `data` the heading of the binary frames that follow."""

    type: Literal["tts_audio_chunk"] = "tts_audio_chunk"
    data: str | None = Field(default=None, description="base64")
    codec: Codec
    sample_rate: int
    channels: Literal[1] = 1
    chunk_index: int = Field(ge=0, description="counts the frames of one reply from 0")
    sentence_index: int = Field(ge=0)
    text: str | None = Field(default=None, description="the sentence, with its first frame")
    last: bool | None = Field(default=None, description="ends its sentence; data may then be empty")


class TtsAudioEnd(Down):
    """All of a reply's sound has been sent."""

    type: Literal["tts_audio_end"] = "tts_audio_end"
    duration_ms: int


class Error(Down):
    """Something failed. When it is not recoverable the connection closes, save for resume_expired."""

    type: Literal["error"] = "error"
    code: str
    message: str
    recoverable: bool
    stage: Literal["asr", "llm", "tts", "gateway"] | None = None
    retry_after_ms: int | None = None


class Viseme(BaseModel):
    """A mouth shape: `t` and `d` are milliseconds, `t` from the first sample of the sentence."""

    t: int
    d: int
    id: str = Field(description="sil PP FF TH DD kk CH SS nn RR aa E ih oh ou")
    weight: float | None = None


class VisemeTimeline(Down):
    """Mouth shapes of a sentence; several pieces of one sentence may follow each other."""

    type: Literal["viseme_timeline"] = "viseme_timeline"
    sentence_index: int
    unit: Literal["ms"] = "ms"
    visemes: list[Viseme]


class EmotionTag(Down):
    """How a sentence is meant."""

    type: Literal["emotion_tag"] = "emotion_tag"
    emotion: str
    intensity: float = Field(default=1.0, ge=0, le=1)
    sentence_index: int | None = None


class BlendshapeFrame(Down):
    """Reserved: values of a face's blend shapes."""

    type: Literal["blendshape_frame"] = "blendshape_frame"
    fps: float
    t: float
    names: list[str] | None = Field(default=None, description="once")
    values: list[float]


class ContextAck(Down):
    """A context has been taken; it serves from the next turn on."""

    type: Literal["context_ack"] = "context_ack"
    context_id: str
    version: str | int | None = None
    chars: int = Field(description="so many characters are kept")


class QueueUpdate(Down):
    """The turn, or the recognition, must wait for its provider; sent again whenever its place changes."""

    type: Literal["queue_update"] = "queue_update"
    position: int = Field(description="1 is next; 0: the wait is over")
    ahead: int = Field(description="so many run or wait before it")
    eta_ms: int | None = Field(default=None, description="a guess; left out while nothing is known")


class ResumeAck(Down):
    """An earlier session goes on."""

    type: Literal["resume_ack"] = "resume_ack"
    state: StateWord
    history_len: int = Field(description="messages the conversation already has")
    replay_from: int | None = Field(default=None, description="reserved: nothing is replayed yet")


class WebrtcAnswer(Down):
    """Reserved."""

    type: Literal["webrtc_answer"] = "webrtc_answer"
    sdp: str


class WebrtcCandidate(Down):
    """Reserved."""

    type: Literal["webrtc_ice"] = "webrtc_ice"
    candidate: str


class Metrics(Down):
    """The figures of an ended turn, as fields of this message; left out where a thing did not happen."""

    model_config = ConfigDict(extra="allow")

    type: Literal["metrics"] = "metrics"
    of_generation: int
    outcome: str = Field(description="finished, interrupted, failed or superseded")


class Pong(Down):
    """The answer to ping."""

    type: Literal["pong"] = "pong"
    t: float | int | str | None = None


class TimedWord(BaseModel):
    """A word: `t` and `d` are milliseconds, `t` from the first sample of the sentence."""

    t: int
    d: int
    text: str


class WordTimeline(Down):
    """When the words of a sentence are spoken; several pieces of one sentence may follow each other."""

    type: Literal["word_timeline"] = "word_timeline"
    sentence_index: int
    words: list[TimedWord]


class AssistantSubtitle(Down):
    """A sentence in another language."""

    type: Literal["assistant_subtitle"] = "assistant_subtitle"
    sentence_index: int
    language: str
    text: str


class ThoughtDelta(Down):
    """A piece of what the character thinks and does not say."""

    type: Literal["thought_delta"] = "thought_delta"
    delta: str


class ToolStatus(Down):
    """A tool is used. With place "client" and state "requested" the client runs it and sends tool_result."""

    type: Literal["tool_status"] = "tool_status"
    call_id: str
    name: str
    state: Literal["running", "requested", "done", "failed"]
    arguments: dict[str, Any] | str | None = Field(
        default=None, description="an object; the model's own text where that is no JSON object"
    )
    result: str | None = Field(
        default=None, description="what the model was told; of a failed call, why it failed"
    )
    place: Literal["client"] | None = None


class Heard(Down):
    """What of an interrupted reply was heard."""

    type: Literal["heard"] = "heard"
    of_generation: int
    text: str


class PlaybackPause(Down):
    """Stop playing and keep what there is."""

    type: Literal["playback_pause"] = "playback_pause"
    at_ms: int = Field(description="position in the reply's sound from which it will go on")


class PlaybackResume(Down):
    """Go on playing."""

    type: Literal["playback_resume"] = "playback_resume"
    at_ms: int


class Slide(Down):
    """A lecture shows this page from here on."""

    type: Literal["slide"] = "slide"
    page: int
    url: str | None = Field(default=None, description="a path on this server, or absolute")
    title: str | None = None


class LectureUpdate(Down):
    """A lecture goes on, stands still or is over."""

    type: Literal["lecture_update"] = "lecture_update"
    state: LectureState
    page: int = Field(description="the page's own number")
    place: int = Field(ge=1, description="the same, counted in pages")
    pages: int


class TimelineMessage(Down):
    """Entries of the session's own log."""

    type: Literal["timeline"] = "timeline"
    entries: list[dict[str, Any]]


DownMessage = Annotated[
    HelloAck
    | StateUpdate
    | AsrPartial
    | AsrFinal
    | AssistantText
    | AssistantTextDelta
    | AssistantTextEnd
    | TtsAudio
    | TtsAudioChunk
    | TtsAudioEnd
    | Error
    | VisemeTimeline
    | EmotionTag
    | BlendshapeFrame
    | ContextAck
    | QueueUpdate
    | ResumeAck
    | WebrtcAnswer
    | WebrtcCandidate
    | Metrics
    | Pong
    | WordTimeline
    | AssistantSubtitle
    | ThoughtDelta
    | ToolStatus
    | Heard
    | PlaybackPause
    | PlaybackResume
    | Slide
    | LectureUpdate
    | TimelineMessage,
    Field(discriminator="type"),
]
DOWN: Final[TypeAdapter[DownMessage]] = TypeAdapter(DownMessage)
