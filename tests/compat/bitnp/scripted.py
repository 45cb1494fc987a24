"""A bot whose words a test knows."""

from __future__ import annotations

import asyncio
from typing import Any

from aizuchi.compat.bitnp.llm_api import AbstractBot


class Script(AbstractBot):
    """Says what it was told to, in the pieces it was given, and waits where it is to wait."""

    def __init__(self, pieces: list[str] | None = None) -> None:
        super().__init__()
        self.pieces = pieces or []
        self.gate = asyncio.Event()

    async def respond_to_context(self, messages: Any = None) -> str:
        await self._dispatch_event("start_of_response")
        self.response = ""
        for piece in self.pieces:
            if piece == "<wait>":
                await self.gate.wait()
                continue
            self.response += piece
            await self._dispatch_event("message_delta", {"content": piece})
        await self._dispatch_event("done", {"content": self.response})
        return self.response
