"""What every bot can do: keep a context, and tell its handlers what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aizuchi.compat.bitnp.calling import Handler, call, registrar


class AbstractBot:
    """Override `respond_to_context`.

    Events of a reply, in order: `start_of_response` (None), `message_delta` ({"content": piece}) any number
    of times, `done` ({"content": whole text}) exactly once, also after an error. Our own bots also tell
    `error` ({"message": ...}) before that `done`. The caller appends the answer to the context.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        """The context: {"role", "content"} each, oldest first."""
        self.response = ""
        """The reply so far."""
        self.buffer = ""
        self._event_handlers: dict[str, list[Callable[..., Any]]] = {}

    def on(self, name_of_event: str) -> Callable[[Handler], Handler]:
        """Decorator: the function, plain or async, is called with the data of each such event."""
        return registrar(self._event_handlers, name_of_event)

    async def _dispatch_event(self, name_of_event: str, data: dict[str, Any] | None = None) -> None:
        """Tell the handlers of an event, one after the other in the order of registration.

        An async handler is awaited, so that a slow one holds back the stream. What a handler raises, rises.
        """
        await asyncio.sleep(0)
        for handler in tuple(self._event_handlers.get(name_of_event, ())):
            await call(handler, data)

    def append_context(self, text: str, role: str = "user") -> None:
        """Add a message to the context."""
        self.messages.append({"role": role, "content": text})

    async def respond_to_context(self, messages: list[dict[str, Any]] | None = None) -> str:
        """Answer these messages, or the context; gives the whole reply."""
        raise NotImplementedError("respond_to_context must be overridden")
