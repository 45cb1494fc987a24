"""MiniMax's bidirectional protocol: text while it is written; sentences are built there; flush and cancel.

That `task_flushed` follows the last sound is the experience of two public clients, not a promise of the
document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aizuchi.providers.sockets import Socket
from aizuchi.providers.tts.minimax_task import Task, message, pieces


class Bidirectional(Task):
    """A request that is over when the flush is confirmed."""

    async def send(self, socket: Socket, text: AsyncIterator[str]) -> None:
        async for words in text:
            for part in pieces(words):
                await socket.send(self.piece(part))
        self._owed = 1
        await socket.send(message("task_flush"))

    def ended(self, event: Any, final: bool) -> None:
        if event == "task_flushed" and self._owed:
            self.finished = True

    async def cancel(self, socket: Socket, within: float) -> None:
        """Returns when the server has confirmed that it is silent. Raises ProviderError."""
        await socket.send(message("task_cancel"))
        while not self.silenced:
            self.receive(await socket.receive(within))
