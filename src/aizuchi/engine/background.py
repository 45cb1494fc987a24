"""Work that is no turn: summaries, memory, prefetch. It asks the same models, and never makes a reply wait.

While replies need every place it waits in the queue behind them; if one of them finds all places taken, it
gives its own back and begins again later. With a smaller model named, that one is asked instead whenever the
others are wanted. What has not come to an end within its patience is dropped.

    waiting ──▶ running ──▶ done
       ▲           │ revoked by a reply, or paused because the server has too much to do
       └───────────┴──▶ dropped: Busy
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.rules import StageLimits
from aizuchi.engine.streams import closing
from aizuchi.errors import Busy
from aizuchi.events import Event, Queued
from aizuchi.ports import LanguageModel, Prompt, Token

MOST = 16
"""Pieces of background work at a time, waiting ones included."""


class Background:
    """The door for work in the background, one for the whole process.

    `smaller` names a provider of the chain (of several with this name the last); empty: there is none.
    `patience` is how many seconds a piece of work may take, waits and new beginnings included.
    """

    def __init__(
        self, llm: Chain[LanguageModel], *, limits: StageLimits, smaller: str = "", patience: float = 60.0
    ) -> None:
        self._llm = llm
        self._limits = limits
        self._patience = patience
        chosen = [each for each in llm.providers if smaller and each.name == smaller][-1:]
        one_by_one = Permits("llm", 1, waiting=MOST, patience=patience)
        self._smaller = Chain("llm", chosen, permits=one_by_one) if chosen else None
        self._scopes: set[asyncio.Timeout] = set()
        self._work = 0
        self._going = asyncio.Event()
        self._going.set()

    @property
    def paused(self) -> bool:
        return not self._going.is_set()

    def pause(self, on: bool) -> None:
        """Stop what runs and begin nothing, or go on. Synchronous."""
        if not on:
            self._going.set()
            return
        self._going.clear()
        for scope in tuple(self._scopes):
            _end(scope)

    async def think(self, prompt: Prompt, *, note: Callable[[Event], None] = lambda _event: None) -> str:
        """The model's whole text. `note` gets Requested and Answered, for whoever is to be billed.

        Raises Busy when there is no time or place for it, ProviderError when the models failed.
        """
        if self._work >= MOST:
            raise self._busy("too much of it waits already")
        self._work += 1
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    await self._going.wait()
                    text = await self._try(prompt, note)
                    if text is not None:
                        return text
        except TimeoutError:
            raise self._busy(f"it found no time within {self._patience:g} s") from None
        finally:
            self._work -= 1

    async def _try(self, prompt: Prompt, note: Callable[[Event], None]) -> str | None:
        """None: it had to make way."""
        text = ""
        try:
            async with asyncio.timeout(None) as scope:
                self._scopes.add(scope)
                try:
                    stream = self._chain().stream(
                        lambda model: model.think(prompt),
                        first=self._limits.llm_first,
                        gap=self._limits.llm_gap,
                        note=lambda event: None if isinstance(event, Queued) else note(event),
                        call=Call("background", revoke=lambda: _end(scope), patience=self._patience),
                    )
                    async with closing(stream) as items:
                        async for _, item in items:
                            if isinstance(item, Token):
                                text += item.text
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            return None
        return text

    def _chain(self) -> Chain[LanguageModel]:
        permits = self._llm.permits
        wanted = permits is not None and not permits.free
        return self._smaller if wanted and self._smaller is not None else self._llm

    def _busy(self, why: str) -> Busy:
        return Busy(f"background work was dropped: {why}", retry_after_ms=round(self._patience * 1000))


def _end(scope: asyncio.Timeout) -> None:
    if not scope.expired():
        scope.reschedule(asyncio.get_running_loop().time())
