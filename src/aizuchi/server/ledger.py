"""Who holds how many places of what: the counting behind every limit, over one process or over several.

A *kind* names what is limited ("session", "llm", "token"), a *key* whose it is (empty where there is one
count for all). `Local` counts in this process. With `--workers` each process asks the one that started it
(`Remote`), so that a limit holds over all of them; what a process held is given back when it dies.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final, Protocol

log = logging.getLogger(__name__)

Freed = Callable[[str, str], None]
"""Told the kind and the key of a place that has become free."""


class Ledger(Protocol):
    """Counts places. Touched from one event loop only; nobody may hold a place across a restart."""

    async def acquire(self, kind: str, key: str, most: int) -> bool:
        """Take a place if fewer than `most` of this kind and key are held, over all processes.

        Never waits for a place. When it was cancelled, nothing is held.
        """
        ...

    def release(self, kind: str, key: str) -> None:
        """Give back one place that `acquire` gave. Synchronous, so that it can stand in a `finally`."""
        ...

    def count(self, kind: str, key: str = "") -> int:
        """Places that are held by *this* process."""
        ...

    def watch(self, freed: Freed) -> Callable[[], None]:
        """Be told, soon and from the event loop, whenever a place became free in any process.

        For queues: whoever waits then tries `acquire` again. `freed` is quick and never raises. Returns
        what ends the watching.
        """
        ...


class Counts:
    """Places by kind and key. No input or output."""

    def __init__(self) -> None:
        self._held: Counter[tuple[str, str]] = Counter()

    def take(self, kind: str, key: str, most: int) -> bool:
        if self._held[kind, key] >= most:
            return False
        self._held[kind, key] += 1
        return True

    def give(self, kind: str, key: str) -> bool:
        """Whether there was one to give back."""
        left = self._held[kind, key]
        if left <= 1:
            del self._held[kind, key]
        else:
            self._held[kind, key] = left - 1
        return left > 0

    def count(self, kind: str, key: str = "") -> int:
        return self._held.get((kind, key), 0)


class Watchers:
    """Those who want to know that a place is free."""

    def __init__(self) -> None:
        self._watchers: list[Freed] = []

    def add(self, freed: Freed) -> Callable[[], None]:
        self._watchers.append(freed)

        def stop() -> None:
            if freed in self._watchers:
                self._watchers.remove(freed)

        return stop

    def tell(self, kind: str, key: str) -> None:
        for each in tuple(self._watchers):
            each(kind, key)


class Local:
    """The ledger of a server that is one process."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._watchers = Watchers()

    async def acquire(self, kind: str, key: str, most: int) -> bool:
        return self._counts.take(kind, key, most)

    def release(self, kind: str, key: str) -> None:
        if self._counts.give(kind, key):
            self._watchers.tell(kind, key)

    def count(self, kind: str, key: str = "") -> int:
        return self._counts.count(kind, key)

    def watch(self, freed: Freed) -> Callable[[], None]:
        return self._watchers.add(freed)


ACQUIRE: Final = "acquire"
RELEASE: Final = "release"
FREED: Final = "freed"
"""What a worker and the process that started it say to each other about places."""


class Remote:
    """The ledger of one worker: `ask` puts a question to the process that counts, `tell` says something.

    `ask(what, **fields)` returns the answer's fields and raises OSError (TimeoutError among them) when none
    comes; then no place is given. Each place bears the number of the question that asked for it, so that a
    place whose answer nobody waited for can be given back without knowing whether it was given.
    """

    def __init__(self, ask: Callable[..., Awaitable[dict[str, Any]]], tell: Callable[..., None]) -> None:
        self._ask = ask
        self._tell = tell
        self._numbers = count(1)
        self._mine: dict[tuple[str, str], list[int]] = {}
        self._watchers = Watchers()

    async def acquire(self, kind: str, key: str, most: int) -> bool:
        number = next(self._numbers)
        given = False
        try:
            answer = await self._ask(ACQUIRE, kind=kind, key=key, most=most, number=number)
            given = bool(answer.get("given"))
        except OSError as error:
            log.warning("nobody counts places of %s: %s", kind, error or type(error).__name__)
        finally:
            if given:
                self._mine.setdefault((kind, key), []).append(number)
            else:
                self._tell(RELEASE, number=number)
        return given

    def release(self, kind: str, key: str) -> None:
        numbers = self._mine.get((kind, key))
        if numbers:
            self._tell(RELEASE, number=numbers.pop())
            if not numbers:
                del self._mine[kind, key]

    def count(self, kind: str, key: str = "") -> int:
        return len(self._mine.get((kind, key), ()))

    def watch(self, freed: Freed) -> Callable[[], None]:
        return self._watchers.add(freed)

    def freed(self, kind: str, key: str) -> None:
        """The counting process says that somebody gave back a place."""
        self._watchers.tell(kind, key)


class Book:
    """The counting process's side: which worker holds which numbered place. No input or output.

    Methods that give something back return what has become free, as (kind, key).
    """

    def __init__(self) -> None:
        self._counts = Counts()
        self._held: dict[int, dict[int, tuple[str, str]]] = {}

    def acquire(self, worker: int, number: int, kind: str, key: str, most: int) -> bool:
        given = self._counts.take(kind, key, most)
        if given:
            self._held.setdefault(worker, {})[number] = (kind, key)
        return given

    def release(self, worker: int, number: int) -> list[tuple[str, str]]:
        """One place; a number that holds none is no mistake."""
        place = self._held.get(worker, {}).pop(number, None)
        if place is None:
            return []
        self._counts.give(*place)
        return [place]

    def gone(self, worker: int) -> list[tuple[str, str]]:
        """The worker is dead: all it held."""
        places = list(self._held.pop(worker, {}).values())
        for place in places:
            self._counts.give(*place)
        return places

    def count(self, kind: str, key: str = "") -> int:
        return self._counts.count(kind, key)
