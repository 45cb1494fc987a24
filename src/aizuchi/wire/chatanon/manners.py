"""What of the protocol is a matter of choice, and what both halves of a connection know of each other.

Its clients were published in steps, and none says which one it is:

    seed   the README: audio, its end, then the text; the text ends the turn; continuous mode is `agent_*`
    head   the newest code: stage events, a sentence's text with its first sound, `turn_end`; `voice_call_*`
    union  both in the seed's order, for clients that may be either
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Dialect = Literal["auto", "seed", "head"]
Tongue = Literal["seed", "head", "union"]
Hearing = Literal["", "batch", "stream", "call"]
Names = Literal["agent", "voice_call"]

LISTENING: dict[Names, str] = {"agent": "agent_listening", "voice_call": "voice_call_listening"}


@dataclass(frozen=True, slots=True)
class Manners:
    """A server's choices."""

    dialect: Dialect = "auto"
    """auto: `head` for browsers and for whoever uses a `voice_call_*` name, else `union`."""
    sentence_gap_ms: int = 500
    """Silence between two sentences of a reply, sent as sound."""


@dataclass(slots=True)
class Standing:
    """One connection, as both of its halves see it."""

    manners: Manners = field(default_factory=Manners)
    browser: bool = False
    """Its handshake named an origin."""
    new_names: bool = False
    """It has used a `voice_call_*` name."""
    hearing: Hearing = ""
    """What is being heard: one recording, one streamed utterance, or one after the other."""
    names: Names = "agent"
    """The family that opened the continuous mode, and gets its answers."""
    taking: bool = False
    """A streamed utterance has begun and has not ended: chunks of it are sound."""
    open_mic: bool = False
    """An error has ended the mode while the engine's microphone is open."""
    replying: bool = False
    """A turn is being sent."""

    @property
    def tongue(self) -> Tongue:
        if self.manners.dialect != "auto":
            return self.manners.dialect
        return "head" if self.browser or self.new_names else "union"
