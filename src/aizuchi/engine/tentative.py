"""What was said so far, as a recogniser's final text, before it is certain that this was all.

A recogniser that is asked over a network gives its final text some time after the end-point. So at a pause it
is asked already, by a second request on the sound so far, beside the one that goes on listening. If the
end-point confirms, its text is the final one, and the recogniser's time has passed within the wait; if the
speaker goes on, it is cancelled. It may fail without harm: the other request goes on, and a breaker hears of
no failure but that one's. One that streams on this machine is not asked twice: its final text costs little,
and hearing everything again would cost much.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.speculation import Tries
from aizuchi.engine.streams import provided
from aizuchi.errors import Busy, ProviderError
from aizuchi.events import Answered, Event, Requested
from aizuchi.ports import Final, Hints, Partial, Recognizer

log = logging.getLogger(__name__)


class Tentative:
    """One request; `told` is called once, as soon as it has its text or has failed."""

    def __init__(
        self,
        recognizer: Recognizer,
        sound: Sequence[bytes],
        hints: Hints,
        *,
        patience: float,
        tell: Callable[[Event], None],
        told: Callable[[], None],
        permits: Permits | None = None,
    ) -> None:
        self.recognizer = recognizer
        self._permits = permits
        self.final: Final | None = None
        self.over = asyncio.Event()
        self._sound = sound
        self._hints = hints
        self._patience = patience
        self._tell = tell
        self._told = told
        self._left = False
        self._task: asyncio.Task[object] | None = None

    def leave(self) -> None:
        """Nobody wants it any more: it is told to nobody, and its request is closed."""
        self._left = True
        self.over.set()
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Its task; never raises what a provider does."""
        if self._left:
            return
        self._task = asyncio.current_task()
        if self._permits is None:
            await self._ask()
            return
        try:
            # Whoever needs the place for a reply gets it: the other request goes on listening.
            call = Call("background", revoke=self.leave, patience=self._patience)
            async with self._permits.held(call, note=lambda _event: None):
                await self._ask()
        except Busy:
            self._done(None)

    async def _ask(self) -> None:
        loop, name = asyncio.get_running_loop(), self.recognizer.name
        began, first_ms, outcome = loop.time(), None, "cancelled"
        self._tell(Requested("asr", name))
        try:
            async with (
                asyncio.timeout(self._patience),
                provided(self.recognizer.transcribe(self._audio(), self._hints), name) as results,
            ):
                async for result in results:
                    first_ms = round((loop.time() - began) * 1000) if first_ms is None else first_ms
                    check(result, name)
                    if isinstance(result, Final):
                        outcome = "done"
                        self._done(result)
                        break
                else:
                    outcome = "failed"
        except (TimeoutError, ProviderError) as error:
            outcome = "done" if self.final is not None else "failed"
            log.info("asr %s: a tentative request failed: %s", name, str(error) or "too slow")
        finally:
            ms = sum(map(len, self._sound)) // 32
            self._tell(Answered("asr", name, outcome, first_ms=first_ms, audio_ms=ms))
        if self.final is None:
            self._done(None)

    def _done(self, final: Final | None) -> None:
        if not self._left:
            self.final = final
            self.over.set()
            self._told()

    async def _audio(self) -> AsyncIterator[bytes]:
        for pcm in self._sound:
            yield pcm


class Ahead:
    """One utterance's tentative requests: one at a time, at most one in a pause."""

    def __init__(self, tries: Tries, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self.newest: Tentative | None = None
        """That of the present pause."""
        self._tries = tries
        self._spawn = spawn

    @property
    def pending(self) -> bool:
        """There will be a text for this pause."""
        return self.newest is not None and not self.newest.over.is_set()

    def ask(
        self,
        asr: Chain[Recognizer],
        sound: Sequence[bytes],
        hints: Hints,
        *,
        silence_ms: float,
        patience: float,
        tell: Callable[[Event], None],
        told: Callable[[], None],
    ) -> None:
        """The speaker is silent for so long: ask, if that promises anything."""
        recognizer = next(asr.usable(), None)
        if self.newest is not None or recognizer is None or (recognizer.streams and recognizer.local):
            return
        free = asr.permits is None or asr.permits.free
        if free and self._tries.allow(silence_ms):
            self._tries.use()
            self.newest = Tentative(
                recognizer, sound, hints, patience=patience, tell=tell, told=told, permits=asr.permits
            )
            self._spawn(self.newest.run())

    def leave(self) -> None:
        """The pause is over: the speaker goes on, or the final text is known."""
        if self.newest is not None:
            self.newest.leave()
            self.newest = None
            self._tries.belied()


def check(result: object, name: str) -> None:
    """Third-party code may give anything."""
    if not isinstance(result, Partial | Final) or not isinstance(result.text, str):  # pyright: ignore
        raise ProviderError(f"{name} gave {result!r:.60} instead of text")
