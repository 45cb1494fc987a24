"""CosyVoice and Qwen voices behind Alibaba's DashScope, over one WebSocket each for as long as it lasts.

A *task* is one request: `run-task`, then text in any pieces by `continue-task`, then `finish-task`; sound
comes as binary messages between `result-generated` events that say which stretch of the text it speaks.
When a task has finished, its connection serves the next one; a spare is opened ahead of need. A task that
nobody wants any more is ended by cutting its connection, the only way of which all models take note.

Source: Alibaba Cloud Model Studio, "CosyVoice WebSocket API", "client events" and "server events", read
2026-11; the `dashscope` package 2.0.2 talks to the loopback server these facts were put into.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style, Voice
from aizuchi.providers.errands import Errands
from aizuchi.providers.sockets import Gone, Socket, Sockets

BEIJING = "wss://dashscope.aliyuncs.com/api-ws/v1/inference"
IDLE = 50.0
"""Seconds after which a connection is not used again; the server closes it after 60 without a task."""
SILENCE = 60.0
"""Seconds without any message after which a task is given up, whatever the engine's own limits are."""
_LASTING = ("Invalid", "Arrearage", "AccessDenied", "ModelNotFound", "Unsupported", "DataInspection")
"""Codes of failures that no other try mends begin so."""


class CosyVoice(Voice):
    """Speech synthesis that takes text while it is written."""

    name = "cosyvoice"

    class Options(Voice.Options):
        model: str = Field(default="cosyvoice-v3-flash", min_length=1, description="the model's name")
        voice: str = Field(
            default="longanyang",
            description="used for characters that name no voice for cosyvoice",
        )
        base_url: str = Field(
            default=BEIJING, description="WebSocket address; other regions and workspaces have their own"
        )
        api_key: SecretStr = Field(
            default=SecretStr(""), description="the key; empty: DASHSCOPE_API_KEY from the environment"
        )
        workspace: str = Field(default="", description="id of the key's workspace, if it needs one")
        sample_rate: int = Field(default=24_000, ge=8_000, le=48_000, description="of the sound, in Hz")
        volume: int = Field(default=50, ge=0, le=100, description="loudness; 50 is the usual one")
        parameters: dict[str, Any] = Field(
            default_factory=dict, description="further parameters for every task, as they are"
        )
        connect_timeout: float = Field(
            default=5.0, gt=0, le=60, description="seconds to reach the server, and again to begin a task"
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._key = (options.api_key.get_secret_value() or os.environ.get("DASHSCOPE_API_KEY", "")).strip()
        address = urlsplit(options.base_url)
        if address.scheme not in ("ws", "wss") or not address.hostname:
            raise ConfigError(
                "tts.cosyvoice.base_url is not an address; expected wss://host/api-ws/v1/inference"
            )
        headers = {"Authorization": f"Bearer {self._key}", "user-agent": "aizuchi"}
        if options.workspace:
            headers["X-DashScope-WorkSpace"] = options.workspace
        self._host = address.hostname
        self._sockets = Sockets(
            options.base_url,
            headers,
            connect=options.connect_timeout,
            idle=IDLE,
            refused="refused the key; set DASHSCOPE_API_KEY, or tts.cosyvoice.api_key",
        )
        self._errands = Errands()

    async def __aenter__(self) -> Self:
        if not self._key and self._options.base_url == BEIJING:
            raise ConfigError(
                "tts.cosyvoice has no key: set DASHSCOPE_API_KEY in the environment or in .env",
                zh="tts.cosyvoice 没有密钥：请在环境变量或 .env 中设置 DASHSCOPE_API_KEY",
            )
        await self._errands.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sockets.close()
        await self._errands.__aexit__(None, None, None)

    async def warm(self) -> bool:
        """Keep one connection ready; says whether there is one."""
        return await self._sockets.warm()

    @property
    def streams(self) -> bool:
        return True

    @property
    def about(self) -> str:
        return f"{self._options.model}, voice {self._options.voice}, at {self._host}"

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio, None]:
        """Speak one sentence: a task whose text is known at once."""
        if not sentence.spoken.strip():
            return
        async with aclosing(self.speak(_once(sentence.spoken), style, sentence.language)) as items:
            async for item in items:
                if isinstance(item, Audio):
                    yield item

    async def speak(
        self, text: AsyncIterator[str], style: Style, language: str
    ) -> AsyncGenerator[Audio | Spoken, None]:
        """One task. The text is read by a task of the provider's own, which ends with the generator.

        Raises ProviderError: the server can't be reached, refused the task, sent nonsense or broke off.
        """
        if not self._errands.open:
            raise ProviderError("tts.cosyvoice is not open", retryable=False)
        task = _Task(uuid.uuid4().hex, self._host, self._options.sample_rate)
        socket = await self._begin(task, style)
        whole = False
        sender = self._errands.start("tts.cosyvoice", _send(socket, task, text), failed=socket.cut)
        try:
            while not task.finished:
                for item in task.receive(await socket.receive(SILENCE)):
                    yield item
            whole = True
        except ProviderError as error:
            raise sender.failure or error from None
        finally:
            # Not another reader of the text may be left when this generator is closed.
            await sender.end()
            self._sockets.give_back(socket, reusable=whole and task.text_over)

    async def _begin(self, task: _Task, style: Style) -> Socket:
        """A connection on which the task has started; a kept one that proves dead is replaced."""
        while True:
            socket, fresh = await self._sockets.take()
            begun = False
            try:
                await socket.send(task.message("run-task", self._run(style)))
                async with asyncio.timeout(self._options.connect_timeout):
                    while not task.started:
                        for _ in task.receive(await socket.receive(SILENCE)):
                            pass
                begun = True
                return socket
            except TimeoutError:
                raise ProviderError(f"{self._host} did not begin the task in time") from None
            except ProviderError:
                if fresh or task.answered:
                    raise
            finally:
                if not begun:
                    self._sockets.give_back(socket, reusable=False)

    def _run(self, style: Style) -> dict[str, Any]:
        options = self._options
        parameters: dict[str, Any] = {
            "text_type": "PlainText",
            "voice": style.voices.get(self.name) or options.voice,
            "format": "pcm",
            "sample_rate": options.sample_rate,
            "volume": options.volume,
            "rate": round(min(2.0, max(0.5, style.speed)), 3),
            "pitch": round(min(2.0, max(0.5, style.pitch)), 3),
        }
        return {
            "task_group": "audio",
            "task": "tts",
            "function": "SpeechSynthesizer",
            "model": options.model,
            "parameters": parameters | options.parameters,
            "input": {},
        }


class _Task:
    """One request's side of the protocol. Sans-I/O."""

    def __init__(self, id_: str, host: str, rate: int) -> None:
        self.answered = self.started = self.finished = False
        self.text_over = False
        """`finish-task` was sent."""
        self._id = id_
        self._host = host
        self._rate = rate
        self._sent = ""
        self._spoken = 0
        self._odd = b""

    def message(self, action: str, payload: dict[str, Any]) -> str:
        header = {"action": action, "task_id": self._id, "streaming": "duplex"}
        return json.dumps({"header": header, "payload": payload}, ensure_ascii=False)

    def piece(self, text: str) -> str:
        self._sent += text
        return self.message("continue-task", {"input": {"text": text}})

    def end(self) -> str:
        self.text_over = True
        return self.message("finish-task", {"input": {}})

    def receive(self, message: str | bytes) -> list[Audio | Spoken]:
        """What a message brings. Raises ProviderError."""
        self.answered = True
        if isinstance(message, bytes):
            pcm = self._odd + message
            self._odd = pcm[len(pcm) & ~1 :]
            pcm = pcm[: len(pcm) & ~1]
            return [Audio(pcm, self._rate)] if pcm and self.started else []
        try:
            said = json.loads(message)
            header, payload = said["header"], said.get("payload") or {}
            event, task = header["event"], header.get("task_id")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ProviderError(f"{self._host} sent something that is no event") from None
        if task != self._id:
            return []  # of a task before this one
        match event:
            case "task-started":
                self.started = True
            case "task-finished":
                self.finished = True
            case "task-failed":
                code = str(header.get("error_code") or "")
                why = " ".join(str(header.get("error_message") or "no reason given").split())[:300]
                raise ProviderError(
                    f"{self._host} gave the task up ({code}): {why}", retryable=not code.startswith(_LASTING)
                )
            case "result-generated":
                return self._progress(payload)
            case _:
                pass
        return []

    def _progress(self, payload: Any) -> list[Audio | Spoken]:
        """Where in our text the vendor's sentence stands; it may write blanks otherwise than we did."""
        output = payload.get("output") if isinstance(payload, dict) else None
        if not isinstance(output, dict) or not isinstance(text := output.get("original_text"), str):
            return []
        text = text.strip()
        at = self._sent.find(text, self._spoken)
        start = at if at >= 0 else self._spoken
        match output.get("type"):
            case "sentence-begin":
                return [Spoken(start)] if start else []
            case "sentence-end":
                self._spoken = min(len(self._sent), start + len(text))
                return [Spoken(self._spoken)]
            case _:
                return []


async def _send(socket: Socket, task: _Task, text: AsyncIterator[str]) -> None:
    try:
        async for piece in text:
            if piece:
                await socket.send(task.piece(piece))
        await socket.send(task.end())
    except Gone:
        return  # the reading side hears of it, and perhaps why


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
