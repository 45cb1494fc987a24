"""Opus, packet in and packet out, over libopus by ctypes.

The library is the system's, else the one that comes inside the `av` wheel, which is installed anyway.
Encoder and decoder state live in buffers that Python owns, so nothing has to be freed; calls release the
GIL. Costs on one core (MEASURED, section 3): encoding 60 ms at 16 kHz 0.28 ms at complexity 5, decoding
0.03 ms. Numbers of the control requests: `opus_defines.h` of libopus 1.3.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from aizuchi.errors import ConfigError, ProtocolError

RATES: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
FRAMES_MS: Final = (2.5, 5, 10, 20, 40, 60, 80, 100, 120)

_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_RESET: Final = 4028
_AUTO: Final = -1000
_MAX_PACKET: Final = 4000
"""What libopus advises for the output buffer."""


class OpusEncoder:
    """Encodes mono s16le, one frame a call. Not to be shared between streams.

    `rate` is one of `RATES`; `bitrate` is bit/s, None leaves it to libopus; `complexity` 0..10 trades CPU
    for quality. Raises ConfigError when there is no libopus. Callable, as the outbox wants its encoders.
    """

    def __init__(self, rate: int, *, bitrate: int | None = 24_000, complexity: int = 5) -> None:
        _check_rate(rate)
        if not 0 <= complexity <= 10:
            raise ValueError(f"Opus complexity is 0..10, not {complexity}")
        lib = library()
        self.rate = rate
        self._encode = lib.opus_encode
        self._control = lib.opus_encoder_ctl
        self._sizes = {round(rate * ms / 1000) for ms in FRAMES_MS}
        self._state = ctypes.create_string_buffer(lib.opus_encoder_get_size(1))
        self._packet = ctypes.create_string_buffer(_MAX_PACKET)
        _check(lib.opus_encoder_init(self._state, rate, 1, _VOIP), "opus_encoder_init")
        self._set(_SET_BITRATE, _AUTO if bitrate is None else bitrate)
        self._set(_SET_COMPLEXITY, complexity)

    def encode(self, pcm: bytes) -> bytes:
        """One packet of one frame; ValueError unless `pcm` is as long as one of `FRAMES_MS`."""
        samples = len(pcm) // 2
        if samples not in self._sizes or len(pcm) % 2:
            raise ValueError(
                f"{len(pcm)} bytes are no Opus frame at {self.rate} Hz; frames last {FRAMES_MS} ms"
            )
        size = self._encode(self._state, pcm, samples, self._packet, _MAX_PACKET)
        _check(size, "opus_encode")
        return ctypes.string_at(self._packet, size)

    __call__ = encode

    def reset(self) -> None:
        """Forget the past, as before the first frame; the settings stay."""
        _check(self._control(self._state, _RESET), "opus_encoder_ctl")

    def _set(self, request: int, value: int) -> None:
        _check(
            self._control(self._state, request, ctypes.c_int(value)), f"opus_encoder_ctl({request}, {value})"
        )


class OpusDecoder:
    """Decodes packets of any sender's rate and channels to mono s16le of `rate`. One per stream."""

    def __init__(self, rate: int) -> None:
        _check_rate(rate)
        lib = library()
        self.rate = rate
        self._decode = lib.opus_decode
        self._control = lib.opus_decoder_ctl
        self._longest = rate * 120 // 1000
        self._state = ctypes.create_string_buffer(lib.opus_decoder_get_size(1))
        self._pcm = ctypes.create_string_buffer(self._longest * 2)
        _check(lib.opus_decoder_init(self._state, rate, 1), "opus_decoder_init")

    def decode(self, packet: bytes) -> bytes:
        """The sound of one packet, up to 120 ms. Raises ProtocolError for what is no packet; the decoder
        goes on with the next."""
        if not packet:
            raise ProtocolError("an Opus packet has at least one byte, this one has none", code="bad_audio")
        samples = self._decode(self._state, packet, len(packet), self._pcm, self._longest, 0)
        if samples < 0:
            raise ProtocolError(
                f"these {len(packet)} bytes are no Opus packet ({_words(samples)})", code="bad_audio"
            )
        return ctypes.string_at(self._pcm, samples * 2)

    def conceal(self, ms: int) -> bytes:
        """Sound in place of lost packets of `ms` together, one of `FRAMES_MS`."""
        samples = self._decode(self._state, None, 0, self._pcm, min(self.rate * ms // 1000, self._longest), 0)
        _check(samples, "opus_decode")
        return ctypes.string_at(self._pcm, samples * 2)

    def reset(self) -> None:
        """Forget the past, as before the first packet."""
        _check(self._control(self._state, _RESET), "opus_decoder_ctl")


@cache
def library() -> ctypes.CDLL:
    """libopus, looked for once. Raises ConfigError when there is none."""
    for name in _candidates():
        try:
            return _declared(ctypes.CDLL(name))
        except (OSError, AttributeError):  # not there, for another processor, or not libopus at all
            continue
    raise ConfigError(
        "no libopus found: install the system's (Debian: libopus0, macOS: brew install opus)"
        " or reinstall the `av` package, whose wheel brings one"
    )


def version() -> str:
    """As libopus names itself, for `aizuchi check`."""
    return ctypes.string_at(library().opus_get_version_string()).decode("ascii", "replace")


def _candidates() -> Iterator[str]:
    # Asked by their file names first: on Linux find_library starts other programs to search.
    yield {"win32": "opus.dll", "darwin": "libopus.0.dylib"}.get(sys.platform, "libopus.so.0")
    yield from bundled()
    if found := ctypes.util.find_library("opus"):
        yield found


def bundled() -> Iterator[str]:
    """Paths of the libopus inside the installed `av` wheel: `av.libs` beside the package (Linux and Windows)
    or `.dylibs` in it (macOS)."""
    spec = importlib.util.find_spec("av")
    for package in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        for folder in (package.parent / "av.libs", package / ".dylibs", package):
            found = sorted(
                p for p in folder.glob("*opus*") if ".so" in p.name or p.suffix in (".dylib", ".dll")
            )
            if found and sys.platform == "win32":
                os.add_dll_directory(str(folder))
            yield from map(str, found)


def _declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    """Say the types once. The `_ctl` functions take a variable argument, which must stay undeclared:
    on Apple's processors it travels differently from the named ones."""
    i, p, s = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
    types: dict[str, tuple[Any, list[Any]]] = {
        "opus_get_version_string": (p, []),
        "opus_strerror": (s, [i]),
        "opus_encoder_get_size": (i, [i]),
        "opus_encoder_init": (i, [p, ctypes.c_int32, i, i]),
        "opus_encode": (ctypes.c_int32, [p, s, i, p, ctypes.c_int32]),
        "opus_encoder_ctl": (i, [p, i]),
        "opus_decoder_get_size": (i, [i]),
        "opus_decoder_init": (i, [p, ctypes.c_int32, i]),
        "opus_decode": (i, [p, s, ctypes.c_int32, p, i, i]),
        "opus_decoder_ctl": (i, [p, i]),
    }
    for name, (result, arguments) in types.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments
    return lib


def _check_rate(rate: int) -> None:
    if rate not in RATES:
        raise ValueError(f"Opus knows {RATES} Hz, not {rate}")


def _words(code: int) -> str:
    return library().opus_strerror(code).decode("ascii", "replace")


def _check(code: int, what: str) -> None:
    if code < 0:
        raise ValueError(f"{what}: {_words(code)}")
