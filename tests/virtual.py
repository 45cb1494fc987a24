"""An event loop on virtual time: sleeping costs nothing, and waiting for nothing is an error.

The clock jumps to the next timer whenever no task can run. When nothing is scheduled at all, every
task waits for something that can never come; `Stuck` then says so at once instead of hanging.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(AssertionError):
    """Nothing can ever happen any more."""


class _Selector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("every task waits and no timer is set")
        if timeout > 0:
            self.loop.advance(timeout)
        return super().select(0)


class _NumberedTask(asyncio.Task[Any]):
    """Task groups cancel their tasks in the order of a set; numbers make that order the same every time."""

    def __init__(self, *args: Any, number: int, **more: Any) -> None:
        self._number = number
        super().__init__(*args, **more)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time` moves only by jumping."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self._virtual = 1000.0
        super().__init__(selector)
        numbers = itertools.count()
        self.set_task_factory(
            lambda loop, work, **more: _NumberedTask(work, loop=loop, number=next(numbers), **more)
        )

    def time(self) -> float:
        return self._virtual

    @property
    def _clock_resolution(self) -> float:
        """No timer fires before its time: who then waited for the rest could stop the clock for good."""
        return math.ulp(self._virtual)

    @_clock_resolution.setter
    def _clock_resolution(self, real: float) -> None:
        """The real clock's, which asyncio sets, is of no use here."""

    def advance(self, seconds: float) -> None:
        self._virtual += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
