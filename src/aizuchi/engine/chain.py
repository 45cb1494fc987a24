"""Providers of one stage, tried in order, with time limits and a circuit breaker.

`Chain.stream` is the only way the engine asks a provider for anything that streams. It opens the first
provider that is not in its breaker's pause, holds it to the stage's limits, and passes on to the next
as long as nothing has been yielded. Where the stage has `permits`, one is held for as long as the stream is
open; the wait for it does not count against the provider's limits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.streams import closing, provided
from aizuchi.errors import Busy, ProviderError, StageTimeout
from aizuchi.events import Answered, Event, Fault, Requested, Stage
from aizuchi.ports import Provider

WARM_EVERY = 25.0
"""Seconds; vendors and our own pools keep an idle connection for about a minute."""

log = logging.getLogger(__name__)

P = TypeVar("P", bound=Provider)
T = TypeVar("T")


@dataclass(slots=True)
class Breaker:
    """One provider's record: after some failures in a row it is left alone for a while."""

    failures: int = 0
    closed_until: float = 0.0


class Chain(Generic[P]):
    """The providers of a stage in the order they are tried; shared by all sessions."""

    def __init__(
        self,
        stage: Stage,
        providers: Sequence[P],
        *,
        failures: int = 3,
        pause: float = 30.0,
        clock: Callable[[], float] | None = None,
        allowed: Callable[[str], bool] = lambda _name: True,
        phrases: Phrases | None = None,
        permits: Permits | None = None,
    ) -> None:
        self.stage: Stage = stage
        self.providers = tuple(providers)
        self.phrases = phrases
        """Of voices: what was said before in the same words."""
        self.permits = permits
        self._failures = failures
        self._pause = pause
        self._clock = clock or _loop_time
        self._allowed = allowed
        self._warm: dict[int, float] = {}
        """When a provider's connections were used or opened last."""
        self._breakers = {id(provider): Breaker() for provider in self.providers}

    def __bool__(self) -> bool:
        return bool(self.providers)

    @property
    def degraded(self) -> bool:
        """A provider is in its pause."""
        now = self._clock()
        return any(breaker.closed_until > now for breaker in self._breakers.values())

    def retune(self, *, failures: int, pause: float) -> None:
        """Another breaker from now on; a pause that runs is not shortened."""
        self._failures, self._pause = failures, pause

    def paused(self, provider: P) -> float:
        """Seconds for which a provider is still left alone."""
        return max(0.0, self._breakers[id(provider)].closed_until - self._clock())

    def allowed(self, provider: P) -> bool:
        """Whether nobody has capped its use for now."""
        return self._allowed(provider.name)

    def usable(self) -> Iterator[P]:
        """Providers that may be tried now, best first."""
        for provider in self.providers:
            if self._breakers[id(provider)].closed_until <= self._clock() and self._allowed(provider.name):
                yield provider

    def cold(self) -> P | None:
        """The provider that would be asked now, unless it was used or warmed lately; it then is."""
        provider = next(self.usable(), None)
        if provider is None or type(provider).warm is Provider.warm:
            return None
        now, before = self._clock(), self._warm.get(id(provider))
        if before is not None and now - before < WARM_EVERY:
            return None
        self._warm[id(provider)] = now
        return provider

    def succeeded(self, provider: P) -> None:
        self._warm[id(provider)] = self._clock()
        self._breakers[id(provider)].failures = 0

    def failed(self, provider: P, error: ProviderError) -> None:
        """Count a failure; one that lies in the request (not retryable) says nothing of the provider."""
        if not error.retryable:
            return
        breaker = self._breakers[id(provider)]
        breaker.failures += 1
        if breaker.failures >= self._failures:
            breaker.failures, breaker.closed_until = 0, self._clock() + self._pause
            log.warning("%s %s: left alone for %.0f s", self.stage, provider.name, self._pause)

    def stream(
        self,
        ask: Callable[[P], AsyncIterator[T]],
        *,
        first: float | None,
        gap: float | None,
        note: Callable[[Event], None],
        sentence: int | None = None,
        measure: Callable[[T], Answered | None] = lambda _item: None,
        counts: Callable[[T], bool] = lambda _item: True,
        call: Call = Call(),  # noqa: B008 - frozen
        use: Callable[[P], bool] = lambda _provider: True,
    ) -> AsyncGenerator[tuple[P, T], None]:
        """Yield (provider, item) of the first provider that answers.

        `first` and `gap` are seconds to the first item that `counts`, and between items; None where `ask`
        keeps the time itself. Providers that `use` refuses are passed over. `note` gets
        `Requested` and `Answered`; `measure` may give the figures of an item, which are summed up.
        `call` says who goes first, where the stage has a limit; `note` then gets `Queued`, too. Raises
        Busy when no permit can be had, the last provider's ProviderError when all have failed, or when
        one fails after its first item.
        """
        stream = self._tried(
            ask,
            first=first,
            gap=gap,
            note=note,
            sentence=sentence,
            measure=measure,
            counts=counts,
            use=use,
        )
        if self.permits is None:
            return stream
        return self._permitted(self.permits, call, note, stream)

    async def _permitted(
        self,
        permits: Permits,
        call: Call,
        note: Callable[[Event], None],
        stream: AsyncGenerator[tuple[P, T], None],
    ) -> AsyncGenerator[tuple[P, T], None]:
        async with permits.held(call, note=note), closing(stream) as items:
            async for each in items:
                yield each

    async def _tried(
        self,
        ask: Callable[[P], AsyncIterator[T]],
        *,
        first: float | None,
        gap: float | None,
        note: Callable[[Event], None],
        sentence: int | None,
        measure: Callable[[T], Answered | None],
        counts: Callable[[T], bool],
        use: Callable[[P], bool],
    ) -> AsyncGenerator[tuple[P, T], None]:
        last: ProviderError | None = None
        for provider in filter(use, self.usable()):
            tally = _Tally(self.stage, provider.name, sentence)
            note(Requested(self.stage, provider.name, sentence))
            outcome, limit = "cancelled", first
            try:
                async with provided(ask(provider), provider.name) as items:
                    try:
                        while True:
                            limit = gap if tally.begun else first
                            async with asyncio.timeout(limit):
                                item = await anext(items)
                            if counts(item):
                                tally.count()
                            tally.add(measure(item))
                            yield provider, item
                    except StopAsyncIteration:
                        outcome = "done"
            except TimeoutError:
                outcome = "failed"
                what = "gave nothing" if not tally.begun else "fell silent"
                last = StageTimeout(f"{self.stage} {provider.name} {what} for {limit:g} s")
            except ProviderError as error:
                outcome, last = "failed", error
            finally:
                note(tally.answered(outcome))
            if outcome == "done":
                self.succeeded(provider)
                return
            assert last is not None
            log.warning("%s %s: %s", self.stage, provider.name, last)
            self.failed(provider, last)
            if tally.begun:
                raise last
        raise last or ProviderError(f"no {self.stage} provider is available right now")


def fault(stage: Stage, error: ProviderError) -> Fault:
    """What a client is told of a stage that failed."""
    if isinstance(error, Busy):
        return Fault(stage, "busy", str(error), retry_after_ms=error.retry_after_ms)
    return Fault(stage, f"{stage}_{'timeout' if isinstance(error, StageTimeout) else 'failed'}", str(error))


class _Tally:
    """What one request took."""

    def __init__(self, stage: Stage, provider: str, sentence: int | None) -> None:
        self._stage: Stage = stage
        self._provider = provider
        self._sentence = sentence
        self._began = _loop_time()
        self._first_ms: int | None = None
        self._tokens_in = self._tokens_out = self._characters = self._audio_ms = 0

    @property
    def begun(self) -> bool:
        return self._first_ms is not None

    def count(self) -> None:
        if self._first_ms is None:
            self._first_ms = round((_loop_time() - self._began) * 1000)

    def add(self, figures: Answered | None) -> None:
        if figures is not None:
            self._tokens_in += figures.tokens_in
            self._tokens_out += figures.tokens_out
            self._characters += figures.characters
            self._audio_ms += figures.audio_ms

    def answered(self, outcome: str) -> Answered:
        return Answered(
            self._stage,
            self._provider,
            "done" if outcome == "done" else "cancelled" if outcome == "cancelled" else "failed",
            self._sentence,
            self._first_ms,
            self._tokens_in,
            self._tokens_out,
            self._characters,
            self._audio_ms,
        )


def _loop_time() -> float:
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
