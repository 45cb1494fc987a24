"""A small client of the native protocol.

    async with Client.connect("http://127.0.0.1:12393") as client:
        await client.say("Hello")
        async for event in client:
            match event:
                case AssistantTextDelta(delta=text):
                    print(text, end="", flush=True)
                case Sound(pcm=pcm, rate=rate):
                    speaker.write(pcm)

Events are the protocol's own messages (`aizuchi.wire.native.down`), save that sound comes decoded, as
`Sound`. Whatever belongs to a reply that was interrupted is dropped here, so that no late sound is played.
One task iterates; any number may send. Nothing is read ahead of the iteration except the few messages
that the WebSocket library buffers, so a slow reader slows the server down and no queue grows.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.typing import Subprotocol

from aizuchi.audio import duration_ms, read_wav, silence, size_of
from aizuchi.errors import AizuchiError, ProtocolError
from aizuchi.events import Image
from aizuchi.wire.native import binary
from aizuchi.wire.native.down import (
    DOWN,
    AssistantTextDelta,
    Down,
    EmotionTag,
    Error,
    HelloAck,
    ResumeAck,
    StateUpdate,
    TtsAudio,
    TtsAudioChunk,
    VisemeTimeline,
    WordTimeline,
)
from aizuchi.wire.native.up import PROTOCOL, AudioWay, Mode

PATH: Final = "/digital-human/ws"
RATE: Final = 16_000
FRAME_MS: Final = 20
MAX_MESSAGE: Final = 16 << 20
REPLY: Final = (AssistantTextDelta, TtsAudio, TtsAudioChunk, EmotionTag, VisemeTimeline, WordTimeline)
"""What a client that has just interrupted no longer wants."""


class ClientError(AizuchiError):
    """The server can't be talked to."""


class AuthFailed(ClientError):
    """The server wants a token, or another one."""


class Closed(ClientError):
    """The connection is over; `code` is the WebSocket close code, 1006 when it simply broke."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the connection was closed ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of a reply's sound: 20 ms while streaming, a clip for clients without `stream`."""

    pcm: bytes = field(repr=False)
    """Mono s16le, unless `codec` says otherwise."""
    rate: int
    generation: int
    seq: int
    """Tell it to `played` when it has been heard."""
    sentence: int | None = None
    text: str = ""
    """The sentence, with its first piece."""
    last: bool = False
    """Ends its sentence, or of a clip, the reply."""
    codec: str = "pcm_s16le"


Happening = Down | Sound


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is needed to go on with a session after the connection was lost."""

    session_id: str
    resume_token: str = field(repr=False)
    last_seq: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client comes; see `Client.connect`."""

    url: str
    token: str | None
    mode: Mode
    want: tuple[str, ...]
    audio: AudioWay
    character: str | None
    tools: tuple[Mapping[str, Any], ...]
    echo_cancelled: bool
    role: Literal["talk", "witness"]
    resume: Resumption | None
    verify: bool | str | Path
    timeout: float


class Client:
    """One connection to a server; made by `connect`, used as an async context manager."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._socket: ClientConnection | None = None
        self._sending = asyncio.Lock()
        self._next_seq = 0
        self._last_seq = -1
        self._heading: TtsAudioChunk | None = None
        self._silenced = -1
        self._farewell: Error | None = None
        self.hello: HelloAck
        """The server's greeting: its limits, features, character."""
        self.generation = 0
        """The highest that was seen; older messages are not delivered."""
        self.state = "idle"
        self.history_len = 0
        """Messages a resumed conversation already had."""

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        token: str | None = None,
        mode: Mode = "auto",
        want: Sequence[str] = ("stream", "emotion"),
        audio: AudioWay = "binary",
        character: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        echo_cancelled: bool = False,
        role: Literal["talk", "witness"] = "talk",
        resume: Resumption | None = None,
        verify: bool | str | Path = True,
        timeout: float = 10.0,
    ) -> Client:
        """A client that connects when it is entered.

        `url`: http(s), ws(s) or host:port; the protocol's path is filled in where there is none. `verify`:
        False takes any certificate, a path names a file of trusted ones (a self-made server certificate).
        `tools`: objects with name, description and parameters, which then come as `ToolStatus` with state
        "requested". `echo_cancelled`: the microphone does not hear the speaker. Who wants "hold" stops
        playing at `PlaybackPause`, keeps what there is, plays on at `PlaybackResume`, and drops it when
        sound of a higher generation comes instead. `timeout`: seconds that connecting and each sending may
        take.
        Entering raises AuthFailed, Closed, or ClientError when nobody answers.
        """
        return cls(
            Options(
                url=socket_url(url),
                token=token,
                mode=mode,
                want=tuple(want),
                audio=audio,
                character=character,
                tools=tuple(tools),
                echo_cancelled=echo_cancelled,
                role=role,
                resume=resume,
                verify=verify,
                timeout=timeout,
            )
        )

    def resume(self) -> Client:
        """A new client, with the same options, that goes on with this one's session."""
        return Client(replace(self._options, resume=self.resumption))

    @property
    def session_id(self) -> str:
        return self.hello.session_id

    @property
    def resumed(self) -> bool:
        """The session that was asked for goes on."""
        return self.hello.resumed

    @property
    def resumption(self) -> Resumption:
        return Resumption(self.session_id, self.hello.resume_token or "", self._last_seq, self.generation)

    # -- coming and going

    async def __aenter__(self) -> Self:
        options = self._options
        try:
            async with asyncio.timeout(options.timeout):
                self._socket = await open_socket(_address(options), **_socket_options(options))
                await self._greet()
        except TimeoutError as error:
            await self._drop()
            raise ClientError(f"{options.url} did not answer within {options.timeout:g} s") from error
        except InvalidStatus as error:
            status = error.response.status_code
            kind = AuthFailed if status in (401, 403) else ClientError
            raise kind(f"{options.url} refused the connection (HTTP {status})") from error
        except (OSError, InvalidURI, WebSocketException) as error:
            raise ClientError(f"cannot reach {options.url}: {error}") from error
        except BaseException:
            await self._drop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop()

    async def _drop(self) -> None:
        socket = self._socket
        if socket is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(socket.close())  # waits `close_timeout` seconds at most
            # A reply that is still coming would hide the server's side of the goodbye; somebody else
            # who iterates reads it as well as we do.
            with suppress(ConnectionClosed, ConcurrencyError):
                while True:
                    await socket.recv()

    async def _greet(self) -> None:
        options, resume = self._options, self._options.resume
        hello: dict[str, Any] = {
            "protocol": PROTOCOL,
            "audio": options.audio,
            "mode": options.mode,
            "want": list(options.want),
            "role": options.role,
        }
        if options.echo_cancelled:
            hello["echo_cancelled"] = True
        if options.token:
            hello["token"] = options.token
        if options.character:
            hello["character"] = options.character
        if options.tools:
            hello["tools"] = [dict(tool) for tool in options.tools]
        if resume is not None:
            hello["resume"] = {
                "session_id": resume.session_id,
                "last_seq": resume.last_seq,
                "generation_id": resume.generation,
                "resume_token": resume.resume_token,
            }
        await self._send("hello", hello)
        async for event in self:
            match event:
                case HelloAck():
                    self.hello = event
                    if not event.resumed:
                        return
                case ResumeAck():
                    return
                case Error(code="auth_failed"):
                    raise AuthFailed(event.message)
                case Error():
                    raise ClientError(f"the server refused the hello: {event.message}")
                case _:
                    pass
        raise ClientError("the server closed the connection without a greeting")

    # -- what comes

    def __aiter__(self) -> AsyncIterator[Happening]:
        return self

    async def __anext__(self) -> Happening:
        """The next event. Ends when the connection is closed in order; raises Closed or AuthFailed else."""
        while True:
            try:
                # How long nothing happens is not ours to limit; the library's pings find a dead connection.
                message = await self._open.recv()
            except ConnectionClosed as error:
                self._end(error)
                raise StopAsyncIteration from None
            event = self._frame(message) if isinstance(message, bytes) else self._message(message)
            if event is not None:
                return event

    @property
    def _open(self) -> ClientConnection:
        if self._socket is None:
            raise ClientError("the client is not connected; use it in `async with`")
        return self._socket

    def _end(self, error: ConnectionClosed) -> None:
        code = error.rcvd.code if error.rcvd is not None else 1006
        reason = error.rcvd.reason if error.rcvd is not None else ""
        if code == 4401:
            raise AuthFailed(self._farewell.message if self._farewell else reason) from error
        if code not in (1000, 1001):
            raise Closed(code, reason) from error

    def _message(self, text: str) -> Happening | None:
        try:
            message = DOWN.validate_json(text)
        except ValidationError as error:
            if error.errors(include_url=False, include_input=False)[0]["type"] == "union_tag_invalid":
                return None  # a newer server
            raise ClientError("the server sent what is not of this protocol") from error
        if not self._lives(message.seq, message.generation_id, isinstance(message, REPLY)):
            return None
        match message:
            case TtsAudioChunk(data=None):
                self._heading = message
                return None
            case TtsAudioChunk(data=str(data)):
                pcm = base64.b64decode(data)
                return _sound(message, pcm, message.generation_id, message.seq, bool(message.last))
            case TtsAudio():
                return _clip(message)
            case StateUpdate(state=state):
                self.state = state
            case ResumeAck(history_len=length):
                self.history_len = length
            case Error(recoverable=False):
                self._farewell = message
            case _:
                pass
        return message

    def _frame(self, message: bytes) -> Sound | None:
        try:
            frame = binary.unpack(message, binary.DOWN)
        except ProtocolError as error:
            raise ClientError(f"the server sent what is not of this protocol: {error}") from error
        if not self._lives(frame.seq, frame.generation, True) or self._heading is None:
            return None
        heading = self._heading
        self._heading = heading.model_copy(update={"text": None})
        return _sound(heading, frame.data, frame.generation, frame.seq, frame.last)

    def _lives(self, seq: int, generation: int, reply: bool) -> bool:
        """Whether a message is worth delivering: nothing older than the newest, nothing we silenced."""
        self._last_seq = max(self._last_seq, seq)
        if generation < self.generation:
            return False
        self.generation = generation
        return not (reply and generation <= self._silenced)

    # -- what goes

    async def say(self, text: str, images: Sequence[Image] = ()) -> None:
        """Text the user wrote."""
        message: dict[str, Any] = {"text": text}
        if images:
            message["images"] = [_picture(image) for image in images]
        await self._send("text_input", message)

    async def listen(self, *, rate: int = RATE, mode: Mode | None = None) -> None:
        """Open the microphone; `rate` is that of the sound that follows."""
        shape = {"codec": "pcm_s16le", "sample_rate": rate, "channels": 1}
        await self._send("start_listen", {"format": shape} | ({"mode": mode} if mode else {}))

    async def stop(self) -> None:
        """Close the microphone; what was said is answered."""
        await self._send("stop_listen", {})

    async def audio(self, pcm: bytes, *, last: bool = False) -> None:
        """Microphone sound, mono s16le, 200 ms at most."""
        if self._options.audio == "binary":
            async with self._sending:
                frame = binary.Frame(self._take_seq(), pcm, last=last)
                await self._write(binary.pack(frame, binary.UP))
        else:
            data = base64.b64encode(pcm).decode()
            await self._send("audio_chunk", {"data": data} | ({"last": True} if last else {}))

    async def interrupt(self, reason: str = "client") -> None:
        """Be silent. From now on nothing more of the running reply is delivered."""
        self._silenced = self.generation
        await self._send("interrupt", {"reason": reason})

    async def context(
        self,
        text: str,
        *,
        id: str = "page",
        scope: Literal["page", "segment"] = "page",
        title: str | None = None,
        page: int | None = None,
        segment: str | None = None,
        version: str | None = None,
    ) -> None:
        """What the user looks at; serves from the next turn on."""
        named = {"title": title, "page": page, "segment": segment, "version": version}
        given = {name: value for name, value in named.items() if value is not None}
        await self._send("context_update", {"context_id": id, "scope": scope, "text": text, **given})

    async def image(self, image: Image) -> None:
        """A picture that goes with the next turn."""
        await self._send("image", _picture(image))

    async def playing(self, sound: Sound) -> None:
        """The speaker has begun this sound's sentence."""
        if sound.sentence is not None:
            fields = {"generation_id": sound.generation, "sentence_index": sound.sentence}
            await self._send("playback_started", fields)

    async def played(self, sound: Sound) -> None:
        """The speaker has played everything up to and including this."""
        await self._send("playback_done", {"generation_id": sound.generation, "chunk_seq": sound.seq})

    async def tool_result(self, call_id: str, result: Any = None, *, error: str | None = None) -> None:
        """The answer to a `ToolStatus` with state "requested"."""
        answer = {"result": result} if error is None else {"error": error}
        await self._send("tool_result", {"call_id": call_id, **answer})

    async def ui_event(self, name: str, payload: Mapping[str, Any] | None = None) -> None:
        """Something happened on the user's page."""
        await self._send("ui_event", {"name": name, "payload": dict(payload or {})})

    async def ping(self, t: float | str | None = None) -> None:
        """Answered by `Pong`."""
        await self._send("ping", {} if t is None else {"t": t})

    async def bye(self) -> None:
        """End the conversation for good; the server then closes the connection."""
        await self._send("bye", {})

    async def stream_wav(self, path: Path | str, *, pace: bool = True, tail_ms: int = 1_000) -> float:
        """Send a recording as if it were spoken, in real time if `pace`, then `tail_ms` of silence.

        Returns the event loop's time at which its last sample was sent. Raises ConfigError when the file
        can't be read.
        """
        pcm, _ = await asyncio.to_thread(read_wav, path, RATE)
        done = await self._stream(pcm, pace)
        if tail_ms:
            await self._stream(silence(tail_ms, RATE), pace)
        return done

    async def _stream(self, pcm: bytes, pace: bool) -> float:
        loop, size = asyncio.get_running_loop(), size_of(FRAME_MS, RATE)
        began, sent = loop.time(), 0.0
        for start in range(0, len(pcm), size):
            chunk = pcm[start : start + size]
            sent += duration_ms(len(chunk), RATE) / 1000
            # A microphone gives a chunk when the last of its samples has been spoken.
            if pace and (wait := began + sent - loop.time()) > 0:
                await asyncio.sleep(wait)
            await self.audio(chunk)
        return loop.time()

    async def _send(self, type_: str, fields: Mapping[str, Any]) -> None:
        _ = self._open
        async with self._sending:
            message: dict[str, Any] = {"type": type_, "seq": self._take_seq(), **fields}
            if type_ != "hello":
                message["session_id"] = self.session_id
            await self._write(json.dumps(message, ensure_ascii=False))

    async def _write(self, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(self._options.timeout):
                await self._open.send(message)
        except TimeoutError as error:
            raise ClientError(f"the server took nothing for {self._options.timeout:g} s") from error
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd is not None else 1006
            raise Closed(code, error.rcvd.reason if error.rcvd is not None else "") from error

    def _take_seq(self) -> int:
        self._next_seq += 1
        return self._next_seq - 1


def socket_url(url: str) -> str:
    """The WebSocket address for what a person writes. Raises ClientError for what is no address."""
    whole = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(whole)
        _ = parts.port  # urlsplit looks at the port only when it is asked for
    except ValueError as error:
        raise ClientError(f"{url!r} is no address: {error}") from error
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise ClientError(f"{url!r} is no address; expected something like http://127.0.0.1:12393")
    path = parts.path if parts.path not in ("", "/") else PATH
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def _address(options: Options) -> str:
    """Names the session to go on with, so that a server of several processes finds the one that has it."""
    parts = urlsplit(options.url)
    named = any(name == "session" for name, _ in parse_qsl(parts.query))
    if options.resume is None or named:
        return options.url
    query = "&".join(filter(None, (parts.query, urlencode({"session": options.resume.session_id}))))
    return urlunsplit(parts._replace(query=query))


def _socket_options(options: Options) -> dict[str, Any]:
    parts = urlsplit(options.url)
    settings: dict[str, Any] = {
        "subprotocols": [Subprotocol(PROTOCOL)],
        "compression": None,
        "max_size": MAX_MESSAGE,
        "open_timeout": options.timeout,
        "close_timeout": 2.0,
    }
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        settings["proxy"] = None
    if parts.scheme == "wss":
        settings["ssl"] = _trust(options.verify)
    return settings


def _trust(verify: bool | str | Path) -> ssl.SSLContext:
    if isinstance(verify, str | Path):
        try:
            return ssl.create_default_context(cafile=str(verify))
        except OSError as error:
            raise ClientError(f"cannot use the certificate file {verify}: {error}") from error
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _picture(image: Image) -> dict[str, str]:
    return {"mime": image.mime, "data": base64.b64encode(image.data).decode()}


def _sound(chunk: TtsAudioChunk, data: bytes, generation: int, seq: int, last: bool) -> Sound:
    text = chunk.text or ""
    return Sound(data, chunk.sample_rate, generation, seq, chunk.sentence_index, text, last, chunk.codec)


def _clip(clip: TtsAudio) -> Sound:
    pcm = base64.b64decode(clip.data)
    return Sound(pcm, clip.sample_rate, clip.generation_id, clip.seq, last=clip.last, codec=clip.codec)
