"""Tasks that a provider runs beside its generators, one for each request.

A generator must not yield inside a TaskGroup, so a provider that writes and reads at once enters one group
when it starts. Such a group would end the house if one of its tasks failed; an errand never does. What
goes wrong in it is logged, and told to its own request by `Errand.failure`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from aizuchi.errors import ProviderError

ENDING = 1.0
"""Seconds that a cancelled errand may take to end."""

log = logging.getLogger(__name__)


class Errand:
    """One task."""

    def __init__(self, name: str, failed: Callable[[], None]) -> None:
        self.failure: ProviderError | None = None
        """What ended it too early, if anything did."""
        self._name = name
        self._failed = failed
        self._work: Coroutine[Any, Any, None] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._task = group.create_task(self._run(work))

    async def end(self) -> None:
        """Cancel it, and wait a moment until it is over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=ENDING)
            if self._task.done() and self._work is not None:
                self._work.close()  # it may not even have begun

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ProviderError as error:
            self.failure = error
        except Exception as error:
            log.exception("%s failed in an unforeseen way", self._name)
            self.failure = ProviderError(f"{self._name} failed in an unforeseen way: {type(error).__name__}")
        if self.failure is not None:
            self._failed()


class Errands:
    """Enter it when the provider starts; leave it when no request is open any more."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        if group is not None:
            await group.__aexit__(None, None, None)

    @property
    def open(self) -> bool:
        return self._group is not None

    def start(self, name: str, work: Coroutine[Any, Any, None], *, failed: Callable[[], None]) -> Errand:
        """Begin one, while `open`. `failed` is called when it ends in a failure, to wake its request."""
        assert self._group is not None
        errand = Errand(name, failed)
        errand.begin(self._group, work)
        return errand
