"""The ChatAnon protocol of one connection. See docs/wire/chatanon.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from aizuchi.errors import ProtocolError, UnknownCharacter
from aizuchi.events import Entry, Input
from aizuchi.ports import Ask, Delivery, Frame, Join, Leave, Limits, Welcome, Wire
from aizuchi.wire.chatanon import words
from aizuchi.wire.chatanon.inward import Inward, decode, text
from aizuchi.wire.chatanon.manners import Manners, Standing
from aizuchi.wire.chatanon.outward import Outward
from aizuchi.wire.chatanon.words import RATE, frame

HANDSHAKE = 30.0
FRAME_MS = 40
AHEAD_MS = 300
"""So much sound beyond the gap is sent ahead. Nothing can tell a client to stop playing what it has."""
DISCONNECTED = "Another client connected with the same token"
ANON = "anon"
"""The page asks for this character whatever the server has."""


class ChatAnonWire(Wire):
    """One client of any generation. `characters` gives name -> display name of those that there are."""

    protocol: ClassVar[str] = "chatanon"
    path: ClassVar[str] = "/ws"
    # A whole recording comes in one message: 16 MiB are six and a half minutes.
    LIMITS: ClassVar[Limits] = Limits(max_message=16 << 20, handshake_timeout=HANDSHAKE)

    def __init__(self, characters: Callable[[], Mapping[str, str]], manners: Manners | None = None) -> None:
        self._characters = characters
        self._standing = Standing(manners or Manners())
        self._inward = Inward(self._standing, self._known)
        self._outward = Outward(self._standing)
        self._asked = ""
        self._welcomed = False
        self._at = 0.0

    @property
    def delivery(self) -> Delivery:
        gap = self._standing.manners.sentence_gap_ms
        return Delivery(rate=RATE, frame_ms=FRAME_MS, lead_ms=gap + AHEAD_MS, sentence_gap_ms=gap)

    def opened(self, headers: Mapping[str, str]) -> None:
        self._standing.browser = bool(headers.get("origin"))

    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        if self._welcomed:
            yield from self._inward.receive(decode(message))
            return
        try:
            fields = decode(message)
        except ProtocolError as problem:
            raise ProtocolError(str(problem), close=1007) from problem
        if fields.get("type") != "connect":
            raise ProtocolError("First message must be of type 'connect'", close=1008)
        self._asked = text(fields, "character_name").strip().lower() or ANON
        yield Join(
            self.protocol,
            token=text(fields, "api_token"),
            character=self._known(self._asked) or ("" if self._asked == ANON else self._asked),
            mode="push",
            alone=True,
            stays=False,
        )

    def welcome(self, welcome: Welcome, now: float) -> Iterator[Frame]:
        self._welcomed = True
        yield frame(
            "connected",
            character=welcome.character,
            character_display_name=self._display_name(welcome.character),
            message="Connection established successfully",
        )

    def send(self, entry: Entry, now: float) -> Iterator[Frame]:
        self._at = entry.at
        return self._outward.send(entry) if self._welcomed else iter(())

    def answer(self, ask: Ask, result: Mapping[str, Any], now: float) -> Iterator[Frame]:
        if "error" in result:
            yield words.error("Failed to switch character")
            return
        name = str(result["character"])
        yield from self._outward.start_anew(self._at)
        yield frame(
            "character_switched",
            character=name,
            character_display_name=self._display_name(name),
            message=f"Switched to character: {name}",
        )

    def refuse(self, error: ProtocolError, now: float) -> Iterator[Frame]:
        match error:
            case ProtocolError(code="new_connection"):
                yield frame("disconnected", reason="new_connection", message=DISCONNECTED)
            case ProtocolError(code="auth_failed", retry_after_ms=int(wait)):
                yield words.error(f"Too many invalid API tokens; try again in {wait // 1000} seconds")
            case ProtocolError(code="auth_failed"):
                yield words.error("Invalid API token")
            case UnknownCharacter():
                known = sorted(self._characters())
                yield words.error(f"Character '{self._asked[:80]}' not available. Available: {known}")
            case _:
                yield words.error(str(error))

    def close_code(self, error: ProtocolError) -> int | None:
        """Whoever was not let in is sent away, and for that there is one code."""
        if error.close is not None and 4000 <= error.close < 5000:
            return 1008
        return error.close if self._welcomed or error.close is not None else 1008

    def _known(self, asked: str) -> str | None:
        return {name.lower(): name for name in self._characters()}.get(asked)

    def _display_name(self, name: str) -> str:
        return self._characters().get(name, name)
