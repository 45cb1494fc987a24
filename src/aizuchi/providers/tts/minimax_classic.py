"""MiniMax's classic protocol: each `task_continue` is spoken by itself, up to a message that says `is_final`.

What nobody wants any more can only be ended by cutting the connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aizuchi.providers.sockets import Socket
from aizuchi.providers.tts.minimax_task import Task, pieces


class Classic(Task):
    """A request that is whole before anything of it is sent."""

    async def send(self, socket: Socket, text: AsyncIterator[str]) -> None:
        parts = pieces("".join([words async for words in text]))
        self._owed = len(parts)  # known before the last one can be answered
        for part in parts:
            await socket.send(self.piece(part))

    def ended(self, event: Any, final: bool) -> None:
        if final and self._owed:
            self._owed -= 1
            self.finished = not self._owed
