"""Events as JSON, sound as WAV, and what the page's figure can do."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from aizuchi.wav import wav_header

EXPRESSIONS: Final[Mapping[str, str]] = {
    "winking": "wink",
    "funny": "wink",
    "silly": "wink",
    "kissy": "wink",
    "happy": "点头",
    "confident": "点头",
    "cool": "点头",
    "angry": "摇头",
    "disgusted": "摇头",
    "confused": "摇头",
}
"""Canonical emotion -> what the real page's figure can show: a nod, a shake of the head, a wink. One that is
missing here goes out under its own name, which that figure passes over and another one may know."""
GESTURES: Final = ("点头", "摇头", "wink")
"""Tags of the real agents that their figure knows."""
QUIET_MS: Final = 20
"""Of silence, where there is text without sound: a page can't take an empty sound."""
_QUIET_RATE: Final = 24_000
QUIET: Final = (bytes(_QUIET_RATE * QUIET_MS // 500), _QUIET_RATE)


def event(type_: str, **fields: Any) -> str:
    """The `data` of an event. ASCII, since a text may hold half a surrogate pair."""
    return json.dumps({"type": type_, **fields})


def wav(pcm: bytes, rate: int) -> str:
    """A complete file, mono and 16-bit, in base64."""
    return base64.b64encode(wav_header(rate, len(pcm)) + pcm).decode()


def say_aloud(text: str, pcm: bytes, rate: int, *, seq: int, last: bool) -> str:
    if not pcm:
        pcm, rate = QUIET
    return event("say_aloud", content=text, media_data=wav(pcm, rate), format="wav", seq=seq, is_last=last)
