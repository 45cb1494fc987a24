"""What a client may send, one model a message, in the order of the protocol's table A4.

Models are strict about types and deaf to unknown fields. `session_id` and `seq` are part of every
message; a message without them is taken all the same, since small clients forget them and no harm is done.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from aizuchi.events import Steering

PROTOCOL: Final = "dh.v1"
WANTS: Final = (
    "stream",
    "visemes",
    "emotion",
    "words",
    "subtitles",
    "thoughts",
    "tools",
    "metrics",
    "hold",
    "timeline",
    "blendshapes",
    "tts_stream",
    "greeting",
    "lecture",
)
"""What a client may ask for in `hello`; words not in this list are passed over."""

AudioWay = Literal["base64", "binary", "none"]
Mode = Literal["push", "auto", "continuous"]


class Part(BaseModel):
    """Base of messages and their parts."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


class UpMessage(Part):
    """What every message of a client may carry besides its own fields."""

    session_id: str | None = Field(
        default=None,
        max_length=200,
        description="from hello_ack; may be left out in hello and before hello_ack",
    )
    seq: int | None = Field(
        default=None,
        ge=0,
        le=2**53,
        description="counts this connection's messages from 0, binary frames too; a repeated one is ignored",
    )
    ts: float | None = Field(default=None, description="milliseconds since 1970, the client's clock")


class AudioFormat(Part):
    """How microphone sound is encoded."""

    codec: Literal["pcm_s16le"] = "pcm_s16le"
    sample_rate: int = Field(default=16_000, ge=8_000, le=48_000, description="Hz; 16000 needs no conversion")
    channels: Literal[1] = 1


class Picture(Part):
    """A picture for the model."""

    mime: Literal["image/jpeg", "image/png"]
    data: str = Field(description="the file, base64")


class ClientTool(Part):
    """A tool that runs in the client."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str = Field(default="", max_length=2_000)
    parameters: dict[str, Any] = Field(
        default_factory=lambda: {"type": "object", "properties": {}},
        description="JSON Schema of the arguments object",
    )
    timeout: float = Field(
        default=10.0, gt=0, le=600, description="seconds after which the model is told it took too long"
    )


class ResumeFrom(Part):
    """Which session to go on with."""

    session_id: str = Field(min_length=1, max_length=200)
    last_seq: int | None = Field(
        default=None, ge=-1, description="the last message that was received; -1 for none"
    )
    generation_id: int | None = Field(default=None, ge=0, description="the highest that was seen")
    resume_token: str | None = Field(
        default=None, max_length=4_096, description="from hello_ack; a token serves as well"
    )


class Wishes(UpMessage):
    """What a client says about itself when it comes."""

    token: str | None = Field(
        default=None, max_length=4_096, description="needed when the server was given tokens"
    )
    character: str | None = Field(
        default=None, max_length=200, description="whom to talk to; the server's default if left out"
    )
    audio: AudioWay = Field(
        default="base64", description="how sound travels, both ways; none is a text-only session"
    )
    mode: Mode = Field(
        default="auto",
        description="what ends an utterance: stop_listen, silence, or silence and go on listening",
    )
    want: list[str] = Field(
        default_factory=list[str],
        max_length=64,
        description="any of: " + ", ".join(WANTS) + ". Without stream, whole texts and clips are sent",
        json_schema_extra={"examples": [["stream", "emotion"]]},
    )
    tools: list[ClientTool] = Field(
        default_factory=list[ClientTool], max_length=64, description="tools that run in the client"
    )
    echo_cancelled: bool = Field(
        default=False, description="the microphone does not hear the speaker: headphones, or cancelled echo"
    )
    role: Literal["talk", "witness"] = Field(
        default="talk", description="witness: follow the session named in resume without speaking or playing"
    )


class Hello(Wishes):
    """First message of a connection."""

    type: Literal["hello"]
    protocol: str = Field(
        default=PROTOCOL, max_length=64, description=f"{PROTOCOL}; another one is refused with 4406"
    )
    resume: ResumeFrom | None = Field(default=None, description="go on with an earlier session")


class StartListen(UpMessage):
    """Open the microphone."""

    type: Literal["start_listen"]
    format: AudioFormat | None = Field(default=None, description="of the chunks that follow")
    mode: Mode | None = Field(default=None, description="change the mode said in hello")


class AudioChunk(UpMessage):
    """A slice of microphone sound, 20 to 40 ms; up to 200 ms are taken."""

    type: Literal["audio_chunk"]
    data: str = Field(description="mono s16le, base64")
    format: AudioFormat | None = Field(
        default=None, description="if it differs from start_listen's, or from 16 kHz"
    )
    last: bool = Field(False, description="nothing follows, as by stop_listen")


class StopListen(UpMessage):
    """Close the microphone; what was said is answered."""

    type: Literal["stop_listen"]


class TextInput(UpMessage):
    """Text the user wrote."""

    type: Literal["text_input"]
    text: str
    images: list[Picture] = Field(default_factory=list[Picture], max_length=64)


class Interrupt(UpMessage):
    """Be silent now."""

    type: Literal["interrupt"]
    reason: str | None = Field(default=None, max_length=200, description="user_click, barge_in_client, ...")


class UiEvent(UpMessage):
    """Something happened on the user's page."""

    type: Literal["ui_event"]
    name: str = Field(min_length=1, max_length=200, description="page_turn, click, point, ...")
    payload: dict[str, Any] = Field(default_factory=dict[str, Any])


class LectureControl(UpMessage):
    """Where the lecture is to go, if the character gives one."""

    type: Literal["lecture_control"]
    action: Steering
    page: int | None = Field(default=None, ge=0, le=100_000, description="with goto: the page's number")


class ContextUpdate(UpMessage):
    """What the user looks at; replaces the context of its scope, from the next turn on."""

    type: Literal["context_update"]
    context_id: str = Field(max_length=200)
    scope: Literal["page", "segment"]
    text: str
    title: str | None = Field(default=None, max_length=1_000)
    page: int | None = Field(default=None, ge=-(2**53), le=2**53)
    segment: str | None = Field(default=None, max_length=200)
    version: str | int | None = Field(default=None, description="echoed in context_ack")


class ImageMessage(UpMessage, Picture):
    """A picture that goes with the next turn."""

    type: Literal["image"]


class PlaybackStarted(UpMessage):
    """The client's speaker has begun a sentence."""

    type: Literal["playback_started"]
    generation_id: int = Field(ge=0)
    sentence_index: int = Field(ge=0)


class PlaybackDone(UpMessage):
    """The client's speaker has played everything up to and including a chunk.

    The protocol's table gives this message a `seq` of its own, the chunk's. So `seq` means the chunk here
    and is not counted, unless `chunk_seq` names the chunk; then `seq` counts as everywhere else.
    """

    type: Literal["playback_done"]
    generation_id: int = Field(ge=0)
    chunk_seq: int | None = Field(default=None, ge=0, le=2**53, description="seq of the last played chunk")


class ToolResult(UpMessage):
    """The answer of a tool that runs in the client; one of result and error."""

    type: Literal["tool_result"]
    call_id: str = Field(min_length=1, max_length=200)
    result: Any = Field(default=None, description="text, or any JSON value")
    error: str | None = Field(default=None, max_length=8_000)


class Resume(Wishes, ResumeFrom):
    """Go on with an earlier session; a first message, instead of hello."""

    type: Literal["resume"]
    session_id: str = Field(min_length=1, max_length=200)  # pyright: ignore[reportIncompatibleVariableOverride]


class WebrtcOffer(UpMessage):
    """Reserved: sound over WebRTC is not available yet."""

    type: Literal["webrtc_offer"]


class WebrtcIce(UpMessage):
    """Reserved: sound over WebRTC is not available yet."""

    type: Literal["webrtc_ice"]


class Ping(UpMessage):
    """Answered at once by pong."""

    type: Literal["ping"]
    t: float | int | str | None = Field(default=None, description="echoed")


class Bye(UpMessage):
    """The conversation is over; it can't be resumed."""

    type: Literal["bye"]


Up = Annotated[
    Hello
    | StartListen
    | AudioChunk
    | StopListen
    | TextInput
    | Interrupt
    | UiEvent
    | LectureControl
    | ContextUpdate
    | ImageMessage
    | PlaybackStarted
    | PlaybackDone
    | ToolResult
    | Resume
    | WebrtcOffer
    | WebrtcIce
    | Ping
    | Bye,
    Field(discriminator="type"),
]
UP: Final[TypeAdapter[Up]] = TypeAdapter(Up)
