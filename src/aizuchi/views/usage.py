"""What each provider was asked for, per day, and the caps that somebody may have set on it.

Every closed request (`Answered`) is counted under `day/provider` in the store, whatever came of it: a
cancelled one was paid for too. Counting happens in memory and reaches the store every few seconds and at
the end, so that a timeline's reader never waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aizuchi.events import Answered, Entry, Event
from aizuchi.ports import Store
from aizuchi.views.metrics import Followed

log = logging.getLogger(__name__)

KIND: Final = "usage"
AMOUNTS: Final = ("requests", "failed", "tokens_in", "tokens_out", "characters", "audio_seconds")
WRITE_LIMIT: Final = 30.0
"""Seconds that the store may take for one write."""


@dataclass(frozen=True, slots=True)
class Cap:
    """Most that a provider may be used in a day; None for no bound."""

    tokens: int | None = None
    """In and out together."""
    characters: int | None = None
    audio_seconds: float | None = None

    def reached(self, used: Mapping[str, float]) -> str:
        """The first amount that is used up; empty while all is well."""
        tokens = used.get("tokens_in", 0) + used.get("tokens_out", 0)
        if self.tokens is not None and tokens >= self.tokens:
            return "tokens"
        if self.characters is not None and used.get("characters", 0) >= self.characters:
            return "characters"
        if self.audio_seconds is not None and used.get("audio_seconds", 0) >= self.audio_seconds:
            return "audio_seconds"
        return ""


class Usage:
    """Counts for all sessions. Call it with a new session; run `run` as a task of the server.

    `today` gives the day as YYYY-MM-DD, by default the machine's own. `allowed` is what others ask
    before they use a provider; a request that is running is never broken off. `shared` says that other
    processes count in the same store: then it is read as often as it is written, and a cap may be passed by
    what all of them use in `every` seconds.
    """

    def __init__(
        self,
        store: Store,
        caps: Mapping[str, Cap] | None = None,
        *,
        today: Callable[[], str] = lambda: datetime.now().astimezone().strftime("%Y-%m-%d"),
        every: float = 5.0,
        shared: bool = False,
    ) -> None:
        self._store = store
        self._caps = dict(caps or {})
        self._today = today
        self._every = every
        self._shared = shared
        self._pending: dict[tuple[str, str], dict[str, float]] = {}
        self._stored: dict[tuple[str, str], dict[str, float]] = {}
        """Sums of this day as the store last gave them."""
        self._said: set[tuple[str, str]] = set()
        self._writing: dict[tuple[str, str], dict[str, float]] = {}

    def __call__(self, session: Followed) -> Callable[[], None]:
        return session.timeline.follow(self.read)

    def read(self, entry: Entry) -> None:
        """Count one closed request."""
        self.count(entry.event)

    def count(self, event: Event) -> None:
        """The same for one that belongs to no session."""
        if not isinstance(event, Answered):
            return
        sums = self._pending.setdefault((self._today(), event.provider), {})
        amounts = {
            "requests": 1,
            "failed": event.outcome == "failed",
            "tokens_in": event.tokens_in,
            "tokens_out": event.tokens_out,
            "characters": event.characters,
            "audio_seconds": event.audio_ms / 1000,
        }
        for name, amount in amounts.items():
            if amount:
                sums[name] = sums.get(name, 0) + amount

    def used(self, provider: str) -> dict[str, float]:
        """What a provider has been used today, written or not."""
        key = (self._today(), provider)
        sums = dict(self._stored.get(key, {}))
        for part in (self._writing.get(key, {}), self._pending.get(key, {})):
            for name, amount in part.items():
                sums[name] = sums.get(name, 0) + amount
        return sums

    def cap(self, caps: Mapping[str, Cap]) -> None:
        """Other caps from now on."""
        self._caps = dict(caps)
        self._said.clear()

    def allowed(self, provider: str) -> bool:
        """Whether a provider may be used now. The first refusal of a day is logged."""
        cap = self._caps.get(provider)
        if cap is None:
            return True
        reached = cap.reached(self.used(provider))
        key = (self._today(), provider)
        if reached and key not in self._said:
            self._said.add(key)
            log.warning("%s: the day's cap on %s is reached; not used until tomorrow", provider, reached)
        return not reached

    async def load(self) -> None:
        """Read what this day has seen already, so that a restart does not lift a cap. Raises OSError."""
        day = self._today()
        for key in await self._store.keys(KIND, f"{day}/"):
            document = await self._store.get(KIND, key)
            if document is not None:
                self._stored[day, key.removeprefix(f"{day}/")] = _numbers(document)

    async def run(self) -> None:
        """Write every few seconds until cancelled, then once more."""
        try:
            while True:
                await asyncio.sleep(self._every)
                await self.flush()
                if self._shared and self._caps:
                    await self._reload()
        finally:
            await self.flush()

    async def _reload(self) -> None:
        try:
            async with asyncio.timeout(WRITE_LIMIT):
                await self.load()
        except OSError as error:
            log.warning("what other processes used can't be read: %s", error)

    async def flush(self) -> None:
        """Write what is pending; what can't be written is kept for the next time."""
        if self._writing:
            return
        self._writing, self._pending = self._pending, {}
        today = self._today()
        self._stored = {key: sums for key, sums in self._stored.items() if key[0] == today}
        self._said = {key for key in self._said if key[0] == today}
        key = ("", "")
        try:
            for key in list(self._writing):
                day, provider = key
                async with asyncio.timeout(WRITE_LIMIT):
                    self._stored[key] = await self._store.add(KIND, f"{day}/{provider}", self._writing[key])
                del self._writing[key]
        except asyncio.CancelledError:
            # The store has the job already and will do it; to count it again would bill it twice.
            self._writing.pop(key, None)
            raise
        except (OSError, TimeoutError) as error:
            log.warning("usage could not be written (%s); it is kept and tried again", error)
        finally:
            for key, amounts in self._writing.items():
                sums = self._pending.setdefault(key, {})
                for name, amount in amounts.items():
                    sums[name] = sums.get(name, 0) + amount
            self._writing = {}


async def table(store: Store) -> list[tuple[str, str, dict[str, float]]]:
    """All that is stored as (day, provider, amounts), oldest day first."""
    rows: list[tuple[str, str, dict[str, float]]] = []
    for key in sorted(await store.keys(KIND)):
        document = await store.get(KIND, key)
        day, _, provider = key.partition("/")
        if document is not None:
            rows.append((day, provider, _numbers(document)))
    return rows


def _numbers(document: Mapping[str, object]) -> dict[str, float]:
    return {name: value for name, value in document.items() if isinstance(value, int | float)}
