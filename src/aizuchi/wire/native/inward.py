"""Messages of a client become events: the protocol's table A4, in its order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from aizuchi.errors import ProtocolError
from aizuchi.events import (
    Attach,
    Context,
    Happened,
    Input,
    Interrupt,
    Listen,
    MicAudio,
    Noted,
    Played,
    StateChanged,
    Steer,
    Typed,
)
from aizuchi.ports import Frame, Join, Leave
from aizuchi.wire.native import binary, checks, down, up
from aizuchi.wire.native.checks import Bounds
from aizuchi.wire.native.ledger import Ledger
from aizuchi.wire.native.numbering import Numbering

log = logging.getLogger(__name__)

Event = Input | Join | Leave | Frame


class Inward:
    """The listening half of one connection."""

    def __init__(self, numbering: Numbering, ledger: Ledger, *, token_required: bool) -> None:
        self.wishes: up.Wishes = up.Hello(type="hello")
        """What the client said about itself; a v0.1 client's if it said nothing."""
        self.bounds = Bounds()
        self._numbering = numbering
        self._ledger = ledger
        self._token_required = token_required
        self._welcomed = False
        self._format = up.AudioFormat()
        self._mode: str = "auto"
        self._explicit = False
        self._opened = False
        self._state = "idle"

    def welcome(self, state: str, limits: Mapping[str, Any]) -> None:
        """The server has opened a session."""
        self._welcomed = True
        self._state = state
        self.bounds = self.bounds.told(limits)

    def see(self, change: StateChanged) -> None:
        """The client is told of a state; from idle the microphone may open by itself again (T2)."""
        self._state = change.state
        if change.state == "idle":
            self._opened = False

    def receive(self, message: Frame, now: float) -> Iterator[Event]:
        """Decode one message. Raises ProtocolError and nothing else."""
        if not self._welcomed and self._token_required:
            yield from self._knock(message)
        elif isinstance(message, bytes):
            yield from self._binary(message)
        elif (said := self._decode(message)) is not None:
            yield from self._first(said, now) if not self._welcomed else self._next(said, now)

    # -- who is there

    def _knock(self, message: Frame) -> Iterator[Event]:
        """Where tokens are needed, only a hello opens the door."""
        try:
            said = self._decode(message) if isinstance(message, str) else None
        except ProtocolError as error:
            raise checks.stranger(f"expected a valid hello first; {error}") from error
        bare = isinstance(said, up.Resume) and not (said.token or said.resume_token)
        if not isinstance(said, up.Hello | up.Resume) or bare:
            raise checks.stranger("a hello with a token must come first")
        yield from self._arrive(said)

    def _first(self, said: up.Up, now: float) -> Iterator[Event]:
        if isinstance(said, up.Hello | up.Resume):
            yield from self._arrive(said)
            return
        if isinstance(said, up.Ping):
            self._numbering.fresh(said.seq)
            yield self._pong(said, now)
            return
        if said.session_id:
            raise ProtocolError("no session is open on this connection", code="bad_session", close=4404)
        self._numbering.fresh(_counted(said))
        yield Join(protocol=up.PROTOCOL)
        yield from self._act(said, now)

    def _arrive(self, said: up.Hello | up.Resume) -> Iterator[Event]:
        if isinstance(said, up.Hello) and said.protocol != up.PROTOCOL:
            message = f"this server speaks {up.PROTOCOL}, not {said.protocol!r}"
            raise ProtocolError(message, code="protocol_version", close=4406)
        tools = checks.tools(said.tools)
        resume = said.resume if isinstance(said, up.Hello) else said
        self._numbering.fresh(said.seq)
        self.wishes = said
        self._mode = said.mode
        yield Join(
            protocol=up.PROTOCOL,
            token=said.token or "",
            character=said.character or "",
            # Without an ear nothing is synthesised, so a text-only client costs no voice.
            roles=("witness",)
            if said.role == "witness"
            else ("mouth",)
            if said.audio == "none"
            else ("mouth", "ear"),
            mode=said.mode,
            session=resume.session_id if resume else "",
            resume_token=(resume.resume_token or "") if resume else "",
            tools=tools,
            measures="metrics" in said.want,
            follows="timeline" in said.want,
            cancels_echo=said.echo_cancelled,
            streams="tts_stream" in said.want,
            greeted="greeting" in said.want,
        )

    # -- what it says

    def _decode(self, message: str) -> up.Up | None:
        """None for a type this version does not know, which both sides pass over."""
        try:
            return up.UP.validate_json(message)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
        if fault["type"] == "union_tag_invalid":
            raw = from_json(message)
            if isinstance(raw["type"], str):
                log.debug("a message of unknown type %.40r was passed over", raw["type"])
                seq = raw.get("seq")
                # Beyond the bounds of `UpMessage.seq` it would make every later message a repetition.
                lawful = isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq <= 2**53
                self._numbering.fresh(seq if lawful else None)
                return None
        raise ProtocolError(checks.plain(fault["loc"], fault["msg"]))

    def _next(self, said: up.Up, now: float) -> Iterator[Event]:
        if said.session_id and said.session_id != self._numbering.session and not isinstance(said, up.Resume):
            raise ProtocolError("this is not the session of this connection", code="bad_session", close=4404)
        if not self._numbering.fresh(_counted(said)):
            log.debug("session %s: message %s came again", self._numbering.session, said.seq)
            return
        if self.wishes.role == "witness" and not isinstance(said, up.Ping | up.Bye):
            raise ProtocolError("a witness follows a session and takes no part in it")
        yield from self._act(said, now)

    def _act(self, said: up.Up, now: float) -> Iterator[Event]:
        match said:
            case up.Hello() | up.Resume():
                raise ProtocolError(f"{said.type} must be the first message of a connection")
            case up.StartListen():
                self._explicit = True
                self._format = said.format or up.AudioFormat()
                self._mode = said.mode or self._mode
                yield Listen(True, said.mode)
            case up.AudioChunk():
                shape = said.format or self._format
                yield from self._sound(
                    checks.unbase64(said.data, "audio_chunk"), shape.sample_rate, said.last
                )
            case up.StopListen():
                yield Listen(False)
            case up.TextInput():
                yield self._text(said)
            case up.Interrupt():
                # The engine's own words mean more: a voice keeps its microphone, a lost link its place.
                reason = said.reason or "client"
                yield Interrupt(f"{reason}_client" if reason in down.ENGINE_REASONS else reason)
            case up.UiEvent():
                yield Happened(said.name, checks.payload(said.payload))
            case up.LectureControl():
                if said.action == "goto" and said.page is None:
                    raise ProtocolError("lecture_control: goto wants a page")
                yield Steer(said.action, said.page)
            case up.ContextUpdate():
                yield from self._context(said, now)
            case up.ImageMessage():
                yield Attach(self.bounds.picture(said))
            case up.PlaybackStarted():
                yield from _known(self._ledger.started(said.generation_id, said.sentence_index))
            case up.PlaybackDone():
                chunk = said.seq if said.chunk_seq is None else said.chunk_seq
                if chunk is None:
                    raise ProtocolError("playback_done: seq of the last played chunk is missing")
                yield from _known(self._ledger.done(said.generation_id, chunk))
            case up.ToolResult():
                yield checks.tool_result(said)
            case up.WebrtcOffer() | up.WebrtcIce():
                raise ProtocolError("sound over WebRTC is not available yet; it goes over this WebSocket")
            case up.Ping():
                yield self._pong(said, now)
            case up.Bye():
                if self.wishes.role == "witness":
                    raise ProtocolError("goodbye", code="bye", close=1000)
                yield Leave()

    # -- one kind of message each

    def _binary(self, message: bytes) -> Iterator[Event]:
        if not self._welcomed:
            raise ProtocolError('binary frames may come after a hello with "audio": "binary"')
        frame = binary.unpack(message, binary.UP)
        if self.wishes.role == "witness":
            raise ProtocolError("a witness follows a session and takes no part in it")
        self.bounds.sound(frame.data, self._format.sample_rate)
        if self._numbering.fresh(frame.seq):
            yield from self._sound(frame.data, self._format.sample_rate, frame.last)

    def _sound(self, pcm: bytes, rate: int, last: bool) -> Iterator[Event]:
        self.bounds.sound(pcm, rate)
        if not pcm and not last:
            return
        may_open = not self._explicit or self._mode == "continuous"
        if may_open and self._state == "idle" and not self._opened:
            self._opened = True
            yield Listen(True)
        yield MicAudio(pcm, rate, last)

    def _text(self, said: up.TextInput) -> Typed:
        if not said.text.strip() and not said.images:
            raise ProtocolError("text_input: the text is empty")
        if len(said.text) > self.bounds.max_text:
            raise ProtocolError(
                f"text_input: the text has {len(said.text)} characters, {self.bounds.max_text} are taken"
            )
        if len(said.images) > self.bounds.max_images:
            raise ProtocolError(f"text_input: {len(said.images)} images, {self.bounds.max_images} are taken")
        return Typed(said.text, tuple(self.bounds.picture(each) for each in said.images))

    def _context(self, said: up.ContextUpdate, now: float) -> Iterator[Event]:
        most = self.bounds.max_context_chars
        text = said.text[:most]
        version = "" if said.version is None else str(said.version)
        yield Noted(
            Context(
                said.context_id, said.scope, text, said.title or "", said.page, said.segment or "", version
            )
        )
        if len(said.text) > most:
            message = f"the context has {len(said.text)} characters; it was cut to {most}"
            cut = down.Error(code="context_too_large", message=message, recoverable=True, stage="gateway")
            yield self._numbering.seal(cut, now)
        taken = down.ContextAck(context_id=said.context_id, version=said.version, chars=len(text))
        yield self._numbering.seal(taken, now)

    def _pong(self, said: up.Ping, now: float) -> str:
        return self._numbering.seal(down.Pong(t=said.t), now)


def _counted(said: up.Up) -> int | None:
    """The message's own number; see `PlaybackDone` for the one whose `seq` means something else."""
    if isinstance(said, up.PlaybackDone) and said.chunk_seq is None:
        return None
    return said.seq


def _known(played: Played | None) -> Iterator[Event]:
    if played is None:
        log.debug("a playback report of sound that was not sent was passed over")
    else:
        yield played
