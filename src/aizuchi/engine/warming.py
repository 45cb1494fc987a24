"""Opens the vendors' connections before they are needed: when a client comes, when somebody speaks up, and
when they pause after having spoken for long.

A handshake (name, TCP, TLS, WebSocket) costs as much as a good part of an answer. It is made beside the
conversation, at most once in `WARM_EVERY` seconds for a provider over all sessions (`Chain.cold`), and
what comes of it is nobody's concern: whoever needs the provider then asks it anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from aizuchi.engine.chain import Chain
from aizuchi.engine.streams import quietly
from aizuchi.events import Entry, LinkOpened, SpeechStarted

LIMIT = 10.0
"""Seconds that warming one provider may take."""


class Warming:
    """A timeline reader. `spawn` starts a task of the session."""

    def __init__(self, *chains: Chain[Any], spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._chains = chains
        self._spawn = spawn

    def read(self, entry: Entry) -> None:
        """Quick, never raises."""
        match entry.event:
            case LinkOpened(roles=roles) if "mouth" in roles or "ear" in roles:
                self.warm()
            case SpeechStarted():
                self.warm()
            case _:
                pass

    def warm(self) -> None:
        for chain in self._chains:
            if (provider := chain.cold()) is not None:
                self._spawn(quietly(provider.warm(), LIMIT, f"warming {provider.name}"))
