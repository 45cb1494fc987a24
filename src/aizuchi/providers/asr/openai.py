"""Any server with OpenAI's transcription endpoint: theirs, speaches, vLLM, FunASR's own server, ...

The utterance is uploaded while it is spoken, as one WAV file of unknown length in a chunked request, so
that nothing but the recognition itself is left to wait for when the user stops. Not every server takes
that. The sound is kept until the answer is there; a server that refuses gets it again in one piece, and if
it likes that better it gets whole files from then on.

Source: OpenAI API reference, "Create transcription", and the `openai` package 3.52, read 2026-11.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self

import structlog
from pydantic import Field

from aizuchi.errors import ProviderError
from aizuchi.ports import Final, Hints, Partial, Recognizer
from aizuchi.providers.openai import Api, ApiOptions, Lost, Refused
from aizuchi.providers.sse import EventParser, TooLarge

RATE = 16_000
PIECE = RATE // 10 * 2
"""Bytes of one chunk of an upload, 100 ms. What the engine hears comes in stretches of 10 ms, and a chunk of
its own costs each more than its sound. At the utterance's end none waits: the answer is no later for it."""
_UNKNOWN = 0xFFFFFFFF
_REFUSES_CHUNKS = frozenset({400, 411, 415, 422})
_ANSWER_LIMIT = 1 << 20
_log = structlog.get_logger(__name__)


class OpenAIRecognizer(Recognizer):
    """Speech recognition behind an OpenAI-compatible server."""

    name = "openai"

    class Options(ApiOptions):
        model: str = Field(
            default="gpt-transcribe", min_length=1, description="the model's name at that server"
        )
        language: str = Field(
            default="", description="ISO 639-1; empty: what the character expects, else any"
        )
        prompt: str = Field(
            default="", description="text that sets the style, before the names the engine hints at"
        )
        upload: Literal["stream", "whole"] = Field(
            default="stream",
            description="stream: while the user speaks, if the server can; whole: at the end",
        )
        stream: bool = Field(
            default=False, description="ask for the text as it is recognised, which gives partials"
        )
        temperature: float | None = Field(default=None, ge=0, le=1, description="empty: the model's own")
        timeout: float = Field(
            default=30.0, gt=0, description="seconds from the end of the utterance until it is given up"
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._api = Api(options, stage="asr", model=options.model)
        self._whole = options.upload == "whole"
        self._broken = 0
        # Both are facts about the server, learnt once for all sessions: whether it takes chunked uploads.

    async def __aenter__(self) -> Self:
        await self._api.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()

    async def warm(self) -> bool:
        """Open a connection ahead of the first utterance; says whether the server answered."""
        return await self._api.warm()

    @property
    def about(self) -> str:
        return f"{self._options.model} at {self._api.host}"

    async def transcribe(
        self, audio: AsyncIterator[bytes], hints: Hints
    ) -> AsyncGenerator[Partial | Final, None]:
        """Recognise one utterance. No request is made for an empty one.

        Raises ProviderError: Refused, Lost, StageTimeout, or what the server reported in its answer.
        """
        taken = Utterance(audio)
        if not await taken.begin():
            yield Final("")
            return
        form = Form(self._fields(hints))
        streaming, failed_streaming = not self._whole, None
        tried = 0
        while True:
            tried += 1
            answered = False
            if not streaming:
                await taken.drain()
            try:
                async with aclosing(self._attempt(taken, form, streaming)) as results:
                    async for result in results:
                        if not answered:
                            answered = True
                            self._learn(streaming, failed_streaming)
                        yield result
                return
            except ProviderError as error:
                if answered:
                    raise
                pause: float | None = 0.0
                if streaming and (isinstance(error, Lost) or _about_upload(error)):
                    failed_streaming = error  # perhaps only the manner of the upload was wrong
                else:
                    pause = self._api.pause(error, tried)
                if pause is None:
                    raise
                streaming = False
                await asyncio.sleep(pause)

    def _learn(self, streaming: bool, failed_streaming: ProviderError | None) -> None:
        """An answer came. If only the whole file got one, send whole files from now on."""
        if streaming:
            self._broken = 0
        elif failed_streaming is not None and not self._whole:
            # A lost connection may be chance the first time; a refusal is not.
            self._broken += 2 if _about_upload(failed_streaming) else 1
            if self._broken >= 2:
                self._whole = True
                _log.info(
                    "uploads in pieces fail at this server; whole ones from now on", host=self._api.host
                )

    def _fields(self, hints: Hints) -> list[tuple[str, str]]:
        options = self._options
        fields = [("model", options.model), ("response_format", "json")]
        language = options.language or hints.language
        if options.model.startswith(
            "gpt-transcribe"
        ):  # renamed there, and the words have a field of their own
            fields += [("languages[]", language)] if language else []
            fields += [("keywords[]", phrase) for phrase in hints.phrases]
            fields += [("prompt", options.prompt)] if options.prompt else []
        else:
            fields += [("language", language)] if language else []
            prompt = " ".join(part for part in (options.prompt, ", ".join(hints.phrases)) if part)
            fields += [("prompt", prompt)] if prompt else []
        if options.temperature is not None:
            fields.append(("temperature", f"{options.temperature:g}"))
        if options.stream:
            fields.append(("stream", "true"))
        return fields

    async def _attempt(
        self, taken: Utterance, form: Form, streaming: bool
    ) -> AsyncGenerator[Partial | Final, None]:
        headers = {"content-type": form.content_type, "accept": "text/event-stream, application/json"}
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout(None if streaming else self._options.timeout)
        if streaming:

            async def body() -> AsyncGenerator[bytes, None]:
                yield form.head + wav_header(None)
                async with aclosing(taken.pieces()) as pieces:
                    async for piece in pieces:
                        yield piece
                limit.reschedule(
                    loop.time() + self._options.timeout
                )  # the user has stopped; now it is on them
                yield form.tail

            async with aclosing(body()) as content:
                response = await self._api.post("/audio/transcriptions", content, headers, limit=limit)
        else:
            sound = taken.whole
            file = b"".join((form.head, wav_header(len(sound)), sound, form.tail))
            response = await self._api.post("/audio/transcriptions", file, headers, limit=limit)
        deadline = loop.time() + self._options.timeout
        async with aclosing(response):
            kind = response.headers.get("content-type", "")
            results = (
                self._events(response, deadline)
                if "event-stream" in kind
                else self._document(response, "json" in kind, deadline)
            )
            async with aclosing(results):
                async for result in results:
                    yield result

    async def _document(
        self, response: Any, is_json: bool, deadline: float
    ) -> AsyncGenerator[Partial | Final, None]:
        whole = b""
        async with aclosing(self._api.chunks(response, deadline=deadline)) as chunks:
            async for chunk in chunks:
                whole += chunk
                if len(whole) > _ANSWER_LIMIT:
                    raise ProviderError(f"{self._api.host} sent an answer without end")
        if not is_json and not whole.lstrip().startswith(b"{"):
            if whole.lstrip().startswith(b"<"):
                raise ProviderError(f"{self._api.host} answered with a web page; is base_url right?")
            yield Final(whole.decode("utf-8", "replace").strip())
            return
        yield self._final(_object(whole))

    async def _events(self, response: Any, deadline: float) -> AsyncGenerator[Partial | Final, None]:
        parser = EventParser()
        text = ""
        async with aclosing(self._api.chunks(response, deadline=deadline)) as chunks:
            try:
                while True:
                    chunk = await anext(chunks, None)
                    for event in parser.close() if chunk is None else parser.feed(chunk):
                        if event.data.strip() == "[DONE]":
                            continue
                        body = _object(event.data)
                        match body.get("type"):
                            case "transcript.text.delta" if isinstance(delta := body.get("delta"), str):
                                text += delta
                                yield Partial(text)
                            case "transcript.text.done":
                                yield self._final(body)
                                return
                            case _ if body.get("error"):
                                raise self._api.stream_error(body)
                    if chunk is None:
                        break
            except TooLarge:
                raise ProviderError(f"{self._api.host} sent an event without end") from None
        raise ProviderError(f"{self._api.host} ended its answer early")

    def _final(self, body: dict[str, Any]) -> Final:
        text = body.get("text")
        if not isinstance(text, str):
            if body.get("error"):
                raise self._api.stream_error(body)
            raise ProviderError(f"{self._api.host} answered without a text")
        language = body.get("language")
        spoken = body.get("languages")
        if (
            not isinstance(language, str)
            and isinstance(spoken, list)
            and spoken
            and isinstance(spoken[0], dict)
        ):
            language = spoken[0].get("code") or spoken[0].get("language")
        # verbose answers write "english"; only a code is of use to others
        return Final(text.strip(), language if isinstance(language, str) and len(language) == 2 else "")


class Utterance:
    """The sound of one utterance, kept so that it can be sent again. Always whole samples."""

    def __init__(self, audio: AsyncIterator[bytes]) -> None:
        self._audio = audio
        self._kept: list[bytes] = []
        self._odd = b""
        self._over = False

    @property
    def length(self) -> int:
        """Bytes taken so far."""
        return sum(map(len, self._kept))

    @property
    def whole(self) -> bytes:
        return b"".join(self._kept)

    async def begin(self) -> bool:
        """Wait for the first sound; False if there is none at all."""
        while not self._kept and not self._over:
            await self._take()
        return bool(self._kept)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """What has been taken, then the rest as it comes, in pieces of `PIECE` bytes or a little more."""
        at = 0
        while True:
            if self._over or sum(map(len, self._kept[at:])) >= PIECE:
                if piece := b"".join(self._kept[at:]):
                    at = len(self._kept)
                    yield piece
                if self._over:
                    return
            await self._take()

    async def drain(self) -> None:
        """Wait for the end, keeping everything."""
        while not self._over:
            await self._take()

    async def _take(self) -> None:
        try:
            piece = self._odd + await anext(self._audio)
        except StopAsyncIteration:
            self._over = True
            return
        even = len(piece) & ~1
        self._odd = piece[even:]
        if even:
            self._kept.append(piece[:even])


class Form:
    """A multipart body round one file: `head`, the file's bytes, `tail`.

    The file comes last, so that a server has read every other field when the sound begins.
    """

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="speech.wav"\r\n'
            "Content-Type: audio/wav\r\n\r\n"
        )
        self.head = "".join(parts).encode("utf-8", "replace")
        self.tail = f"\r\n--{boundary}--\r\n".encode("ascii")


def wav_header(size: int | None) -> bytes:
    """The 44 bytes before 16 kHz mono s16le; `size` in bytes, None for a length nobody knows yet."""
    riff, data = (_UNKNOWN, _UNKNOWN) if size is None else (36 + size, size)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", data
    )


def _about_upload(error: ProviderError) -> bool:
    return isinstance(error, Refused) and error.status in _REFUSES_CHUNKS


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ProviderError("the recogniser's server sent something that is no JSON object")
    return body
