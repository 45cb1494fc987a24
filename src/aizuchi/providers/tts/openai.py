"""Any server with OpenAI's speech endpoint: theirs, Kokoro-FastAPI, speaches, ...

The sound is handed on while it arrives. What kind it is, the answer's Content-Type decides and not the
request, because servers exist that send what they like; `aizuchi.decoding` also knows a container by its
first bytes.

Source: OpenAI API reference, "Create speech", and the `openai` package 3.52, read 2026-11.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self, cast

from pydantic import Field

from aizuchi.decoding import decode
from aizuchi.errors import ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style, Voice
from aizuchi.providers.openai import Api, ApiOptions, encode, is_private

Format = Literal["pcm", "wav", "mp3", "opus", "aac", "flac"]
_WORDS = re.compile(rb'\s*(?:\{\s*"(?:error|detail|message|code|object)"|<(?:!doctype|html))', re.IGNORECASE)
_ERROR_LIMIT = 16 << 10


class OpenAIVoice(Voice):
    """Speech synthesis behind an OpenAI-compatible server."""

    name = "openai"

    class Options(ApiOptions):
        model: str = Field(
            default="gpt-4o-mini-tts", min_length=1, description="the model's name at that server"
        )
        voice: str = Field(
            default="alloy", description="used for characters that name no voice of their own for openai"
        )
        response_format: Format = Field(
            default="pcm",
            description="pcm starts soonest; the others save bandwidth and are decoded as they arrive",
        )
        sample_rate: int = Field(
            default=24_000,
            ge=8_000,
            le=48_000,
            description="of a pcm answer that does not tell its rate, in Hz",
        )
        speed: float = Field(default=1.0, ge=0.25, le=4, description="times the character's own speed")
        instructions: str = Field(default="", description="how to speak, for models that follow instructions")
        emotions: bool = Field(default=False, description="add the sentence's emotion to the instructions")
        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields for every request, as they are"
        )
        timeout: float = Field(default=120.0, gt=0, description="seconds after which a sentence is given up")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._api = Api(options, stage="tts", model=options.model)

    async def __aenter__(self) -> Self:
        await self._api.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()

    async def warm(self) -> bool:
        """Open a connection ahead of the first sentence; says whether the server answered."""
        return await self._api.warm()

    @property
    def local(self) -> bool:
        return self._api.local or is_private(self._api.host)

    @property
    def about(self) -> str:
        return f"{self._options.model}, voice {self._options.voice}, at {self._api.host}"

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio, None]:
        """Speak one sentence. Tries again only while no sound has come.

        Raises ProviderError: Refused, Lost, StageTimeout, or that what came is no sound.
        """
        if not sentence.spoken.strip():
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.timeout
        content = encode(self.request(sentence, style))
        tried = 0
        while True:
            tried += 1
            begun = False
            try:
                async with aclosing(self._attempt(content, deadline)) as slices:
                    async for slice_ in slices:
                        begun = True
                        yield slice_
                return
            except ProviderError as error:
                pause = None if begun else self._api.pause(error, tried)
                if pause is None or loop.time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)

    def request(self, sentence: Sentence, style: Style) -> dict[str, Any]:
        """The request for a sentence."""
        options = self._options
        body: dict[str, Any] = {
            "model": options.model,
            "input": sentence.spoken,
            "voice": style.voices.get(self.name) or options.voice,
            "response_format": options.response_format,
        }
        speed = min(4.0, max(0.25, options.speed * style.speed))
        if speed != 1.0:
            body["speed"] = round(speed, 3)
        emotion = sentence.emotion
        word = style.emotion(self.name, emotion, {emotion: emotion})
        feeling = f"Feel {word} while you say it." if options.emotions and word else ""
        if instructions := " ".join(part for part in (options.instructions, feeling) if part):
            body["instructions"] = instructions
        return body | options.extra_body

    async def _attempt(self, content: bytes, deadline: float) -> AsyncGenerator[Audio, None]:
        headers = {"content-type": "application/json", "accept": "audio/*"}
        response = await self._api.post("/audio/speech", content, headers, deadline=deadline)
        empty = True
        async with (
            aclosing(response),
            aclosing(self._api.chunks(response, deadline=deadline)) as body,
            aclosing(self._sound(response.headers.get("content-type", ""), body)) as slices,
        ):
            async for slice_ in slices:
                if slice_.pcm:
                    empty = False
                    yield slice_
        if empty:
            raise ProviderError(f"{self._api.host} answered without any sound")

    async def _sound(self, content_type: str, body: AsyncIterator[bytes]) -> AsyncGenerator[Audio, None]:
        kind = content_type.partition(";")[0].strip().lower()
        if kind.startswith("text/") or kind.endswith(("json", "xml")):
            raise self._api.stream_error(await self._words(body))
        first = await anext(body, b"")
        if not kind.startswith("audio/"):
            if _WORDS.match(first):
                raise self._api.stream_error(await self._words(_joined(first, body)))
            content_type = self._options.response_format
        async with (
            aclosing(_joined(first, body)) as chunks,
            aclosing(self._decoded(chunks, content_type)) as slices,
        ):
            async for slice_ in slices:
                yield slice_

    def _decoded(self, chunks: AsyncIterator[bytes], kind: str) -> AsyncGenerator[Audio, None]:
        slices = decode(chunks, kind, rate=self._options.sample_rate)
        return cast("AsyncGenerator[Audio, None]", slices)  # so that it can be closed

    async def _words(self, body: AsyncIterator[bytes]) -> object:
        """An answer that is text: what the server wants to say instead of speaking."""
        text = b""
        async for chunk in body:
            text += chunk
            if len(text) > _ERROR_LIMIT:
                break
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return "a web page" if text.lstrip().startswith(b"<") else text.decode("utf-8", "replace")


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in rest:
        yield chunk
