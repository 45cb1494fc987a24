"""Qwen-TTS's realtime protocol on loopback: as its documentation has it, strict, with faults to order.

Sound is a tone of 50 ms a character. In the mode `commit` each commit is one response; in `server_commit`
each sentence is one, as soon as it is whole, and the rest at a commit or at the end. It reads on while it
speaks.

`python -m tests.loopback.qwen_tts_server` runs it by itself.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.loopback.socket_serving import SENTENCE, Mouth, SocketServer, bearer
from tests.loopback.sound import encode, tone

KEY = "sk-qwen-0123456789"
PATH = "/api-ws/v1/realtime"
MS = 50
VOICES = {"Cherry", "Serena", "Ethan", "Chelsie"}
_RATES = {8000, 16000, 22050, 24000, 44100, 48000}
_FORMATS = {"pcm", "wav", "mp3", "opus"}
_LANGUAGES = {"Auto", "Chinese", "English", "German", "Italian", "Portuguese", "Spanish", "Japanese"}
_LANGUAGES |= {"Korean", "French", "Russian"}
_FIELDS = {"voice", "mode", "response_format", "sample_rate", "language_type", "volume", "speech_rate"}
_FIELDS |= {"pitch_rate", "bit_rate", "enable_tn", "instructions", "optimize_instructions"}


@dataclass
class Session:
    """One connection as the server saw it."""

    model: str
    headers: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    updates: int = 0
    pieces: list[str] = field(default_factory=list[str])
    said: list[str] = field(default_factory=list[str])
    """The text of each response."""
    commits: int = 0
    clears: int = 0
    cancels: int = 0
    finished: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Refused(Exception):
    """The client broke the protocol, or asked for what there is not."""

    def __init__(self, why: str, code: str = "invalid_value") -> None:
        super().__init__(why)
        self.code = code


class QwenTtsServer(SocketServer[Session]):
    """`handshakes` counts connections, `sessions` are as they began."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        """Of the next connections, one each: no_hello, stall_start, garbage, no_object, refuse."""
        self.trouble: list[str] = []
        """Of the next responses, one each: error, failed, close, stall, garbage, binary, odd, drip, slow,
        unknown, twice, late, bare, flood, other."""
        self.deaf = False
        """A cancel is not heard."""
        self.numbers = itertools.count(1)

    @property
    def sessions(self) -> list[Session]:
        return self._seen

    def knock(self, connection: ServerConnection, request: Request) -> Response | None:
        address = urlsplit(request.path)
        if address.path != PATH:
            return connection.respond(404, "no such path\n")
        if bearer(request.headers) != KEY:
            return connection.respond(401, "a key is needed\n")
        if not parse_qs(address.query).get("model"):
            return connection.respond(400, "a model is needed\n")
        return None

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        model = parse_qs(urlsplit(connection.request.path).query)["model"][0]
        headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
        session = Session(model, headers)
        self.note(session)
        try:
            await _Talk(self, connection, session).run(self.faults.pop(0) if self.faults else "")
        finally:
            session.closed.set()


class _Talk:
    """One connection."""

    def __init__(self, server: QwenTtsServer, connection: ServerConnection, session: Session) -> None:
        self._server = server
        self._connection = connection
        self._session = session
        self._settings: dict[str, Any] = {
            "object": "realtime.session",
            "mode": "server_commit",
            "model": session.model,
            "voice": "Cherry",
            "response_format": "pcm",
            "sample_rate": 24_000,
            "id": "sess_1",
        }
        self._ids: set[str] = set()
        self._waiting = ""
        self._begun = False
        self._response = ""

    async def run(self, fault: str) -> None:
        if fault == "no_hello":
            await self._connection.wait_closed()
            return
        if fault in ("garbage", "no_object"):
            await self._connection.send("{not json" if fault == "garbage" else "[1]")
        await self._send("session.created", session=self._settings)
        async with Mouth(self._speak) as mouth:
            while not self._session.finished:
                id_ = ""
                try:
                    id_, kind, said = self._read(await self._connection.recv())
                    if kind == "session.update" and fault == "stall_start":
                        await self._connection.wait_closed()
                    if kind == "session.update" and fault == "refuse":
                        raise Refused(f"slow down, {KEY}", "Throttling.RateQuota")
                    await self._take(kind, said, mouth)
                except Refused as refused:
                    error = {"code": refused.code, "message": str(refused), "event_id": id_}
                    await self._send("error", error=error)
            await mouth.done()
            await self._send("session.finished")

    def _read(self, message: str | bytes) -> tuple[str, str, dict[str, Any]]:
        if isinstance(message, bytes):
            raise Refused("a binary message")
        said = json.loads(message)
        id_ = said.get("event_id")
        if not isinstance(id_, str) or not id_ or id_ in self._ids:
            raise Refused("event_id is missing or not new")
        self._ids.add(id_)
        return id_, str(said.get("type")), said

    async def _take(self, kind: str, said: dict[str, Any], mouth: Mouth[str]) -> None:
        session = self._session
        match kind:
            case "session.update":
                if self._begun:
                    raise Refused("Session update error: session already started or finished or failed.")
                self._settings |= _checked(said.get("session"), session.model)
                session.settings, session.updates = dict(said["session"]), session.updates + 1
                await self._send("session.updated", session=self._settings)
            case "input_text_buffer.append":
                if not isinstance(text := said.get("text"), str) or not text:
                    raise Refused("text is missing")
                session.pieces.append(text)
                self._waiting += text
                if self._settings["mode"] == "server_commit":
                    while match := SENTENCE.match(self._waiting):
                        self._waiting = self._waiting[match.end() :]
                        self._put(mouth, match[0])
            case "input_text_buffer.commit":
                session.commits += 1
                if not any(letter.isalnum() for letter in self._waiting):
                    raise Refused("the buffer holds nothing to say")
                await self._send("input_text_buffer.committed", item_id="item_1")
                self._put(mouth, self._waiting)
                self._waiting = ""
            case "input_text_buffer.clear":
                session.clears += 1
                self._waiting = ""
                await self._send("input_text_buffer.cleared")
            case "response.cancel":
                session.cancels += 1
                if not self._server.deaf:
                    await self._cancel(mouth)
            case "session.finish":
                if any(letter.isalnum() for letter in self._waiting):
                    self._put(mouth, self._waiting)
                session.finished = True
            case _:
                raise Refused(f"unknown type {kind}")

    def _put(self, mouth: Mouth[str], text: str) -> None:
        self._begun = True
        mouth.put(text)

    async def _cancel(self, mouth: Mouth[str]) -> None:
        id_, self._response = self._response, ""
        if not id_:
            raise Refused("there is no response to cancel")
        mouth.clear()
        # What was under way may still arrive, before and after it is said to be over.
        await self._delta(id_, b"\1\1" * 50)
        await self._send("response.done", response={"id": id_, "status": "cancelled"})
        await self._delta(id_, b"\1\1" * 50)

    async def _speak(self, text: str) -> None:
        fault = self._server.trouble.pop(0) if self._server.trouble else ""
        id_ = self._response = "" if fault == "bare" else f"resp_{next(self._server.numbers)}"
        self._session.said.append(text)
        await self._send("response.created", response={"id": id_, "status": "in_progress"})
        if fault != "bare":
            await self._send("response.output_item.added", response_id=id_, item={"id": "item_1"})
            await self._send("response.content_part.added", response_id=id_, content_index=0)
        rate = self._settings["sample_rate"]
        sound = encode(tone(text.strip(), MS, rate), self._settings["response_format"], rate)
        step = 333 if fault in ("drip", "slow") else rate // 10 * 2
        for number, at in enumerate(range(0, len(sound), step)):
            if number == 1:
                await self._fault(fault, id_)
            if fault == "slow":
                await asyncio.sleep(0.005)
            await self._delta(id_, sound[at : at + step])
        if fault != "bare":
            await self._send("response.audio.done", response_id=id_)
            await self._send("response.output_item.done", response_id=id_)
        self._response = ""
        for _ in range(2 if fault == "twice" else 1):
            await self._send("response.done", response={"id": id_, "status": "completed", "usage": {}})
        if fault == "late":
            await self._delta(id_, b"\1\1" * 50)

    async def _fault(self, fault: str, id_: str) -> None:
        connection = self._connection
        match fault:
            case "error":
                await self._send("error", error={"code": "InternalError", "message": f"it broke, {KEY}"})
            case "failed":
                details = {"error": {"code": "InternalError", "message": "it broke"}}
                await self._send(
                    "response.done", response={"id": id_, "status": "failed", "status_details": details}
                )
            case "close":
                await connection.close(1011)
            case "stall":
                await connection.wait_closed()
            case "garbage":
                await connection.send("\x00<html>")
            case "binary":
                await connection.send(b"\xff\xfe\xfd")
            case "odd":
                await self._send("response.audio.delta", response_id=id_, delta="not base64!")
            case "unknown":
                await self._send("something.new", delta=5)
            case "flood":
                for _ in range(100):
                    await self._delta(id_, bytes(10_000))
            case _:
                pass

    async def _delta(self, id_: str, sound: bytes) -> None:
        more: dict[str, Any] = {"response_id": id_} if id_ else {}
        delta = base64.b64encode(sound).decode()
        await self._send(
            "response.audio.delta", item_id="item_1", output_index=0, content_index=0, delta=delta, **more
        )

    async def _send(self, kind: str, **fields: Any) -> None:
        event = {"event_id": f"event_{next(self._server.numbers)}", "type": kind, **fields}
        await self._connection.send(json.dumps(event))


def _checked(given: Any, model: str) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) - _FIELDS:
        raise Refused("session is missing, or a field of it is unknown")
    voice = given.get("voice")
    if voice not in VOICES if "-vc" not in model else not str(voice).startswith("qwen-tts-vc-"):
        raise Refused(f"Voice '{voice}' is not supported.")
    for name, allowed in {
        "mode": ("server_commit", "commit"),
        "response_format": _FORMATS,
        "sample_rate": _RATES,
        "language_type": _LANGUAGES,
    }.items():
        if name in given and given[name] not in allowed:
            raise Refused(f"{name} is not supported")
    for name, low, high in (("volume", 0, 100), ("speech_rate", 0.5, 2), ("pitch_rate", 0.5, 2)):
        if not low <= given.get(name, low) <= high:
            raise Refused(f"{name} is out of range")
    return given


async def _main() -> None:
    async with QwenTtsServer() as server:
        print(server.host + PATH, KEY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
