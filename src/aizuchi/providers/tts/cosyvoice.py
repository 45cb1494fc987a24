"""CosyVoice and Qwen-Audio voices behind Alibaba's DashScope, over WebSockets that serve many requests.

A *task* is one request: `run-task`, then text in any pieces by `continue-task`, then `finish-task`; sound
comes as binary messages between `result-generated` events that say which stretch of the text it speaks, and
when each word of it is said. When a task has finished, its connection serves the next one; a spare is opened
ahead of need. A task that nobody wants any more is finished with the directive to cancel, and its connection
cut if that is not confirmed soon: the directive is what the official package sends, no document names it.

Source: Alibaba Cloud Model Studio, "CosyVoice WebSocket API", "client events" and "server events", read
2026-11; the `dashscope` package 2.0.2 talks to the loopback server these facts were put into.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic import Field

from aizuchi.ports import Style
from aizuchi.providers import dashscope
from aizuchi.providers.cloning.dashscope import CosyCloner
from aizuchi.providers.cloning.enrollment import Enrollment
from aizuchi.providers.sockets import Socket
from aizuchi.providers.tts import socket_voice
from aizuchi.providers.tts.cosyvoice_task import Task
from aizuchi.providers.tts.dashscope_voice import DashScopeVoice


class CosyVoice(DashScopeVoice[Task]):
    """Speech synthesis that takes text while it is written."""

    name = "cosyvoice"

    class Options(dashscope.DashScopeOptions):
        model: str = Field(default="cosyvoice-v3-flash", min_length=1, description="the model's name")
        voice: str = Field(
            default="longanyang",
            description="used for characters that name no voice for cosyvoice",
        )
        sample_rate: int = Field(default=24_000, ge=8_000, le=48_000, description="of the sound, in Hz")
        volume: int = Field(default=50, ge=0, le=100, description="loudness; 50 is the usual one")
        word_times: bool = Field(
            default=True,
            description="ask when each word is said; cloned voices and some of the vendor's own tell it",
        )
        parameters: dict[str, Any] = Field(
            default_factory=dict, description="further parameters for every task, as they are"
        )

    def __init__(self, options: Options) -> None:
        self._options = options
        super().__init__(
            options,
            dashscope.address(options.base_url, dashscope.INFERENCE),
            model=options.model,
            voice=options.voice,
            rate=options.sample_rate,
        )

    def _cloner(self, api: Enrollment) -> CosyCloner:
        return CosyCloner(api, self._options.model)

    def _talk(self, settings: str) -> Task:
        return Task(self._line.host, self._key, self._options.sample_rate)

    def _settings(self, style: Style, language: str, emotion: str, *, whole: bool) -> str:
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
        if options.word_times:
            parameters["word_timestamp_enabled"] = True
        payload = {
            "task_group": "audio",
            "task": "tts",
            "function": "SpeechSynthesizer",
            "model": options.model,
            "parameters": parameters | options.parameters,
            "input": {},
        }
        return json.dumps(payload, ensure_ascii=False)

    async def _start(self, socket: Socket, talk: Task, settings: str) -> None:
        await socket.send(talk.run(json.loads(settings)))
        while not talk.started:
            talk.receive(await socket.receive(socket_voice.SILENCE))

    async def _send(self, socket: Socket, talk: Task, text: AsyncIterator[str]) -> None:
        async for piece in text:
            if piece:
                await socket.send(talk.piece(piece))
        await socket.send(talk.end())

    async def _cancel(self, socket: Socket, talk: Task) -> bool:
        await socket.send(talk.cancel())
        while not talk.silenced:
            talk.receive(await socket.receive(self.cancelling))
        return True
