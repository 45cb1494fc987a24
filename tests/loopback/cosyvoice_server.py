"""DashScope's speech synthesis on loopback: the protocol of its documentation, strict, with faults to order.

Sound is a tone of 50 ms a character, made sentence by sentence: text waits until its sentence is whole, or
until `finish-task`, as the vendor's does. It reads on while it speaks, so that a cancel takes effect between
two messages of sound. `python -m tests.loopback.cosyvoice_server` runs it by itself.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.loopback.socket_serving import SENTENCE, Mouth, SocketServer, bearer

KEY = "sk-cosy-0123456789"
PATH = "/api-ws/v1/inference"
MS = 50
_FORMATS = {"pcm", "wav", "mp3", "opus"}


@dataclass
class Task:
    """One task as the server saw it."""

    id: str
    parameters: dict[str, Any]
    model: str
    pieces: list[str] = field(default_factory=list[str])
    finished: bool = False
    cancels: int = 0
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """The connection went before the task was over."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Refused(Exception):
    """The client broke the protocol."""


class Broken(Exception):
    """The server does something wrong, as ordered; nothing more is said on this connection."""


class CosyVoiceServer(SocketServer[Task]):
    """`/api-ws/v1/inference`. `handshakes` counts connections, `tasks` are as they began."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        """Of the next tasks, one each: refuse, stall_start, garbage, other before the start; fail, close,
        stall, drip, slow in the first sentence; no_words, relative, twice about the words' times; drop_idle
        afterwards."""
        self.deaf = False
        """A cancel is not confirmed."""

    @property
    def tasks(self) -> list[Task]:
        return self._seen

    @property
    def url(self) -> str:
        return self.host + PATH

    def knock(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path != PATH:
            return connection.respond(404, "no such path\n")
        # The official package writes "bearer" in its own way; only the key counts.
        return None if bearer(request.headers) == KEY else connection.respond(401, "a key is needed\n")

    async def talk(self, connection: ServerConnection) -> None:
        while await _Talk(self, connection).run():
            pass


class _Talk:
    """One task on a connection."""

    def __init__(self, server: CosyVoiceServer, connection: ServerConnection) -> None:
        self._server = server
        self._connection = connection
        self._fault = ""
        self._said_ms = 0
        self._over = asyncio.Event()
        """Nothing more will be said in this task."""
        self._broken = False

    async def run(self) -> bool:
        """Says whether the connection may serve another one."""
        id_ = ""
        try:
            action, id_, payload = _read(await self._connection.recv())
            if action != "run-task":
                raise Refused(f"expected run-task, got {action}")
            task = _task(id_, payload)
            self._server.note(task)
            self._fault = self._server.faults.pop(0) if self._server.faults else ""
            try:
                return await self._serve(task)
            finally:
                if not task.finished:
                    task.cancelled.set()
        except Refused as refused:
            await self._fail(id_, "InvalidParameter", str(refused))
            return False

    async def _serve(self, task: Task) -> bool:
        if not await self._begin(task):
            return False
        waiting, index, over = "", 0, False
        async with Mouth[tuple[str, int] | None](lambda what: self._speak(task, what)) as mouth:
            while (message := await self._next()) is not None:
                action, id_, payload = _read(message)
                if id_ != task.id:
                    raise Refused("the task id changed")
                if action == "finish-task" and payload["input"].get("directive") == "cancel":
                    task.cancels += 1
                    if self._server.deaf:
                        continue
                    mouth.clear()
                    # What was under way may still arrive before the confirmation.
                    await self._connection.send(b"\1\1" * 50)
                    mouth.put(None)
                elif over:
                    raise Refused(f"unexpected {action} after finish-task")
                elif action == "continue-task":
                    waiting += _text(payload)
                    task.pieces.append(payload["input"]["text"])
                elif action == "finish-task":
                    over = True
                else:
                    raise Refused(f"unexpected {action}")
                while match := SENTENCE.match(waiting):
                    waiting = waiting[match.end() :]
                    mouth.put((match[0], index))
                    index += 1
                if over and waiting.strip():
                    mouth.put((waiting, index))
                    waiting = ""
                if over:
                    mouth.put(None)
        return task.finished and not self._broken

    async def _next(self) -> str | bytes | None:
        """The next message, or None when the task is over first."""
        reading = asyncio.create_task(self._connection.recv())
        ending = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
            return None if ending.done() else await reading
        finally:
            for each in (reading, ending):
                each.cancel()
            await asyncio.gather(reading, ending, return_exceptions=True)

    async def _begin(self, task: Task) -> bool:
        match self._fault:
            case "refuse":
                await self._fail(task.id, "Throttling.RateQuota", f"too many tasks of {KEY}")
                return False
            case "stall_start":
                await self._connection.wait_closed()
                return False
            case "garbage":
                await self._connection.send("{not json")
            case "other":
                await self._connection.send(_event("task-finished", "another"))
        await self._connection.send(_event("task-started", task.id))
        return True

    async def _speak(self, task: Task, what: tuple[str, int] | None) -> None:
        try:
            if what is not None:
                await self._say(task, *what)
                return
            task.finished = True
            usage = {"usage": {"characters": len(task.text)}}
            await self._connection.send(_event("task-finished", task.id, usage))
            if self._fault == "drop_idle":
                await self._connection.close()
            self._over.set()
        except Broken:
            self._broken = True
            self._over.set()

    async def _say(self, task: Task, text: str, index: int) -> None:
        send, fault = self._connection.send, self._fault

        def told(kind: str, words: list[dict[str, Any]] | None = None, **more: Any) -> str:
            output = {"sentence": {"index": index, "words": words or []}, "type": kind, **more}
            return _event("result-generated", task.id, {"output": output})

        rate = int(task.parameters["sample_rate"])
        pcm = index.to_bytes(2, "little") * (len(text.strip()) * MS * rate // 1000)
        step = 333 if fault in ("drip", "slow") else rate // 10 * 2
        words = self._words(task, text)
        await send(told("sentence-begin", original_text=text.strip()))
        for number, at in enumerate(range(0, len(pcm), step)):
            await send(told("sentence-synthesis", words[:1] if fault == "twice" else None))
            await send(pcm[at : at + step])
            if fault == "slow":
                await asyncio.sleep(0.005)
            if number == 1:
                await self._break(task)
        self._said_ms += len(text.strip()) * MS
        await send(told("sentence-end", words, original_text=text.strip()))

    async def _break(self, task: Task) -> None:
        match self._fault:
            case "close":
                await self._connection.close(1011)
            case "stall":
                await self._connection.wait_closed()
            case "fail":
                await self._fail(task.id, "InternalError", "it broke")
            case _:
                return
        raise Broken

    def _words(self, task: Task, text: str) -> list[dict[str, Any]]:
        if not task.parameters.get("word_timestamp_enabled") or self._fault == "no_words":
            return []
        begun = 0 if self._fault == "relative" else self._said_ms
        return [
            {
                "text": match[0],
                "begin_index": match.start(),
                "end_index": match.end(),
                "begin_time": begun + match.start() * MS,
                "end_time": begun + match.end() * MS,
            }
            for match in re.finditer(r"\w+", text.strip())
        ]

    async def _fail(self, id_: str, code: str, why: str) -> None:
        await self._connection.send(_event("task-failed", id_, error_code=code, error_message=why))


def _text(payload: dict[str, Any]) -> str:
    text = payload["input"].get("text")
    if not isinstance(text, str) or not text or len(text) > 20_000:
        raise Refused("input.text is missing or too long")
    return text


def _read(message: str | bytes) -> tuple[str, str, dict[str, Any]]:
    if isinstance(message, bytes):
        raise Refused("a binary message")
    said = json.loads(message)
    header, payload = said["header"], said["payload"]
    if header.get("streaming") != "duplex" or not header.get("task_id"):
        raise Refused("the header lacks streaming or task_id")
    if not isinstance(payload.get("input"), dict):
        raise Refused("the payload lacks input")
    return header["action"], header["task_id"], payload


def _task(id_: str, payload: dict[str, Any]) -> Task:
    wanted = {"task_group": "audio", "task": "tts", "function": "SpeechSynthesizer"}
    for name, value in wanted.items():
        if payload.get(name) != value:
            raise Refused(f"{name} should be {value}")
    parameters = payload.get("parameters") or {}
    if not payload.get("model") or not parameters.get("voice") or parameters.get("format") not in _FORMATS:
        raise Refused("model, voice and format are needed")
    if parameters["format"] != "pcm":
        raise Refused("the loopback server speaks pcm only")
    if payload["input"]:
        raise Refused("input must be empty in run-task")
    return Task(id_, parameters, payload["model"])


def _event(event: str, task: str, payload: dict[str, Any] | None = None, **header: str) -> str:
    return json.dumps(
        {"header": {"task_id": task, "event": event, "attributes": {}, **header}, "payload": payload or {}}
    )


async def _main() -> None:
    async with CosyVoiceServer() as server:
        print(server.url, KEY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
