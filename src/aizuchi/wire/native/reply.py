"""What one client has got of one reply, and the messages made of its sound."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import cast

from pydantic_core import from_json

from aizuchi.events import Packet
from aizuchi.wire.native import down
from aizuchi.wire.native.down import Codec


@dataclass(slots=True)
class Reply:
    """What this client has got of one turn."""

    turn: int
    generation: int
    """The one its messages bear now."""
    deltas: int = 0
    ended: bool = False
    sentences: dict[int, str] = field(default_factory=dict[int, str])
    visemes: dict[int, list[down.Viseme]] = field(default_factory=dict[int, list[down.Viseme]])
    words: dict[int, list[down.TimedWord]] = field(default_factory=dict[int, list[down.TimedWord]])
    heading: tuple[int, int, str, int] | None = None
    """Sentence, rate, codec and generation of the binary frames that are being sent."""
    clip: bytearray = field(default_factory=bytearray)
    """Sound that waits to be sent as one piece."""
    clip_rate: int = 0
    clip_end_ms: int = 0


def chunk(packet: Packet, reply: Reply, data: str | None = None) -> down.TtsAudioChunk:
    codec: Codec = packet.codec
    return down.TtsAudioChunk(
        data=data,
        codec=codec,
        sample_rate=packet.rate,
        chunk_index=packet.index,
        sentence_index=packet.sentence,
        text=reply.sentences.get(packet.sentence) if packet.first else None,
        last=(packet.last or None) if data is not None else None,
    )


def clip(reply: Reply, *, last: bool) -> down.TtsAudio:
    data = base64.b64encode(reply.clip).decode()
    reply.clip.clear()
    return down.TtsAudio(data=data, codec="pcm_s16le", sample_rate=reply.clip_rate, last=last)


def arguments(text: str) -> dict[str, object] | str:
    try:
        said = from_json(text)
    except ValueError:
        return text
    return cast("dict[str, object]", said) if isinstance(said, dict) else text
