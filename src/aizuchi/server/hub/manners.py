"""What of the relay is a matter of choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aizuchi.server.admission import Token
from aizuchi.server.hub.words import Envelope


@dataclass(frozen=True, slots=True)
class Manners:
    """A server's choices."""

    agent_tokens: Sequence[Token] | None = None
    """Who may come as an agent; None: whoever may use the server, empty: everybody."""
    page_tokens: Sequence[Token] | None = None
    origins: Sequence[str] = ()
    """Web origins that may connect, besides the server's."""
    envelope: Envelope = "event"
    takeover: bool = True
    """An outside agent may take the name of one of ours."""
    holder_patience: float = 2.5
    """Seconds that the holder of a name has to show that it lives when another agent wants it; 0: it is
    never asked."""
    linger: float = 60.0
    """Seconds that an agent of ours stays after the last page has left."""
    queue_bytes: int = 8 << 20
    """Bytes that may wait for one connection."""
    stalled: float = 10.0
    """A page for which bytes wait and that takes none for so many seconds is cut off."""
    slides: Path | None = None
    slides_path: str = "/documents/slides"
