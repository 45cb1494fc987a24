"""The envelope: whose session, which number, which generation. Shared by both directions of a connection."""

from __future__ import annotations

import logging

from aizuchi.wire.native import binary
from aizuchi.wire.native.down import Down

log = logging.getLogger(__name__)


class Numbering:
    """One connection's counters."""

    def __init__(self) -> None:
        self.session = ""
        """Empty until the server has welcomed the client."""
        self.generation = 0
        """The highest this client has been told."""
        self._next_down = 0
        self._last_up: int | None = None
        self._gaps = 0

    # -- down

    def seal(
        self, message: Down, now: float, *, generation: int | None = None, turn: int | None = None
    ) -> str:
        """Fill in the envelope and encode. Without a generation: the highest told so far."""
        message.session_id = self.session
        message.seq = self._take()
        message.generation_id = self._told(generation)
        message.turn_id = None if turn is None else f"turn-{turn}"
        message.ts = round(now * 1000)
        return message.model_dump_json(exclude_none=True)

    def frame(self, data: bytes, generation: int, *, last: bool) -> bytes:
        """A binary frame of sound; it takes a number like any message."""
        return binary.packed(binary.DOWN, self._take(), data, self._told(generation), last=last)

    @property
    def last_down(self) -> int:
        """Number of the message sealed last."""
        return self._next_down - 1

    def _take(self) -> int:
        self._next_down += 1
        return self._next_down - 1

    def _told(self, generation: int | None) -> int:
        if generation is None:
            return self.generation
        self.generation = max(self.generation, generation)
        return generation

    # -- up

    def fresh(self, seq: int | None) -> bool:
        """Whether a client's message is new: a number that is not above the last one is a repetition."""
        if seq is None:
            return True
        expected = 0 if self._last_up is None else self._last_up + 1
        if seq < expected:
            return False
        if seq > expected:
            self._gaps += 1
            # One careless client must not fill the log.
            level = logging.INFO if self._gaps == 1 else logging.DEBUG
            log.log(
                level, "session %s: client messages %d to %d are missing", self.session, expected, seq - 1
            )
        self._last_up = seq
        return True
