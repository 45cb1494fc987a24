"""MiniMax's speech synthesis on loopback: both protocols of its documentation, strict, with faults to order.

Sound is a tone of 50 ms a character. The classic path speaks each `task_continue` by itself. The other one
waits until a sentence is whole or flushed, and reads on while it speaks, as the vendor's does: a cancel takes
effect between two messages of sound. `python -m tests.loopback.minimax_server` runs it by itself.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.loopback.socket_serving import SENTENCE, Mouth, SocketServer
from tests.loopback.sound import encode, tone

KEY = "mm-0123456789abcdef"
MS = 50
CLASSIC = "/ws/v1/t2a_v2"
BIDIRECTIONAL = "/ws/v1/t2a_v2_bidi"
_EMOTIONS = {"happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm", "fluent", "neutral"}
_RATES = {8000, 16000, 22050, 24000, 32000, 44100}
_CUSTOM = {"event", "model", "voice_setting", "audio_setting", "pronunciation_dict", "language_boost"}
_CUSTOM |= {"voice_modify", "timbre_weights", "subtitle_enable", "session_id"}


@dataclass
class Task:
    """One started connection as the server saw it."""

    path: str
    start: dict[str, Any]
    pieces: list[str] = field(default_factory=list[str])
    flushes: int = 0
    cancels: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Refused(Exception):
    """The client broke the protocol."""

    def __init__(self, why: str, code: int = 2013) -> None:
        super().__init__(why)
        self.code = code


class MiniMaxServer(SocketServer[Task]):
    """Both paths. `handshakes` counts connections, `tasks` are as they began."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.queries: list[str] = []
        self.faults: list[str] = []
        """Of the next connections, one each: no_hello, bad_key, and stall_start, garbage, no_object before
        the start."""
        self.trouble: list[str] = []
        """Of the next sentences, one each: fail, close, stall, garbage, odd, binary, soft, slow, drip, bare,
        twice, unknown, flood."""
        self.deaf = False
        """A cancel is not confirmed."""
        self.tells = False
        """The events round a sentence hold its text, which the document does not say."""

    @property
    def tasks(self) -> list[Task]:
        return self._seen

    def knock(self, connection: ServerConnection, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        if path not in (CLASSIC, BIDIRECTIONAL):
            return connection.respond(404, "no such path\n")
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return connection.respond(401, "a key is needed\n")
        self.queries.append(query)
        return None

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path.partition("?")[0]
        fault = self.faults.pop(0) if self.faults else ""
        try:
            await self._one(connection, path, fault)
        except Refused as refused:
            await connection.send(_event("task_failed", code=refused.code, why=str(refused)))

    async def _one(self, connection: ServerConnection, path: str, fault: str) -> None:
        match fault:
            case "no_hello":
                await connection.wait_closed()
                return
            case "bad_key":
                raise Refused(f"invalid api key {KEY}", 1004)
            case _:
                await connection.send(_event("connected_success"))
        task = Task(path, _start(await connection.recv()))
        self.note(task)
        try:
            match fault:
                case "stall_start":
                    await connection.wait_closed()
                case "garbage":
                    await connection.send("{not json")
                case "no_object":
                    await connection.send("[1, 2]")
                case _:
                    await connection.send(_event("task_started"))
            speaker = _Speaker(self, connection, task)
            await (speaker.bidirectional() if path == BIDIRECTIONAL else speaker.classic())
        finally:
            task.closed.set()


class _Speaker:
    """A started connection."""

    def __init__(self, server: MiniMaxServer, connection: ServerConnection, task: Task) -> None:
        self._server = server
        self._connection = connection
        self._task = task

    async def classic(self) -> None:
        while True:
            match _read(await self._connection.recv()):
                case {"event": "task_continue", "text": str(text)}:
                    self._take(text)
                    await self._say(text)
                case {"event": "task_finish"}:
                    await self._connection.send(_event("task_finished"))
                    return
                case other:
                    raise Refused(f"unexpected {other.get('event')}")

    async def bidirectional(self) -> None:
        waiting = ""
        async with Mouth(self._speak) as speaking:
            while True:
                match _read(await self._connection.recv()):
                    case {"event": "task_continue", "text": str(text)}:
                        self._take(text)
                        waiting += text
                        while match := SENTENCE.match(waiting):
                            waiting = waiting[match.end() :]
                            speaking.put(match[0])
                    case {"event": "task_flush"}:
                        self._task.flushes += 1
                        if waiting.strip():
                            speaking.put(waiting)
                        waiting = ""
                        speaking.put(None)
                    case {"event": "task_cancel"}:
                        self._task.cancels += 1
                        waiting = ""
                        if self._server.deaf:
                            continue
                        speaking.clear()
                        # What was under way may still arrive before the confirmation.
                        await self._connection.send(_sound(b"\1\1" * 50))
                        await self._connection.send(_event("task_canceled"))
                    case {"event": "task_finish"}:
                        if waiting.strip():
                            speaking.put(waiting)
                        await speaking.done()
                        await self._connection.send(_event("task_finished"))
                        return
                    case other:
                        raise Refused(f"unexpected {other.get('event')}")

    def _take(self, text: str) -> None:
        if len(text) >= 10_000:
            raise Refused("the text is too long", 2204)
        self._task.pieces.append(text)

    async def _speak(self, text: str | None) -> None:
        if text is None:
            await self._connection.send(_event("task_flushed"))
            return
        told: dict[str, Any] = {"text": text.strip()} if self._server.tells else {}
        await self._connection.send(_event("sentence_start", **told))
        await self._say(text)
        await self._connection.send(_event("sentence_end", **told))

    async def _say(self, text: str) -> None:
        send = self._connection.send
        fault = self._server.trouble.pop(0) if self._server.trouble else ""
        setting = self._task.start["audio_setting"]
        rate = int(setting["sample_rate"])
        sound = encode(tone(text.strip(), MS, rate), setting["format"], rate)
        step = 333 if fault in ("drip", "slow") else rate // 10 * 2
        if fault == "unknown":
            await send(_event("something_new", data={"audio": None}))
        for number, at in enumerate(range(0, len(sound), step)):
            if number == 1:
                await self._fault(fault)
            if fault == "slow":
                await asyncio.sleep(0.005)
            await send(_sound(sound[at : at + step], event="" if fault == "bare" else "task_continued"))
        for _ in range(2 if fault == "twice" else 1):
            extra = {"audio_sample_rate": rate, "audio_size": len(sound), "usage_characters": len(text)}
            await send(_sound(b"", is_final=True, extra_info=extra))

    async def _fault(self, fault: str) -> None:
        connection = self._connection
        match fault:
            case "fail":
                await connection.send(_event("task_failed", code=1002, why="rate limit"))
                await connection.close()
            case "soft":
                await connection.send(_event("task_continued", code=2205, why="queue full"))
            case "close":
                await connection.close(1011)
            case "stall":
                await connection.wait_closed()
            case "garbage":
                await connection.send("\x00<html>")
            case "odd":
                await connection.send(json.dumps({"event": "task_continued", "data": {"audio": "abc"}}))
            case "binary":
                await connection.send(b"\xff\xfe\xfd")
            case "flood":
                for _ in range(100):
                    await connection.send(_sound(bytes(10_000)))
            case _:
                pass


def _read(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        raise Refused("a binary message")
    said = json.loads(message)
    if not isinstance(said, dict):
        raise Refused("no object")
    return said


def _start(message: str | bytes) -> dict[str, Any]:
    said = _read(message)
    if said.get("event") != "task_start":
        raise Refused(f"expected task_start, got {said.get('event')}")
    voice, sound = said.get("voice_setting") or {}, said.get("audio_setting") or {}
    if not said.get("model") or set(said) - _CUSTOM:
        raise Refused("the model is missing, or a field is unknown")
    if voice.get("voice_id") == "nobody":
        raise Refused("no such voice", 20132)
    if not voice.get("voice_id") or not isinstance(voice.get("pitch", 0), int):
        raise Refused("voice_setting")
    if not (0.5 <= voice.get("speed", 1) <= 2 and 0 < voice.get("vol", 1) <= 10):
        raise Refused("speed or vol")
    if voice.get("emotion", "calm") not in _EMOTIONS or not -12 <= voice.get("pitch", 0) <= 12:
        raise Refused("emotion or pitch")
    if sound.get("sample_rate") not in _RATES or sound.get("format") not in ("pcm", "mp3"):
        raise Refused("audio_setting")
    return said


def _event(event: str, *, code: int = 0, why: str = "success", **more: Any) -> str:
    said = {"session_id": "s-1", "trace_id": "t-1", "event": event} | more
    return json.dumps(said | {"base_resp": {"status_code": code, "status_msg": why}})


def _sound(pcm: bytes, *, event: str = "task_continued", is_final: bool = False, **more: Any) -> str:
    said: dict[str, Any] = {"data": {"audio": pcm.hex()}, "is_final": is_final, "trace_id": "t-1", **more}
    said["base_resp"] = {"status_code": 0, "status_msg": "success"}
    return json.dumps({"event": event} | said if event else said)


async def _main() -> None:
    async with MiniMaxServer() as server:
        print(server.host, KEY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
