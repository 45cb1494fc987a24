"""Speaking into a running server while listening to it, by the protocol's document alone."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from tests.wire.independent import Plain

RATE = 16_000
FRAME = 640
"""Bytes of 20 ms."""


async def microphone(
    client: Plain, pcm: bytes, *, sizes: Iterable[int] = (FRAME,), pace: bool = True
) -> None:
    """`pcm` and then silence without end, in chunks of these sizes in turn, in real time if `pace`.

    Without pace the sound is sent at once and the silence in real time.
    """
    began, sent = time.monotonic(), 0
    for size in itertools.cycle(sizes):
        chunk = pcm[sent : sent + size].ljust(size, b"\0")
        sent += size
        if pace or sent > len(pcm):
            due = began + (sent if pace else sent - len(pcm)) / 2 / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await client.sound(chunk, binary=client.fields is not None and client.fields.get("audio") == "binary")


async def spoken(
    client: Plain, pcm: bytes, *, sizes: Iterable[int] = (FRAME,), pace: bool = True
) -> dict[str, Any]:
    """Speak until it was understood: the `asr_final`. Leaves the microphone silent."""
    async with asyncio.TaskGroup() as group:
        speaking = group.create_task(microphone(client, pcm, sizes=sizes, pace=pace))
        final = await client.until("asr_final")
        speaking.cancel()
    return final


def sound_of(messages: list[dict[str, Any]], sentence: int | None = None) -> tuple[bytes, int]:
    """The sound in these messages, of one sentence or all, and its rate."""
    chunks = [
        each
        for each in messages
        if each.get("pcm") and (sentence is None or each.get("sentence_index") == sentence)
    ]
    return b"".join(each["pcm"] for each in chunks), chunks[0]["sample_rate"] if chunks else 0


def texts_of(messages: list[dict[str, Any]]) -> str:
    return "".join(each["delta"] for each in messages if each["type"] == "assistant_text_delta")


@asynccontextmanager
async def talk(url: str, **fields: Any) -> AsyncIterator[Plain]:
    """A streaming client with binary sound, unless `fields` of its hello say otherwise."""
    async with Plain(url, **{"want": ["stream", "metrics"], "audio": "binary"} | fields) as client:
        yield client
