"""What a client sends, in the order of the reference's table 4."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from pydantic_core import from_json

from aizuchi.errors import ProtocolError
from aizuchi.events import Forget, Input, Interrupt, Listen, MicAudio, Recorded, Typed
from aizuchi.ports import Ask, Frame
from aizuchi.wire.chatanon.manners import LISTENING, Names, Standing
from aizuchi.wire.chatanon.words import RATE, frame

STARTS: Final[dict[str, Names]] = {"agent_mode_start": "agent", "voice_call_start": "voice_call"}
PIECE: Final = RATE * 2 // 5
"""Bytes of 200 ms, the most that one `MicAudio` holds."""

Fields = Mapping[str, Any]


def decode(message: Frame) -> Fields:
    """A JSON object in a text frame. Raises ProtocolError."""
    if isinstance(message, bytes):
        raise ProtocolError("Messages are JSON in text frames")
    try:
        value: object = from_json(message)
    except (TypeError, ValueError) as error:  # half a surrogate pair is a TypeError there
        raise ProtocolError("Invalid JSON") from error
    if not isinstance(value, dict):
        raise ProtocolError("Messages are JSON objects")
    return cast("dict[str, Any]", value)


def text(fields: Fields, name: str) -> str:
    """A field that should be text; empty if it is anything else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


class Inward:
    """The hearing half of a connection that was welcomed. `known` spells a character's name as the server
    does, or gives None if there is no such character."""

    def __init__(self, standing: Standing, known: Callable[[str], str | None]) -> None:
        self._standing = standing
        self._known = known

    def receive(self, fields: Fields) -> Iterator[Input | Ask | Frame]:
        """What a message asks for. Raises ProtocolError in the protocol's words."""
        standing = self._standing
        if standing.open_mic:
            standing.open_mic = False
            yield Listen(False)
        match fields.get("type"):
            case "message":
                content = text(fields, "content").strip()
                if not content:
                    raise ProtocolError("Empty message content")
                if standing.hearing != "call":
                    standing.hearing, standing.taking = "", False
                yield Typed(content)
            case "audio_message":
                yield from self._recording(fields)
            case "audio_stream_start":
                yield from self._stream()
            case "audio_stream_chunk":
                if standing.taking:
                    yield from _sound(fields)
            case "audio_stream_end":
                yield from self._stream_over()
            case "agent_mode_start" | "voice_call_start" as start:
                yield from self._call(STARTS[start])
            case "agent_audio_chunk" | "voice_call_audio_chunk":
                # The page goes on sending while its stop is on the way: those are passed over.
                if standing.hearing == "call":
                    yield from _sound(fields)
            case "agent_mode_stop" | "voice_call_stop":
                if standing.hearing == "call":
                    standing.hearing = ""
                    yield Listen(False)
                    # What was being said is not answered: no frame may come that nobody asked for.
                    yield Interrupt("hung_up")
            case "switch_character":
                asked = text(fields, "character_name").strip().lower()
                if (name := self._known(asked)) is None:
                    raise ProtocolError(f"Character '{asked[:80]}' not available")
                yield Ask("", "character", {"name": name})
                if standing.hearing == "call":
                    yield Listen(True, "continuous")
            case "clear_history":
                yield Forget()
                yield frame("history_cleared", message="Conversation history cleared")
            case "ping":
                yield frame("pong")
            case "pong":
                # A server of theirs could have sent `ping`; the CLI answers one.
                pass
            case other:
                known = other if isinstance(other, str) else ""
                raise ProtocolError(f"Unknown message type: {known[:80]}")

    def _recording(self, fields: Fields) -> Iterator[Input | Frame]:
        standing = self._standing
        if standing.hearing == "call":
            return
        pcm = _pcm(fields)
        if not pcm:
            raise ProtocolError("No audio data provided")
        if standing.tongue == "head":
            yield frame("asr_start")
        yield frame("thinking", message="Transcribing...")
        yield from self._make_way()
        standing.hearing = "batch"
        yield Recorded(pcm)

    def _stream(self) -> Iterator[Input | Frame]:
        standing = self._standing
        if standing.hearing == "call":
            return
        # The CLI reads one frame here and takes it for the answer, so only a browser gets two.
        if standing.tongue == "head":
            yield frame("asr_start")
        yield frame("audio_stream_started", message="Streaming ASR session started")
        yield from self._make_way()
        standing.hearing, standing.taking = "stream", True
        yield Listen(True, "push")

    def _stream_over(self) -> Iterator[Input]:
        standing = self._standing
        if standing.hearing == "call":
            return
        if not standing.taking:
            raise ProtocolError("No speech detected")
        standing.taking = False
        yield Listen(False)

    def _call(self, names: Names) -> Iterator[Input | Frame]:
        standing = self._standing
        standing.new_names = standing.new_names or names == "voice_call"
        standing.names = names
        if standing.hearing != "call":
            yield from self._make_way()
        if standing.tongue == "head":
            yield frame("asr_start")
        yield frame(LISTENING[names], message="Ready to listen")
        standing.hearing, standing.taking = "call", False
        yield Listen(True, "continuous")

    def _make_way(self) -> Iterator[Input]:
        """Whoever begins to speak wants neither the reply that runs nor what they had begun to say."""
        if self._standing.replying or self._standing.hearing:
            yield Interrupt()


def _sound(fields: Fields) -> Iterator[Input]:
    pcm = _pcm(fields)
    for at in range(0, len(pcm), PIECE):
        yield MicAudio(pcm[at : at + PIECE])


def _pcm(fields: Fields) -> bytes:
    """The sound of a message, whole samples; nothing where there is none."""
    try:
        pcm = base64.b64decode(text(fields, "audio_base64"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"Invalid audio data: {error}") from error
    return pcm[: len(pcm) // 2 * 2]
