"""MiniMax's voices over a WebSocket, in both of the vendor's protocols.

A *task* is what a connection was started for: model, voice, emotion, speed. It then takes text again and
again, so a connection is kept for requests with the same settings, and a spare that is not started yet
serves any. The **bidirectional** endpoint takes text while it is written: it builds the sentences,
`task_flush` makes it speak the rest, and `task_cancel` silences it without losing the connection. The
**classic** one speaks each `task_continue` by itself, up to a message that says `is_final`; what nobody
wants any more can only be ended by cutting the connection.

Source: MiniMax, "T2A WebSocket", "Bidirectional T2A WebSocket" and the list of error codes, read 2026-11.
That `task_flushed` follows the last sound is the experience of two public clients, not a promise of the
document, and the events round a sentence are not said to tell its text.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr

from aizuchi.decoding import decode
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style, Voice
from aizuchi.providers.errands import Errands
from aizuchi.providers.sockets import Gone, Socket, Sockets

MAINLAND: Final = "wss://api.minimaxi.com"
PATHS: Final = {"bidirectional": "/ws/v1/t2a_v2_bidi", "classic": "/ws/v1/t2a_v2"}
IDLE: Final = 90.0
"""Seconds after which a connection is not used again; the server closes it after 120 without an event."""
KEPT: Final = 8
"""Idle connections at most: each emotion and each voice has its own, and the vendor counts them."""
SILENCE = 60.0
"""Seconds without any message after which a request is given up, whatever the engine's own limits are."""
CANCELLING = 1.0
"""Seconds that the server may take to confirm a cancel; then the connection is cut."""
PIECE: Final = 5_000
"""Characters in one message; the server takes fewer than 10,000."""
LARGEST = 64 << 20
"""Bytes of sound in one request; 24 kHz PCM is 3 MB a minute."""

EMOTIONS: Final = {
    "happy": "happy",
    "laughing": "happy",
    "funny": "happy",
    "loving": "happy",
    "winking": "happy",
    "delicious": "happy",
    "kissy": "happy",
    "silly": "happy",
    "confident": "happy",
    "sad": "sad",
    "crying": "sad",
    "angry": "angry",
    "surprised": "surprised",
    "shocked": "surprised",
    "fearful": "fearful",
    "disgusted": "disgusted",
    "calm": "calm",
    "relaxed": "calm",
    "cool": "calm",
    "sleepy": "calm",
}
"""The canonical names to the vendor's. What is missing is not sent: the model then goes by the text."""

LANGUAGES: Final = {
    "zh": "Chinese",
    "yue": "Chinese,Yue",
    "en": "English",
    "ar": "Arabic",
    "ru": "Russian",
    "es": "Spanish",
    "fr": "French",
    "pt": "Portuguese",
    "de": "German",
    "tr": "Turkish",
    "nl": "Dutch",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "id": "Indonesian",
    "ja": "Japanese",
    "it": "Italian",
    "ko": "Korean",
    "th": "Thai",
    "pl": "Polish",
    "ro": "Romanian",
    "el": "Greek",
    "cs": "Czech",
    "fi": "Finnish",
    "hi": "Hindi",
}

_KEY = "the key is not accepted; set MINIMAX_API_KEY, or tts.minimax.api_key, and the base_url of its region"
_ADVICE: Final = {
    1001: "the vendor took too long; try again",
    1002: "too many requests in a short time; wait a little, or ask the vendor for a higher limit",
    1004: _KEY,
    1008: "the account has no balance left; top it up in the vendor's console",
    1026: "the vendor's moderation refused the text",
    1027: "the vendor's moderation refused the sound",
    1039: "too many characters in a short time; wait a little, or ask the vendor for a higher limit",
    1041: "too many connections at once; wait a little, or ask the vendor for a higher limit",
    1042: "the text holds too many invisible characters",
    2013: "a parameter is not accepted; look at the model, the voice and the parameters of tts.minimax",
    2042: "the key may not use this voice; choose another one",
    2049: _KEY,
    2204: "a piece of text is too long",
    2205: "too much text waits there; try again in a moment",
    20132: "there is no such voice; set tts.minimax.voice, or the character's voice for minimax",
}
_LASTING: Final = {1004, 1008, 1026, 1027, 1042, 2013, 2037, 2039, 2042, 2049, 2204, 20132}
"""Codes of failures that no other try mends."""


class Stale(Gone):
    """A kept connection was dead when it was used again, before it answered anything."""


class MiniMaxVoice(Voice):
    """MiniMax's speech models; text may go to them while it is written."""

    name = "minimax"

    class Options(Voice.Options):
        protocol: Literal["bidirectional", "classic"] = Field(
            default="bidirectional",
            description="bidirectional takes text while it is written, and interrupts keep its connection; "
            "classic speaks whole sentences",
        )
        model: str = Field(default="speech-2.8-turbo", min_length=1, description="the model's name")
        voice: str = Field(
            default="female-shaonv",
            min_length=1,
            description="used for characters that name no voice for minimax",
        )
        base_url: str = Field(
            default=MAINLAND,
            description="the host, or the whole WebSocket address; international keys need wss://api.minimax.io",
        )
        api_key: SecretStr = Field(
            default=SecretStr(""), description="the key; empty: MINIMAX_API_KEY from the environment"
        )
        group_id: str = Field(default="", description="id of the key's group, for accounts that need it")
        speed: float = Field(
            default=1.0, ge=0.5, le=2, description="pace, multiplied with the character's own"
        )
        pitch: int = Field(
            default=0, ge=-12, le=12, description="semitones, added to those of the character's own pitch"
        )
        volume: float = Field(default=1.0, gt=0, le=10, description="loudness; 1 is the usual one")
        emotions: bool = Field(default=True, description="speak with the sentence's emotion")
        emotion_map: dict[str, str] = Field(
            default_factory=dict,
            description="emotion -> the model's name for it, beside the usual ones; empty leaves it out",
        )
        language_boost: str = Field(
            default="", description="a language as the vendor calls it, or auto; empty: the sentence's own"
        )
        format: Literal["pcm", "mp3"] = Field(
            default="pcm", description="pcm sounds soonest; mp3 saves bandwidth, decoded while it arrives"
        )
        sample_rate: Literal[8000, 16000, 22050, 24000, 32000, 44100] = Field(
            default=24_000, description="of the sound, in Hz"
        )
        parameters: dict[str, Any] = Field(
            default_factory=dict, description="further fields of task_start, merged into its own"
        )
        verify_tls: bool = Field(default=True, description="check the server's certificate")
        connect_timeout: float = Field(
            default=5.0, gt=0, le=60, description="seconds to reach the server, and again to begin a task"
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._key = (options.api_key.get_secret_value() or os.environ.get("MINIMAX_API_KEY", "")).strip()
        self._bidirectional = options.protocol == "bidirectional"
        address = urlsplit(options.base_url)
        if address.scheme not in ("ws", "wss") or not address.hostname:
            raise ConfigError(f"tts.minimax.base_url is not an address; expected something like {MAINLAND}")
        url = options.base_url
        if address.path in ("", "/"):
            url = f"{address.scheme}://{address.netloc}{PATHS[options.protocol]}"
        if options.group_id:
            url += f"{'&' if '?' in url else '?'}GroupId={quote(options.group_id, safe='')}"
        self._host = address.hostname
        self._sockets = Sockets(
            url,
            {"Authorization": f"Bearer {self._key}", "user-agent": "aizuchi"},
            connect=options.connect_timeout,
            idle=IDLE,
            refused=f"refused the connection: {_KEY}",
            verify_tls=options.verify_tls,
            most=KEPT,
        )
        self._errands = Errands()

    async def __aenter__(self) -> Self:
        if not self._key and self._options.base_url == MAINLAND:
            raise ConfigError(
                "tts.minimax has no key: set MINIMAX_API_KEY in the environment or in .env",
                zh="tts.minimax 没有密钥：请在环境变量或 .env 中设置 MINIMAX_API_KEY",
            )
        await self._errands.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._errands.__aexit__(None, None, None)
        self._sockets.close()

    async def warm(self) -> bool:
        """Keep one connection ready; says whether there is one."""
        return await self._sockets.warm()

    @property
    def streams(self) -> bool:
        return self._bidirectional

    @property
    def about(self) -> str:
        return f"{self._options.model}, voice {self._options.voice}, at {self._host}"

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio, None]:
        """Speak one sentence, with its emotion. A kept connection that proves dead is replaced."""
        if not sentence.spoken.strip():
            return
        start = self._start(style, sentence.language, sentence.emotion)
        stale = True
        while stale:
            stale = False
            try:
                async with aclosing(self._request(start, _once(sentence.spoken))) as items:
                    async for item in items:
                        if isinstance(item, Audio):
                            yield item
            except Stale:
                stale = True

    async def speak(
        self, text: AsyncIterator[str], style: Style, language: str
    ) -> AsyncGenerator[Audio | Spoken, None]:
        """Text while it is written, read by a task of the provider's own, which ends with the generator.

        Raises ProviderError: the server can't be reached, refused the task, sent nonsense or broke off.
        """
        async with aclosing(self._request(self._start(style, language, ""), text)) as items:
            async for item in items:
                yield item

    async def _request(self, start: str, text: AsyncIterator[str]) -> AsyncGenerator[Audio | Spoken, None]:
        if not self._errands.open:
            raise ProviderError("tts.minimax is not open", retryable=False)
        socket, used = await self._begin(start)
        task = _Task(self._host, self._key, self._bidirectional)
        end: Literal["interrupted", "broken", "whole"] = "interrupted"
        sender = self._errands.start("tts.minimax", _send(socket, task, text), failed=socket.cut)
        try:
            async with aclosing(self._sound(socket, task)) as items:
                async for item in items:
                    yield item
            end = "whole"
        except ProviderError as error:
            end = "broken"
            if sender.failure is not None:
                raise sender.failure from None
            if used and isinstance(error, Gone) and not task.answered:
                raise Stale(str(error)) from None
            raise
        finally:
            # Not another reader of the text may be left when this generator is closed.
            await sender.end()
            if end == "interrupted" and self._bidirectional and self._errands.open:
                cancel = self._cancel(socket, task, start)
                self._errands.start("tts.minimax", cancel, failed=socket.cut)
            else:
                self._sockets.give_back(socket, reusable=end == "whole", purpose=start)

    async def _begin(self, start: str) -> tuple[Socket, bool]:
        """A connection with this task on it, and whether it has served before."""
        while True:
            socket, fresh = await self._sockets.take(start)
            if socket.purpose:
                await socket.skip()
                return socket, True
            begun, task = False, _Task(self._host, self._key, self._bidirectional)
            try:
                async with asyncio.timeout(self._options.connect_timeout):
                    while not task.answered:
                        task.receive(await socket.receive(SILENCE))
                    await socket.send(start)
                    while not task.started:
                        task.receive(await socket.receive(SILENCE))
                begun = True
                return socket, False
            except TimeoutError:
                raise ProviderError(f"{self._host} did not begin the task in time") from None
            except Gone:
                if fresh:
                    raise
            finally:
                if not begun:
                    self._sockets.give_back(socket, reusable=False)

    async def _sound(self, socket: Socket, task: _Task) -> AsyncGenerator[Audio | Spoken, None]:
        """What the server says, to the request's end."""
        if self._options.format == "mp3":  # where the decoder is in the text, nobody knows
            async with (
                aclosing(_chunks(socket, task)) as chunks,
                aclosing(decode(_only_bytes(chunks), "mp3")) as slices,
            ):
                async for audio in slices:
                    yield audio
        else:
            rate, odd = self._options.sample_rate, b""
            async with aclosing(_chunks(socket, task)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, Spoken):
                        yield chunk
                        continue
                    pcm = odd + chunk
                    odd = pcm[len(pcm) & ~1 :]
                    if pcm := pcm[: len(pcm) & ~1]:
                        yield Audio(pcm, rate)
        yield Spoken(len(task.sent))

    async def _cancel(self, socket: Socket, task: _Task, start: str) -> None:
        """Silence the server, and have the connection back if it confirms that in time."""
        try:
            async with asyncio.timeout(CANCELLING):
                await socket.send(_message("task_cancel"))
                while not task.canceled:
                    task.receive(await socket.receive(CANCELLING))
        except (ProviderError, TimeoutError):
            pass
        finally:
            self._sockets.give_back(socket, reusable=task.canceled, purpose=start)

    def _start(self, style: Style, language: str, emotion: str) -> str:
        """The message that begins a task; connections are kept by it."""
        options = self._options
        semitones = options.pitch + round(12 * math.log2(max(style.pitch, 0.01)))
        voice: dict[str, Any] = {
            "voice_id": style.voices.get(self.name) or options.voice,
            "speed": round(min(2.0, max(0.5, options.speed * style.speed)), 2),
            "vol": options.volume,
            "pitch": min(12, max(-12, semitones)),
        }
        if options.emotions and (feeling := (EMOTIONS | options.emotion_map).get(emotion)):
            voice["emotion"] = feeling
        sound: dict[str, Any] = {
            "sample_rate": options.sample_rate,
            "format": options.format,
            "channel": 1,
        }
        if options.format == "mp3":
            sound["bitrate"] = 128_000
        fields: dict[str, Any] = {
            "model": options.model,
            "voice_setting": voice,
            "audio_setting": sound,
            "language_boost": options.language_boost or LANGUAGES.get(language, "auto"),
        }
        for name, value in options.parameters.items():
            ours = fields.get(name)
            fields[name] = ours | value if isinstance(ours, dict) and isinstance(value, dict) else value
        return _message("task_start", **fields)


class _Task:
    """One request's side of the protocol. Sans-I/O."""

    def __init__(self, host: str, key: str, bidirectional: bool) -> None:
        self.answered = self.started = self.canceled = self.finished = False
        self.sent = ""
        self.spoken = 0
        """So many characters of it, as far as the server tells."""
        self._owed = 0
        """Endings that are still to come: of pieces, or of the flush."""
        self._host = host
        self._key = key
        self.bidirectional = bidirectional
        self._size = 0

    def piece(self, text: str) -> str:
        self.sent += text
        return _message("task_continue", text=text)

    def whole(self, pieces: int) -> None:
        """There is no more text than this; to be said before the last message of it goes out."""
        self._owed = pieces

    def receive(self, message: str | bytes) -> bytes:
        """The sound that a message brings. Raises ProviderError."""
        self.answered = True
        try:
            said = json.loads(message)
            event, sound = said.get("event"), (said.get("data") or {}).get("audio") or ""
            code = (said.get("base_resp") or {}).get("status_code") or 0
            pcm = bytes.fromhex(sound)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise ProviderError(f"{self._host} sent something that is no event, or no sound") from None
        if code or event == "task_failed":
            raise self._failure(code, said)
        self._size += len(pcm)
        if self._size > LARGEST:
            raise ProviderError(f"{self._host} does not stop sending sound", retryable=False)
        match event:
            case "task_started":
                self.started = True
            case "task_canceled" | "task_cancelled":
                self.canceled = True
            case "task_flushed" if self.bidirectional and self._owed:
                self.finished = True
            case "task_finished":
                raise Gone(f"{self._host} ended the task")
            case "sentence_start" | "sentence_end":
                self._progress(said, ended=event == "sentence_end")
            case _ if said.get("is_final") is True and not self.bidirectional and self._owed:
                self._owed -= 1
                self.finished = not self._owed
            case _:
                pass
        return pcm

    def _failure(self, code: Any, said: dict[str, Any]) -> ProviderError:
        resp = said.get("base_resp")
        words = str(resp.get("status_msg") or "") if isinstance(resp, dict) else ""
        why = " ".join(words.split())
        if len(self._key) >= 4:
            why = why.replace(self._key, "***")
        advice = _ADVICE.get(code, "") if isinstance(code, int) else ""
        words = "; ".join(filter(None, (why[:200], advice))) or "it gave no reason"
        return ProviderError(
            f"{self._host} gave up (code {str(code)[:20]}): {words}",
            retryable=not isinstance(code, int) or code not in _LASTING,
        )

    def _progress(self, said: dict[str, Any], *, ended: bool) -> None:
        """Where in our text a sentence stands, if the event tells its words."""
        data = said.get("data")
        text = said.get("text") or (data.get("text") if isinstance(data, dict) else None)
        if not isinstance(text, str) or not (text := text.strip()):
            return
        if (at := self.sent.find(text, self.spoken)) >= 0:
            self.spoken = at + len(text) if ended else at


async def _chunks(socket: Socket, task: _Task) -> AsyncGenerator[bytes | Spoken, None]:
    told = 0
    while not task.finished:
        if sound := task.receive(await socket.receive(SILENCE)):
            yield sound
        if task.spoken > told:
            told = task.spoken
            yield Spoken(told)


async def _only_bytes(chunks: AsyncIterator[bytes | Spoken]) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        if isinstance(chunk, bytes):
            yield chunk


async def _send(socket: Socket, task: _Task, text: AsyncIterator[str]) -> None:
    try:
        if task.bidirectional:
            async for words in text:
                for piece in _pieces(words):
                    await socket.send(task.piece(piece))
            task.whole(1)
            await socket.send(_message("task_flush"))
        else:
            pieces = _pieces("".join([words async for words in text]))
            task.whole(len(pieces))
            for piece in pieces:
                await socket.send(task.piece(piece))
    except Gone:
        return  # the reading side hears of it, and perhaps why


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def _message(event: str, **fields: Any) -> str:
    return json.dumps({"event": event, **fields}, ensure_ascii=False)


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
