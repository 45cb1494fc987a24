"""The protocol's messages as text frames, and its eight emotions."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from aizuchi.emotions import EMOTIONS

RATE: Final = 16_000
FORMAT: Final = {"audio_format": "pcm", "audio_sample_rate": RATE}
SLICE: Final = RATE * 2 // 10
"""Bytes of 100 ms."""
SHORTEST: Final = RATE * 2 // 50
"""Bytes of 20 ms: no chunk is shorter."""

_EMOTIONS: Final[dict[str, str]] = {
    "happy": "happy",
    "laughing": "happy",
    "funny": "happy",
    "loving": "happy",
    "winking": "happy",
    "cool": "happy",
    "delicious": "happy",
    "kissy": "happy",
    "confident": "happy",
    "silly": "happy",
    "sad": "sad",
    "crying": "sad",
    "angry": "angry",
    "fearful": "fearful",
    "disgusted": "disgusted",
    "surprised": "surprised",
    "shocked": "surprised",
    "relaxed": "calm",
    "sleepy": "calm",
    "calm": "calm",
}
EMOTION: Final[dict[str, str]] = {name: _EMOTIONS.get(name, "auto") for name in EMOTIONS}
"""Canonical emotion -> one of happy sad angry fearful disgusted surprised calm auto."""


def frame(type_: str, **fields: Any) -> str:
    """One message. ASCII, since a text may hold half a surrogate pair."""
    return json.dumps({"type": type_, **fields})


def error(message: str) -> str:
    return frame("error", message=message)


def chunk(pcm: bytes) -> str:
    """A chunk of sound; a shorter one is filled up with silence, and never are its bytes odd."""
    return frame("audio_chunk", audio_base64=base64.b64encode(pcm.ljust(SHORTEST, b"\0")).decode(), **FORMAT)


def silence(ms: int) -> Iterator[str]:
    """Silence as ordinary chunks."""
    left = ms * RATE // 1000 * 2
    while left > 0:
        yield chunk(bytes(min(SLICE, left)))
        left -= SLICE


def emotion(name: str) -> str:
    return EMOTION.get(name, "auto")
