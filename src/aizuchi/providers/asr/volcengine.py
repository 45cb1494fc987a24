"""ByteDance's large speech recognition model at Volcengine, streaming both ways over a WebSocket.

One connection serves one utterance: a configuration, sound in pieces, then a last piece, after which the
server's last frame holds all that was said. `bigmodel_async` answers whenever its text changes. What was sent
is kept until something is answered, so that a connection opened ahead of need that proves dead costs nothing.
A request that nobody wants any more is ended by cutting its connection.

Source: Volcengine, "streaming speech recognition with the large model", docs/6561/1354869, read 2026-11; the
language codes stand in docs/6561/1354868. There is no official package; the loopback server is tested with a
second client, written from the same document.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Final, Hints, Partial, Recognizer
from aizuchi.providers.asr import volcengine_frames as frames
from aizuchi.providers.asr.volcengine_dialogue import Dialogue
from aizuchi.providers.errands import Errand
from aizuchi.providers.line import Line, LineOptions, no_key
from aizuchi.providers.sockets import Gone, Socket

OFFICIAL = "wss://openspeech.bytedance.com/api/v3/sauc/bigmodel_async"
CONSOLE = "https://console.volcengine.com/speech/app"
IDLE = 20.0
"""Seconds for which a connection without a request is kept. The vendor does not say when it closes one."""
SILENCE = 60.0
"""Seconds without any answer, while sound goes out, after which a request is given up."""
_RATE = 16_000
_HOTWORDS = 100
"""Tokens the vendor takes when streaming; counted as characters here, which is on the safe side."""
_LANGUAGES = {
    "en": "en-US",
    "ja": "ja-JP",
    "id": "id-ID",
    "es": "es-MX",
    "pt": "pt-BR",
    "de": "de-DE",
    "fr": "fr-FR",
    "ko": "ko-KR",
    "fil": "fil-PH",
    "ms": "ms-MY",
    "th": "th-TH",
    "ar": "ar-SA",
}
log = logging.getLogger(__name__)


class VolcengineRecognizer(Recognizer):
    """Streaming recognition by the large model; hears Chinese with its dialects, and English."""

    name = "volcengine"

    class Options(LineOptions):
        app_key: SecretStr = Field(
            default=SecretStr(""),
            description="the application's id; empty: BYTEDANCE_APP_KEY from the environment",
        )
        access_key: SecretStr = Field(
            default=SecretStr(""),
            description="its access token; empty: BYTEDANCE_ACCESS_KEY from the environment",
        )
        api_key: SecretStr = Field(
            default=SecretStr(""), description="the one key of the new console, instead of the two others"
        )
        resource_id: str = Field(
            default="volc.bigasr.sauc.duration",
            min_length=1,
            description="model and billing; of model 2.0: volc.seedasr.sauc.duration",
        )
        base_url: str = Field(
            default=OFFICIAL,
            description="WebSocket address; with bigmodel_nostream there are no partials, and a language",
        )
        language: str = Field(
            default="",
            description="for bigmodel_nostream, as en-US; empty: what the character expects",
        )
        hotwords: list[str] = Field(
            default_factory=list, description="names and words to expect, before those the engine hints at"
        )
        request: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the request, as they are"
        )
        piece_ms: int = Field(
            default=200, ge=100, le=200, description="sound in one message; the vendor advises 200"
        )
        timeout: float = Field(
            default=10.0, gt=0, le=120, description="seconds from the end of the utterance to its text"
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._keys = _keys(options)
        self._line = Line(
            "asr.volcengine",
            options.base_url,
            self._keys | {"X-Api-Resource-Id": options.resource_id, "X-Api-Sequence": "-1"},
            options,
            example=OFFICIAL,
            refused=(
                "refused the key; see that BYTEDANCE_APP_KEY and BYTEDANCE_ACCESS_KEY, or"
                f" asr.volcengine.api_key, are right, and that the account may use {options.resource_id}"
            ),
            idle=IDLE,
            own=_ids,
            largest=frames.LARGEST,
        )
        self._whole = urlsplit(options.base_url).path.rstrip("/").endswith("nostream")
        self._host = self._line.host
        self._sockets = self._line.sockets
        self._errands = self._line.errands

    async def __aenter__(self) -> Self:
        if not self._keys and self._options.base_url == OFFICIAL:
            raise no_key("asr.volcengine", "BYTEDANCE_APP_KEY", "BYTEDANCE_ACCESS_KEY", where=CONSOLE)
        await self._line.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._line.close()

    async def warm(self) -> bool:
        """Keep one connection ready; says whether there is one."""
        return await self._sockets.warm()

    @property
    def streams(self) -> bool:
        return not self._whole

    @property
    def about(self) -> str:
        return f"{self._options.resource_id} at {self._host}"

    async def transcribe(
        self, audio: AsyncIterator[bytes], hints: Hints
    ) -> AsyncGenerator[Partial | Final, None]:
        """One request. No connection is used for an utterance without sound.

        Raises ProviderError: the server can't be reached, refused the request, sent nonsense, broke off
        or took too long.
        """
        if not self._errands.open:
            raise ProviderError("asr.volcengine is not open", retryable=False)
        news, sound = asyncio.Event(), _Sound()

        def failed() -> None:
            sound.begun.set()
            news.set()

        taking = self._errands.start("asr.volcengine", sound.take(audio), failed=failed)
        try:
            await sound.begun.wait()
            if taking.failure is not None:
                raise taking.failure
            if not sound.data:
                yield Final("")
                return
            while True:
                socket, fresh = await self._sockets.take()
                trace = socket.headers.get("x-tt-logid", "")
                log.debug("%s calls this request %s", self._host, trace or "nothing")
                dialogue = Dialogue(self._host, trace, self._keys.values())
                try:
                    async with aclosing(self._hear(socket, dialogue, sound, hints, news, taking)) as results:
                        async for result in results:
                            yield result
                    return
                except ProviderError:
                    if fresh or dialogue.answered or taking.failure is not None:
                        raise
        finally:
            await taking.end()

    async def _hear(
        self,
        socket: Socket,
        dialogue: Dialogue,
        sound: _Sound,
        hints: Hints,
        news: asyncio.Event,
        taking: Errand,
    ) -> AsyncGenerator[Partial | Final, None]:
        """The utterance from its beginning, over one connection."""
        start = self._errands.start
        reader = start("asr.volcengine", self._read(socket, dialogue, news), failed=news.set)
        sender = start("asr.volcengine", self._send(socket, dialogue, sound, hints, news), failed=news.set)
        told = ""
        try:
            while not dialogue.finished:
                await self._next(news, dialogue.deadline)
                if failure := taking.failure or reader.failure or sender.failure:
                    raise failure
                asked, dialogue.asked = dialogue.asked, False
                if not dialogue.finished and (asked or dialogue.text != told):
                    told = dialogue.text
                    yield Partial(told)
            yield Final(dialogue.text)
        finally:
            self._sockets.give_back(socket, reusable=False)
            await sender.end()
            await reader.end()

    async def _next(self, news: asyncio.Event, deadline: float | None) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await news.wait()
            # News without end need no waiting, and then no limit is noticed.
            if deadline is not None and asyncio.get_running_loop().time() > deadline:
                raise TimeoutError
        except TimeoutError:
            within = self._options.timeout
            raise ProviderError(f"{self._host} gave no final text within {within:g} s") from None
        news.clear()

    async def _read(self, socket: Socket, dialogue: Dialogue, news: asyncio.Event) -> None:
        while not dialogue.finished:
            within = SILENCE if dialogue.answered else self._options.connect_timeout
            dialogue.receive(await socket.receive(within))
            news.set()

    async def _send(
        self, socket: Socket, dialogue: Dialogue, sound: _Sound, hints: Hints, news: asyncio.Event
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            await socket.send(dialogue.first(self._first(hints)))
            async with aclosing(sound.pieces(self._options.piece_ms * _RATE // 1000 * 2)) as pieces:
                async for pcm, mark in pieces:
                    if pcm or mark == "end":
                        await socket.send(dialogue.piece(pcm, last=mark == "end"))
                    if mark == "pause":
                        dialogue.asked = True
                        news.set()
        except Gone:
            return  # the reading side hears of it, and perhaps why
        dialogue.deadline = loop.time() + self._options.timeout
        news.set()

    def _first(self, hints: Hints) -> bytes:
        """The configuration of a request."""
        options = self._options
        audio: dict[str, Any] = {"format": "pcm", "codec": "raw", "rate": _RATE, "bits": 16, "channel": 1}
        if self._whole and (language := options.language or _LANGUAGES.get(hints.language, "")):
            audio["language"] = language
        request: dict[str, Any] = {
            "model_name": "bigmodel",
            "enable_itn": True,
            "enable_punc": True,
            "show_utterances": True,
            "result_type": "full",
            # An utterance ends where the engine says so; these two only decide what is settled before.
            "end_window_size": 800,
            "force_to_speech_time": 1000,
        }
        if words := _hotwords((*options.hotwords, *hints.phrases)):
            context = json.dumps({"hotwords": [{"word": word} for word in words]}, ensure_ascii=False)
            request["corpus"] = {"context": context}
        said = {"user": {"uid": "aizuchi"}, "audio": audio, "request": request | options.request}
        return json.dumps(said, ensure_ascii=False).encode()


class _Sound:
    """The utterance as it comes in, kept so that another connection can have it, too."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.begun = asyncio.Event()
        """There is sound, or there will be none."""
        self._pauses: list[int] = []
        """How much there was whenever the speaker paused."""
        self._over = False
        self._more = asyncio.Event()

    async def take(self, audio: AsyncIterator[bytes]) -> None:
        """Read it to its end."""
        async for pcm in audio:
            if pcm:
                self.data += pcm
                self.begun.set()
            else:
                self._pauses.append(self._length)
            self._more.set()
        self._over = True
        self.begun.set()
        self._more.set()

    async def pieces(self, size: int) -> AsyncGenerator[tuple[bytes, Literal["", "pause", "end"]], None]:
        """All of it from the beginning, then as it comes; before a pause or the end nothing is held back."""
        at = pauses = 0
        while True:
            pause = self._pauses[pauses] if pauses < len(self._pauses) else None
            until = self._length if pause is None else pause
            if until - at >= size:
                yield bytes(self.data[at : at + size]), ""
                at += size
            elif pause is not None:
                yield bytes(self.data[at:pause]), "pause"
                at, pauses = pause, pauses + 1
            elif self._over:
                yield bytes(self.data[at:until]), "end"
                return
            else:
                self._more.clear()
                await self._more.wait()

    @property
    def _length(self) -> int:
        """Of whole samples."""
        return len(self.data) & ~1


def _keys(options: VolcengineRecognizer.Options) -> dict[str, str]:
    """The headers that hold the credentials, in the one form or the other."""
    if one := options.api_key.get_secret_value().strip():
        return {"X-Api-Key": one}
    app = options.app_key.get_secret_value() or os.environ.get("BYTEDANCE_APP_KEY", "")
    access = options.access_key.get_secret_value() or os.environ.get("BYTEDANCE_ACCESS_KEY", "")
    app, access = app.strip(), access.strip()
    if bool(app) != bool(access):
        missing = "BYTEDANCE_ACCESS_KEY" if app else "BYTEDANCE_APP_KEY"
        raise ConfigError(
            f"asr.volcengine needs two keys, and {missing} is missing; both stand at {CONSOLE}",
            zh=f"asr.volcengine 需要两个密钥，缺少 {missing}；两者都可在 {CONSOLE} 查到",
        )
    return {"X-Api-App-Key": app, "X-Api-Access-Key": access} if app else {}


def _ids() -> dict[str, str]:
    """The vendor's document names the one here and the other there; both are sent."""
    id_ = str(uuid.uuid4())
    return {"X-Api-Request-Id": id_, "X-Api-Connect-Id": id_}


def _hotwords(words: Iterable[str]) -> list[str]:
    """As many of them as the vendor takes, the first ones first."""
    taken: list[str] = []
    room = _HOTWORDS
    for word in dict.fromkeys(word.strip() for word in words):
        if not word:
            continue
        room -= len(word)
        if room < 0:
            break
        taken.append(word)
    return taken
