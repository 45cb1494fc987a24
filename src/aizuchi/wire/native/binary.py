"""Binary frames: a header of 12 bytes, big-endian, then raw PCM (or one Opus packet going down).

u8 kind (1 = up, 2 = down), u8 flags (bit 0 = last), u16 reserved, u32 seq, u32 generation_id (0 going up)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, Literal

from aizuchi.errors import ProtocolError

_HEADER: Final = struct.Struct(">BBHII")
UP: Final = 1
DOWN: Final = 2
_LAST: Final = 1
_WRAP: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Frame:
    """One binary frame."""

    seq: int
    data: bytes = field(repr=False)
    generation: int = 0
    last: bool = False


def pack(frame: Frame, kind: Literal[1, 2]) -> bytes:
    return packed(kind, frame.seq, frame.data, frame.generation, last=frame.last)


def packed(kind: Literal[1, 2], seq: int, data: bytes, generation: int, *, last: bool) -> bytes:
    """A frame as it goes over the wire. Numbers wrap at 32 bits, as the header has no room for more."""
    return _HEADER.pack(kind, _LAST if last else 0, 0, seq & _WRAP, generation & _WRAP) + data


def unpack(message: bytes, kind: Literal[1, 2]) -> Frame:
    """Read a frame of the given direction; reserved bits are not looked at. Raises ProtocolError."""
    if len(message) < _HEADER.size:
        raise ProtocolError(
            f"a binary frame begins with {_HEADER.size} bytes of header, this one has {len(message)}"
        )
    its_kind, flags, _, seq, generation = _HEADER.unpack_from(message)
    if its_kind != kind:
        raise ProtocolError(f"expected a binary frame of kind {kind}, this one is of kind {its_kind}")
    return Frame(seq, message[_HEADER.size :], generation, bool(flags & _LAST))
