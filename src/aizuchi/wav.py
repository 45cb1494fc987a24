"""WAV as it arrives: a header read piece by piece, and samples of any usual shape made mono s16le.

Servers that stream write a length of 0 or 0xFFFFFFFF into the header, since they do not know it yet; both
mean "until the stream ends". Chunks other than `fmt ` and `data` are skipped. Layout of the chunks: the
Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991) and the
WAVEFORMATEXTENSIBLE structure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

PCM: Final = 1
FLOAT: Final = 3
EXTENSIBLE: Final = 0xFFFE
UNKNOWN_LENGTH: Final = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36)
"""What writers put in place of a length they do not know; the last two leave room for the header."""
MAX_HEADER: Final = 1 << 20
"""Cover pictures and notes may precede the sound; more than this is no speech."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """The shape of the samples."""

    kind: int
    """PCM or FLOAT."""
    channels: int
    rate: int
    bits: int

    @property
    def block(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8


class WavReader:
    """Turns the bytes of one WAV stream, in pieces of any size, into mono s16le of its own rate."""

    def __init__(self) -> None:
        self.format: WavFormat | None = None
        """Known once the `fmt ` chunk was read; before the first sample in any case."""
        self._head = bytearray()
        self._skip = 12
        """Where in `_head` the next chunk starts."""
        self._left: int | None = None
        """Bytes of sound still to come; None while that is unknown."""
        self._in_data = False
        self._rest = b""

    @property
    def rate(self) -> int:
        """Hz; 0 before the header was read."""
        return self.format.rate if self.format else 0

    def push(self, data: bytes) -> bytes:
        """Take the next bytes, give the sound that is complete. Raises ValueError for anything not WAV."""
        if not self._in_data:
            self._head += data
            data = self._header()
            if not self._in_data:
                return b""
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        assert self.format is not None
        data = self._rest + data
        whole = len(data) // self.format.block * self.format.block
        self._rest = data[whole:]
        return to_mono(data[:whole], self.format)

    def end(self) -> None:
        """Nothing follows. Raises ValueError when the header never ended."""
        if not self._in_data:
            raise ValueError(f"WAV ended in its header, after {len(self._head)} bytes")

    def _header(self) -> bytes:
        """Advance through the chunks; returns the first bytes of sound once `data` is reached."""
        head = self._head
        if bytes(head[:4]) not in (b"RIFF"[: len(head)], b"RF64"[: len(head)]):
            raise ValueError(f"expected WAV, the stream begins with {bytes(head[:12])!r}")
        if len(head) >= 12 and bytes(head[8:12]) != b"WAVE":
            raise ValueError(f"expected WAV, the RIFF file is {bytes(head[8:12])!r}")
        while len(head) >= self._skip + 8:
            kind, size = struct.unpack_from("<4sI", head, self._skip)
            start = self._skip + 8
            if kind == b"data":
                if self.format is None:
                    raise ValueError("the WAV's data comes before its format")
                self._in_data = True
                self._left = None if size in UNKNOWN_LENGTH else size
                return bytes(head[start:])
            if size > MAX_HEADER or start > MAX_HEADER:
                raise ValueError(f"the WAV's {kind!r} chunk is too large")
            if kind == b"fmt ":
                if len(head) < start + size:
                    break
                self.format = parse_format(bytes(head[start : start + size]))
            self._skip = start + size + size % 2  # chunks begin at even offsets
        if len(head) > 2 * MAX_HEADER:
            raise ValueError("the WAV's header does not end")
        return b""


def parse_format(chunk: bytes) -> WavFormat:
    """Read a `fmt ` chunk. Raises ValueError for a compressed or impossible one."""
    if len(chunk) < 16:
        raise ValueError(f"the WAV's format has {len(chunk)} bytes, 16 are the least")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == EXTENSIBLE and len(chunk) >= 26:
        (kind,) = struct.unpack_from("<H", chunk, 24)
    widths = {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}.get(kind, ())
    if bits not in widths or not 1 <= channels <= 32 or not 1_000 <= rate <= 768_000:
        raise ValueError(f"cannot read WAV of kind {kind}, {channels} channels, {rate} Hz, {bits} bits")
    return WavFormat(kind, channels, rate, bits)


def to_mono(data: bytes, shape: WavFormat) -> bytes:
    """Whole blocks of samples to mono s16le; the channels are averaged."""
    if shape.kind == PCM and shape.bits == 16 and shape.channels == 1:
        return data
    import numpy as np

    if shape.kind == FLOAT:
        samples = np.nan_to_num(np.frombuffer(data, f"<f{shape.bits // 8}").astype(np.float64)) * 32768.0
    elif shape.bits == 8:
        samples = (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) * 256.0
    elif shape.bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4").ravel().astype(np.float64) / 65536.0
    else:
        samples = np.frombuffer(data, f"<i{shape.bits // 8}").astype(np.float64)
        samples /= 65536.0 if shape.bits == 32 else 1.0
    mono = samples.reshape(-1, shape.channels).mean(axis=1)
    return np.clip(np.rint(mono), -32768, 32767).astype("<i2").tobytes()


def wav_header(rate: int, size: int | None = None) -> bytes:
    """44 bytes for mono s16le of `size` bytes; None writes the length that means "until the end"."""
    body = 0xFFFFFFFF if size is None else size
    riff = 0xFFFFFFFF if size is None else size + 36
    fields = (b"fmt ", 16, PCM, 1, rate, rate * 2, 2, 16, b"data", body)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", *fields)
