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

import math
from collections.abc import AsyncIterator
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr

from aizuchi.ports import Style
from aizuchi.providers.line import Line, LineOptions, key_of, no_key
from aizuchi.providers.sockets import Socket
from aizuchi.providers.tts import socket_voice
from aizuchi.providers.tts.minimax_bidirectional import Bidirectional
from aizuchi.providers.tts.minimax_classic import Classic
from aizuchi.providers.tts.minimax_task import KEY, Task, message
from aizuchi.providers.tts.minimax_words import EMOTIONS, LANGUAGES, WORDS
from aizuchi.providers.tts.socket_voice import SocketVoice

MAINLAND: Final = "wss://api.minimaxi.com"
PATHS: Final = {"bidirectional": "/ws/v1/t2a_v2_bidi", "classic": "/ws/v1/t2a_v2"}
IDLE: Final = 90.0
"""Seconds after which a connection is not used again; the server closes it after 120 without an event."""
KEPT: Final = 8
"""Idle connections at most: each emotion and each voice has its own, and the vendor counts them."""


class MiniMaxVoice(SocketVoice[Task]):
    """MiniMax's speech models; text may go to them while it is written."""

    name = "minimax"
    words = WORDS

    bound = True

    class Options(LineOptions):
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

    def __init__(self, options: Options) -> None:
        self._options = options
        self._key = key_of(options.api_key, "MINIMAX_API_KEY")
        self._bidirectional = options.protocol == "bidirectional"
        line = Line(
            "tts.minimax",
            _address(options.base_url, PATHS[options.protocol], options.group_id),
            {"Authorization": f"Bearer {self._key}"},
            options,
            example=MAINLAND,
            refused=f"refused the connection: {KEY}",
            idle=IDLE,
            most=KEPT,
        )
        super().__init__(options, line, rate=options.sample_rate)

    async def __aenter__(self) -> Self:
        if not self._key and self._options.base_url == MAINLAND:
            raise no_key("tts.minimax", "MINIMAX_API_KEY")
        return await super().__aenter__()

    @property
    def streams(self) -> bool:
        return self._bidirectional

    @property
    def about(self) -> str:
        return f"{self._options.model}, voice {self._options.voice}, at {self._line.host}"

    def _talk(self, settings: str) -> Task:
        kind = Bidirectional if self._bidirectional else Classic
        return kind(self._line.host, self._key, self._options.format)

    def _settings(self, style: Style, language: str, emotion: str, *, whole: bool) -> str:
        """The message that begins a task; connections are kept by it."""
        options = self._options
        semitones = options.pitch + round(12 * math.log2(max(style.pitch, 0.01)))
        voice: dict[str, Any] = {
            "voice_id": style.voices.get(self.name) or options.voice,
            "speed": round(min(2.0, max(0.5, options.speed * style.speed)), 2),
            "vol": options.volume,
            "pitch": min(12, max(-12, semitones)),
        }
        feeling = style.emotion(self.name, emotion, EMOTIONS | options.emotion_map)
        if options.emotions and feeling:
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
        return message("task_start", **fields)

    async def _start(self, socket: Socket, talk: Task, settings: str) -> None:
        while not talk.answered:
            talk.receive(await socket.receive(socket_voice.SILENCE))
        await socket.send(settings)
        while not talk.started:
            talk.receive(await socket.receive(socket_voice.SILENCE))

    async def _send(self, socket: Socket, talk: Task, text: AsyncIterator[str]) -> None:
        await talk.send(socket, text)

    async def _cancel(self, socket: Socket, talk: Task) -> bool:
        if not isinstance(talk, Bidirectional):
            return False
        await talk.cancel(socket, self.cancelling)
        return True


def _address(base_url: str, path: str, group_id: str) -> str:
    try:
        bare = urlsplit(base_url).path in ("", "/")
    except ValueError:
        return base_url
    url = base_url.rstrip("/") + path if bare else base_url
    if group_id:
        url += f"{'&' if '?' in url else '?'}GroupId={quote(group_id, safe='')}"
    return url
