"""Qwen-TTS behind Alibaba's DashScope: the realtime models, those that speak with cloned voices among them.

A connection is a *session*: it is configured once, before it has spoken, and so is kept for requests with the
same settings; a spare that is not configured yet serves any. In the mode **commit** each commit of the text
is answered by one response, and the connection goes on. In the mode **server_commit** the server decides when
to speak; how many responses that makes nobody knows before `session.finished`, after which it closes.
Sentences by themselves are always committed. Text while it is written goes as the option `mode` says.

The official package can cancel a response, which the document does not name: we do so, and cut the connection
unless the response is soon over.

Source: Alibaba Cloud Model Studio, "Qwen-TTS Realtime API", "client events" and "server events", read
2026-11; the `dashscope` package 2.0.2 talks to the loopback server these facts were put into.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import Field

from aizuchi.ports import Style
from aizuchi.providers import dashscope
from aizuchi.providers.cloning.dashscope import QwenCloner
from aizuchi.providers.cloning.enrollment import Enrollment
from aizuchi.providers.sockets import Socket
from aizuchi.providers.tts import socket_voice
from aizuchi.providers.tts.dashscope_voice import DashScopeVoice
from aizuchi.providers.tts.qwen_tts_request import Request, Sentences, speakable

KEPT: Final = 8
"""Idle connections at most: each voice and each language has its own."""
PIECE: Final = 2_000
"""Characters in one message; how many the server takes is not said."""
LANGUAGES: Final = {
    "zh": "Chinese",
    "en": "English",
    "de": "German",
    "it": "Italian",
    "pt": "Portuguese",
    "es": "Spanish",
    "ja": "Japanese",
    "ko": "Korean",
    "fr": "French",
    "ru": "Russian",
}


class QwenTts(DashScopeVoice[Request]):
    """Speech synthesis that takes text while it is written, in the vendor's voices and in cloned ones."""

    name = "qwen_tts"
    bound = True
    # No document knows of a cancel: whoever does not obey at once will not do so later.
    cancelling = 0.3

    class Options(dashscope.DashScopeOptions):
        model: str = Field(
            default="qwen3-tts-flash-realtime",
            min_length=1,
            description="the model's name; cloned voices speak with the -vc- model they were made for",
        )
        voice: str = Field(
            default="Cherry", min_length=1, description="used for characters that name no voice for qwen_tts"
        )
        mode: Literal["server_commit", "commit"] = Field(
            default="server_commit",
            description="who decides when text is spoken that is still being written: the server, or every"
            " sentence is committed, which keeps the connection for the next request",
        )
        format: Literal["pcm", "wav", "mp3", "opus"] = Field(
            default="pcm",
            description="of whole sentences; pcm sounds soonest, the others save bandwidth. Streamed text is"
            " always pcm",
        )
        sample_rate: Literal[8000, 16000, 22050, 24000, 44100, 48000] = Field(
            default=24_000, description="of the sound, in Hz"
        )
        language_type: str = Field(
            default="", description="a language as the vendor calls it, or Auto; empty: the sentence's own"
        )
        speed: float = Field(
            default=1.0, ge=0.5, le=2, description="pace, multiplied with the character's own"
        )
        volume: int = Field(default=50, ge=0, le=100, description="loudness; 50 is the usual one")
        instructions: str = Field(
            default="", description="how to speak, for the -instruct- models that follow instructions"
        )
        emotions: bool = Field(default=False, description="add the sentence's emotion to the instructions")
        parameters: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the session, as they are"
        )

    def __init__(self, options: Options) -> None:
        self._options = options
        url = dashscope.address(options.base_url, dashscope.REALTIME)
        if "model=" not in url:
            url += f"{'&' if '?' in url else '?'}model={quote(options.model, safe='')}"
        super().__init__(
            options, url, model=options.model, voice=options.voice, rate=options.sample_rate, most=KEPT
        )

    def _cloner(self, api: Enrollment) -> QwenCloner:
        return QwenCloner(api, self._options.model)

    def _speakable(self, text: str) -> bool:
        return speakable(text)

    def _talk(self, settings: str) -> Request:
        session = json.loads(settings)
        return Request(
            self._line.host, self._key, session["response_format"], commits=session["mode"] == "commit"
        )

    def _settings(self, style: Style, language: str, emotion: str, *, whole: bool) -> str:
        options = self._options
        session: dict[str, Any] = {
            "voice": style.voices.get(self.name) or options.voice,
            "mode": "commit" if whole else options.mode,
            "response_format": options.format if whole else "pcm",
            "sample_rate": options.sample_rate,
            "language_type": options.language_type or LANGUAGES.get(language, "Auto"),
        }
        # Models that know only one pace refuse to hear of any.
        if (speed := round(min(2.0, max(0.5, options.speed * style.speed)), 3)) != 1:
            session["speech_rate"] = speed
        if (pitch := round(min(2.0, max(0.5, style.pitch)), 3)) != 1:
            session["pitch_rate"] = pitch
        if options.volume != 50:
            session["volume"] = options.volume
        feeling = f"Feel {emotion} while you say it." if options.emotions and emotion else ""
        if instructions := " ".join(filter(None, (options.instructions, feeling))):
            session["instructions"] = instructions
        return json.dumps(session | options.parameters, ensure_ascii=False)

    async def _begin(self, settings: str) -> tuple[Socket, Request, bool]:
        socket, talk, used = await super()._begin(settings)
        talk.past = socket.past
        return socket, talk, used

    async def _start(self, socket: Socket, talk: Request, settings: str) -> None:
        while not talk.greeted:
            talk.receive(await socket.receive(socket_voice.SILENCE))
        await socket.send(talk.settings(json.loads(settings)))
        while not talk.started:
            talk.receive(await socket.receive(socket_voice.SILENCE))

    async def _send(self, socket: Socket, talk: Request, text: AsyncIterator[str]) -> None:
        sentences = Sentences()
        async for words in text:
            for part in sentences.add(words) if talk.commits else _pieces(words):
                await self._say(socket, talk, part)
        if rest := sentences.rest():
            await self._say(socket, talk, rest)
        if last := talk.end():
            await socket.send(last)

    async def _say(self, socket: Socket, talk: Request, text: str) -> None:
        for piece in _pieces(text):
            await socket.send(talk.text(piece))
        if talk.commits:
            await socket.send(talk.commit())

    async def _cancel(self, socket: Socket, talk: Request) -> bool:
        if (messages := talk.silence()) is None:
            return False
        for message in messages:
            await socket.send(message)
        while not talk.quiet:
            talk.receive(await socket.receive(self.cancelling))
        return True


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
