"""What a ChatAnon server's messages mean to whoever reads and hears them. No input or output.

Servers of three kinds speak alike enough to be folded into one, if one looks at what differs:

    README's    thinking, then audio_chunk... audio_end response once per sentence; nothing ends the turn
    newest      thinking, then response audio_chunk... once per sentence, then audio_end turn_end
    ours        either, or audio_chunk... audio_end response turn_end; and it stops when it is interrupted

So a turn is over with `turn_end`, an `error`, or when the server listens again; and from a server that has
never said `turn_end`, when after a `response` nothing has come for a while. Sound is played from `thinking`
on: what still comes of the turn before, after the user has said something, is passed over.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SETTLED: Final = 3.0
"""Seconds of quiet after a `response` that end a turn, where nothing else does: the next sentence of the
first servers comes when its voice has begun."""
AT_ONCE: Final = 0.2
"""Seconds between the last sound and `*_listening` within which the reply was cut off rather than heard."""
MOST: Final = 64 << 20
"""Bytes of one reply that are kept for saving, about half an hour."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn begins: nothing of the one before is wanted any more."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, or all of a reply."""

    cn: str
    jp: str
    emotion: str
    """Empty if the server has none in mind."""
    first: bool
    """Of its turn."""


@dataclass(frozen=True, slots=True)
class Sounded:
    pcm: bytes = field(repr=False)
    rate: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What the server understood, so far or in the end."""

    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class Listening:
    """A call goes on with the user. `cut`: the reply was interrupted; what is left of it is not wanted."""

    cut: bool


@dataclass(frozen=True, slots=True)
class Over:
    """A turn has ended, with its sound."""

    pcm: bytes = field(repr=False)
    rate: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a command: `connected`, `character_switched`, `history_cleared`, `audio_stream_started`, `pong`."""

    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    text: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """The server is about to close the connection, and says why."""

    text: str


Happening = Begun | Said | Sounded | Heard | Listening | Over | Answer | Problem | Replaced
ANSWERS: Final = ("connected", "character_switched", "history_cleared", "audio_stream_started", "pong")


class Replies:
    """One connection's messages. `now` is any monotonic clock's time in seconds.

    `interrupts`: the server stops a reply when it is spoken over; only then is sound dropped at
    `*_listening`, since the other servers have sent the whole reply by then, with much of it still to play.
    """

    def __init__(self, *, interrupts: bool) -> None:
        self.interrupts = interrupts
        self.running = False
        """A turn was begun and is not over."""
        self._ends_turns = False
        """The server has said `turn_end`."""
        self._fresh = True
        """Nothing of the running turn has been said or heard yet."""
        self._muted = False
        self._texts = 0
        self._pcm = bytearray()
        self._rate = 16_000
        self._sound_over: float | None = None
        self.deadline: float | None = None
        """When to call `tick`."""

    def spoken(self) -> None:
        """The user has said something: what still comes of an earlier turn is passed over."""
        self._muted = True

    def hush(self) -> None:
        """The user wants to hear no more of this turn; its text still comes."""
        self._muted = self.running

    def tick(self, now: float) -> Iterator[Happening]:
        if self.deadline is not None and now >= self.deadline:
            yield from self._over()

    def take(self, message: Mapping[str, Any], now: float) -> Iterator[Happening]:
        """The meaning of one message; those that mean nothing to us give nothing."""
        kind = message.get("type")
        if self.deadline is not None and kind != "ping":
            self.deadline = now + SETTLED
        match kind:
            case "thinking":
                yield from self._thinking()
            case "audio_chunk":
                yield from self._chunk(message)
            case "audio_end":
                self._sound_over = now
            case "response":
                yield from self._response(message, now)
            case "turn_end":
                self._ends_turns = True
                yield from self._over()
            case "transcription":
                yield Heard(_text(message, "text"), not message.get("is_partial", True))
            case "agent_listening" | "voice_call_listening":
                cut = self._sound_over is not None and now - self._sound_over < AT_ONCE
                yield from self._over()
                yield Listening(cut and self.interrupts)
            case "error":
                yield from self._over()
                yield Problem(_text(message, "message"))
            case "disconnected":
                yield from self._over()
                yield Replaced(_text(message, "message") or _text(message, "reason"))
            case str() if kind in ANSWERS:
                yield Answer(kind, message)
            case _:
                pass

    def _thinking(self) -> Iterator[Happening]:
        # A recording is thought of twice, when it is transcribed and when it is answered.
        if self.running and self._fresh:
            return
        yield from self._over()
        self.running, self._fresh, self._muted, self._sound_over = True, True, False, None
        yield Begun()

    def _chunk(self, message: Mapping[str, Any]) -> Iterator[Happening]:
        try:
            pcm = base64.b64decode(_text(message, "audio_base64"), validate=True)
        except (binascii.Error, ValueError):
            return
        pcm = pcm[: len(pcm) // 2 * 2]
        rate = message.get("audio_sample_rate")
        if not pcm or self._muted or message.get("audio_format", "pcm") != "pcm":
            return
        self._rate = rate if isinstance(rate, int) and 8_000 <= rate <= 192_000 else 16_000
        # Of a turn that seemed to be over there is more.
        self.running, self._fresh, self._sound_over, self.deadline = True, False, None, None
        if len(self._pcm) < MOST:
            self._pcm += pcm
        yield Sounded(pcm, self._rate)

    def _response(self, message: Mapping[str, Any], now: float) -> Iterator[Happening]:
        if message.get("audio_base64") and not self._pcm:
            yield from self._chunk(message)
        first, self._texts = self._texts == 0, self._texts + 1
        self.running, self._fresh = True, False
        if not self._ends_turns:
            self.deadline = now + SETTLED
        cn, jp = _text(message, "content_cn").strip(), _text(message, "content_jp").strip()
        emotion = _text(message, "emotion")
        if cn or jp:
            yield Said(cn or jp, jp or cn, "" if emotion == "auto" else emotion, first)

    def _over(self) -> Iterator[Happening]:
        if self.running:
            pcm = bytes(self._pcm)
            self._pcm.clear()
            self._texts = 0
            self.running, self.deadline = False, None
            yield Over(pcm, self._rate)


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""
