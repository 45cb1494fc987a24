"""DashScope's speech synthesis on loopback: the protocol of its documentation, strict, with faults to order.

Sound is a tone of 50 ms a character, made sentence by sentence: text waits until its sentence is whole, or
until `finish-task`, as the vendor's does. `python -m tests.loopback.cosyvoice_server` runs it by itself.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

KEY = "sk-cosy-0123456789"
MS = 50
_SENTENCE = re.compile(r".*?[.!?。！？]\s*", re.DOTALL)
_FORMATS = {"pcm", "wav", "mp3", "opus"}


@dataclass
class Task:
    """One task as the server saw it."""

    id: str
    parameters: dict[str, Any]
    model: str
    pieces: list[str] = field(default_factory=list[str])
    finished: bool = False
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """The connection went before the task was over."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Refused(Exception):
    """The client broke the protocol."""


class CosyVoiceServer:
    """`/api-ws/v1/inference`. `handshakes` counts connections, `tasks` are as they began."""

    def __init__(self) -> None:
        self.port = 0
        self.handshakes = 0
        self.tasks: list[Task] = []
        self.faults: list[str] = []
        """Of the next tasks, one each: refuse, stall_start, garbage, other before the start; fail, close,
        stall, drip in the first sentence; drop_idle afterwards."""
        self._news = asyncio.Event()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api-ws/v1/inference"

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", self.port, process_request=self._knock)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    async def task(self, count: int) -> Task:
        """Wait for the task of this number, counted from 1."""
        while len(self.tasks) < count:
            self._news.clear()
            await self._news.wait()
        return self.tasks[count - 1]

    def _knock(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path != "/api-ws/v1/inference":
            return connection.respond(404, "no such path\n")
        # The official package writes "bearer" in its own way; only the key counts.
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key != KEY:
            return connection.respond(401, "a key is needed\n")
        self.handshakes += 1
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            while await self._one(connection):
                pass
        except ConnectionClosed:
            pass

    async def _one(self, connection: ServerConnection) -> bool:
        """One task; says whether the connection may serve another one."""
        try:
            action, id_, payload = _read(await connection.recv())
            if action != "run-task":
                raise Refused(f"expected run-task, got {action}")
            task = _task(id_, payload)
        except Refused as refused:
            await connection.send(
                _event("task-failed", "", error_code="InvalidParameter", error_message=str(refused))
            )
            return False
        self.tasks.append(task)
        self._news.set()
        fault = self.faults.pop(0) if self.faults else ""
        try:
            return await self._run(connection, task, fault)
        except Refused as refused:
            await connection.send(
                _event("task-failed", id_, error_code="InvalidParameter", error_message=str(refused))
            )
            return False
        finally:
            if not task.finished:
                task.cancelled.set()

    async def _run(self, connection: ServerConnection, task: Task, fault: str) -> bool:
        match fault:
            case "refuse":
                failed = _event(
                    "task-failed", task.id, error_code="Throttling.RateQuota", error_message="too many tasks"
                )
                await connection.send(failed)
                return False
            case "stall_start":
                await connection.wait_closed()
                return False
            case "garbage":
                await connection.send("{not json")
            case "other":
                await connection.send(_event("task-finished", "another"))
        await connection.send(_event("task-started", task.id))
        waiting, index, over = "", 0, False
        while not over:
            action, id_, payload = _read(await connection.recv())
            if id_ != task.id:
                raise Refused("the task id changed")
            match action:
                case "continue-task":
                    text = payload["input"].get("text")
                    if not isinstance(text, str) or not text or len(text) > 20_000:
                        raise Refused("input.text is missing or too long")
                    task.pieces.append(text)
                    waiting += text
                case "finish-task":
                    over = True
                case _:
                    raise Refused(f"unexpected {action}")
            while match := _SENTENCE.match(waiting):
                waiting = waiting[match.end() :]
                if not await self._say(connection, task, match[0], index, fault):
                    return False
                index += 1
            if over and waiting.strip() and not await self._say(connection, task, waiting, index, fault):
                return False
        task.finished = True
        await connection.send(_event("task-finished", task.id, {"usage": {"characters": len(task.text)}}))
        if fault == "drop_idle":
            await connection.close()
        return True

    async def _say(self, connection: ServerConnection, task: Task, text: str, index: int, fault: str) -> bool:
        def told(kind: str, **more: Any) -> str:
            output = {"sentence": {"index": index, "words": []}, "type": kind, **more}
            return _event("result-generated", task.id, {"output": output})

        if task.parameters["format"] != "pcm":
            raise Refused("the loopback server speaks pcm only")
        rate = int(task.parameters["sample_rate"])
        pcm = index.to_bytes(2, "little") * (len(text.strip()) * MS * rate // 1000)
        step = rate // 10 * 2
        frames = [pcm[at : at + step] for at in range(0, len(pcm), step)]
        if fault == "drip":
            frames = [pcm[at : at + 333] for at in range(0, len(pcm), 333)]
        await connection.send(told("sentence-begin", original_text=text.strip()))
        for number, frame in enumerate(frames):
            await connection.send(told("sentence-synthesis"))
            await connection.send(frame)
            if number == 1 and fault == "close":
                await connection.close(1011)
                return False
            if number == 1 and fault == "stall":
                await connection.wait_closed()
                return False
            if number == 1 and fault == "fail":
                failed = _event("task-failed", task.id, error_code="InternalError", error_message="it broke")
                await connection.send(failed)
                return False
        await connection.send(told("sentence-end", original_text=text.strip()))
        return True


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
