"""The tasks of one session: born in one TaskGroup, gone when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Scope:
    """What is spawned before `run` begins with it; what is spawned after `end` never begins."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._early: list[Coroutine[Any, Any, None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            self._early.append(work)
        elif self._end.is_set():
            work.close()
        else:
            task = self._group.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """`run` cancels whatever still runs, and returns."""
        self._end.set()

    async def run(self) -> None:
        """Until `end`; when it returns no task is left."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for work in self._early:
                self.spawn(work)
            self._early.clear()
            await self._end.wait()
            for task in tuple(self._tasks):
                task.cancel()
