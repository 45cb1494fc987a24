"""The binary frames of ByteDance's speech services. Sans-I/O, no vendor's words.

```
byte 0   version 1            | header size in words of four bytes
byte 1   kind                 | flags: 1 a sequence number follows, 2 the last one, 4 an event number follows
byte 2   1 where it is JSON   | 1 where it is gzipped
byte 3   nothing
         int32 sequence, int32 event, uint32 code of an error: only where there is one
         uint32 size of what follows, then that
```
All numbers are big-endian. Whether a frame is the last one is told by its flag, never by the sequence
number's sign: the vendor's own example has a last frame with a positive one.

Source: Volcengine, docs/6561/1354869, "binary protocol" and its worked example, read 2026-11.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

CONFIG: Final = 0b0001
SOUND: Final = 0b0010
ANSWER: Final = 0b1001
ERROR: Final = 0b1111

_NUMBERED, _LAST, _EVENT = 1, 2, 4
_MAGIC = b"\x1f\x8b"
LARGEST: Final = 1 << 20
"""Bytes of a frame, as it comes and also unzipped. An answer on an hour of speech is shorter."""


class Garbled(ValueError):
    """These bytes are no frame; says why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `payload` is unzipped."""

    kind: int
    """One of the four above, or something that this protocol does not know."""
    payload: bytes = field(default=b"", repr=False)
    sequence: int | None = None
    """Ours count from 1; that of a last frame is negative."""
    last: bool = False
    code: int = 0
    """Of an error."""


def encode(frame: Frame, *, zipped: bool = True) -> bytes:
    """A client's frame. The configuration is JSON, sound is not."""
    payload = gzip.compress(frame.payload, compresslevel=1, mtime=0) if zipped else frame.payload
    flags = (0 if frame.sequence is None else _NUMBERED) | (_LAST if frame.last else 0)
    form = (0x10 if frame.kind == CONFIG else 0) | (1 if zipped else 0)
    sequence = b"" if frame.sequence is None else struct.pack(">i", frame.sequence)
    head = bytes((0x11, frame.kind << 4 | flags, form, 0))
    return b"".join((head, sequence, struct.pack(">I", len(payload)), payload))


def decode(data: bytes) -> Frame:
    """A server's frame. Raises Garbled."""
    if len(data) > LARGEST:
        raise Garbled(f"a frame of {len(data)} bytes")
    if len(data) < 4 or data[0] >> 4 != 1 or not data[0] & 15:
        raise Garbled("no frame of version 1")
    kind, flags = data[1] >> 4, data[1] & 15
    at, sequence, code = 4 * (data[0] & 15), None, 0
    try:
        if flags & _NUMBERED:
            (sequence,) = struct.unpack_from(">i", data, at)
            at += 4
        if flags & _EVENT:  # not of this service, but the family has it
            at += 4
        if kind == ERROR:
            (code,) = struct.unpack_from(">I", data, at)
            at += 4
        (size,) = struct.unpack_from(">I", data, at)
    except struct.error:
        raise Garbled("a header that is cut off") from None
    payload = data[at + 4 : at + 4 + size]
    if len(payload) < size:
        raise Garbled(f"{len(payload)} bytes of {size}")
    # Errors are said to come as they are, whatever the header says.
    if payload and data[2] & 15 == 1 and (kind != ERROR or payload.startswith(_MAGIC)):
        payload = _unzipped(payload)
    return Frame(kind, payload, sequence, bool(flags & _LAST), code)


def _unzipped(payload: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unzip.decompress(payload, LARGEST + 1)
    except zlib.error:
        raise Garbled("no gzip where it should be") from None
    if len(plain) > LARGEST:
        raise Garbled("more than it may hold, when unzipped")
    if not unzip.eof:
        raise Garbled("gzip that is cut off")
    return plain
