"""Worker processes, by the pool: what a provider holds when its library must not run in the server.

It enters the pool in its own `__aenter__` and asks by `async with pool.call(request) as call`. Leaving that
block before the answer's end cancels the call: nothing is waited for, and the other calls of the same
process go on. `worker.py` is one process, `workshop.py` the child's side.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.providers.worker import Call, Plan, Worker


class Pool:
    """`size` processes of one plan.

    `waiting` calls may wait for a free place, each for `wait_timeout` seconds; more are refused.
    """

    def __init__(self, plan: Plan, *, size: int = 1, waiting: int = 16, wait_timeout: float = 20.0) -> None:
        self.name = plan.name
        self._waiting = waiting
        self._wait_timeout = wait_timeout
        self._numbers = itertools.count(1)
        self._workers = [Worker(plan, self.turned) for _ in range(size)]
        self._waiters: deque[asyncio.Future[Worker]] = deque()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._turned = asyncio.Event()

    @property
    def ready(self) -> bool:
        return any(worker.ready for worker in self._workers)

    @property
    def about(self) -> Any:
        """What the craft says of itself; None until a process was ready."""
        return next((worker.about for worker in self._workers if worker.about is not None), None)

    @property
    def pids(self) -> list[int]:
        """Of the processes that are ready, for figures and tests."""
        return [worker.pid for worker in self._workers if worker.ready and worker.pid is not None]

    async def __aenter__(self) -> Self:
        """Starts the processes and does not wait for them: see `ready` and `started`."""
        group = await asyncio.TaskGroup().__aenter__()
        self._tasks = [
            group.create_task(worker.run(), name=f"{self.name} worker") for worker in self._workers
        ]
        self._group = group
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills the processes: they keep nothing that would be worth a goodbye."""
        group, self._group = self._group, None
        for task in self._tasks:
            task.cancel()
        while self._waiters:
            self._refuse(self._waiters.popleft(), ProviderError(f"{self.name} is shutting down"))
        if group is not None:
            await group.__aexit__(None, None, None)

    async def started(self) -> None:
        """Wait for the first process. Raises ProviderError when none could be started.

        Bounded by `start_timeout`, which every start obeys.
        """
        while not self.ready:
            troubles = [worker.trouble for worker in self._workers]
            if all(troubles) and troubles[0] is not None:
                raise troubles[0]
            self._turned.clear()
            await self._turned.wait()

    @asynccontextmanager
    async def call(self, request: Any) -> AsyncIterator[Call]:
        """Open a call; it is cancelled if it is not over when the block is left.

        Raises ProviderError when no process can be had: all busy and too many waiting, or none starts.
        """
        worker = self._free() or await self._place()
        call = worker.open(next(self._numbers), request)
        try:
            yield call
        finally:
            call.close()

    def _free(self) -> Worker | None:
        """A process with a free place, reserved; those who wait already come first."""
        if self._waiters:
            return None
        worker = self._best()
        if worker is not None:
            worker.reserved += 1
        return worker

    def _best(self) -> Worker | None:
        return max((w for w in self._workers if w.places > 0), key=lambda w: w.places, default=None)

    async def _place(self) -> Worker:
        if self._group is None:
            raise ProviderError(f"{self.name} is not running")
        if (trouble := self._trouble()) is not None:
            raise trouble
        if len(self._waiters) >= self._waiting:
            raise ProviderError(f"{self.name} is busy: {len(self._waiters)} requests wait already")
        future: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        try:
            async with asyncio.timeout(self._wait_timeout):
                return await future
        except TimeoutError:
            raise StageTimeout(f"{self.name} is busy: no free process for {self._wait_timeout:g} s") from None
        finally:
            if future in self._waiters:
                self._waiters.remove(future)
            elif sys.exc_info()[0] is not None and not future.cancelled() and future.exception() is None:
                # A place came in the moment in which its taker was cancelled.
                future.result().reserved -= 1
                self.turned()

    def _trouble(self) -> ProviderError | None:
        """Why waiting is of no use, or None."""
        troubles = [worker.trouble for worker in self._workers if worker.hopeless]
        return troubles[0] if len(troubles) == len(self._workers) else None

    def _refuse(self, future: asyncio.Future[Worker], error: ProviderError) -> None:
        if not future.done():
            future.set_exception(error)

    def turned(self) -> None:
        """A place may be free, or a process's fate has changed: serve those who wait."""
        self._turned.set()
        trouble = self._trouble()
        while self._waiters:
            if trouble is not None:
                self._refuse(self._waiters.popleft(), trouble)
                continue
            if (worker := self._best()) is None:
                break
            future = self._waiters.popleft()
            if not future.done():
                worker.reserved += 1
                future.set_result(worker)
