"""Text that comes in pieces, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aizuchi.ports import Audio


async def written(*pieces: str, gate: asyncio.Event | None = None) -> AsyncIterator[str]:
    """The pieces; all but the first wait for the gate."""
    for number, piece in enumerate(pieces):
        if number and gate is not None:
            await gate.wait()
        yield piece


def pcm(items: list[Any]) -> bytes:
    return b"".join(item.pcm for item in items if isinstance(item, Audio))
