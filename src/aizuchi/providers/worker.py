"""One worker process, the parent's side: `workshop.py` has the child's side and tells the frames.

A process that dies ends the calls open on it with a retryable `ProviderError` and is started again at once;
one that fails again and again is given longer and longer pauses.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import msgspec

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.providers.workshop import (
    CANCEL,
    DATA,
    DONE,
    END,
    FAIL,
    ITEM,
    MAX_FRAME,
    MORE,
    OPEN,
    READY,
    WINDOW,
    pack,
    unpack,
)

log = logging.getLogger(__name__)

PACKAGES = str(Path(__file__).resolve().parents[2])
"""Where this package lies; last in the child's path, in case that nothing else leads there."""
PIECE = 32 << 10
"""Bytes of input in one frame; longer ones are cut."""
LINES = 200
"""Lines of stderr that are logged per process; more is read and dropped."""
CANCEL_GRACE = 3.0
"""Seconds a process may take to let go of a cancelled call before it is taken for hung."""
STEADY = 5.0
"""A process that lived so many seconds did start; its death begins a new count of failures."""
PATIENCE = 3
"""Failed starts in a row after which calls are refused until one succeeds."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process runs and how long it may take; times in seconds."""

    craft: str
    """`module:class`, as `workshop.py` wants it."""
    options: Mapping[str, Any]
    name: str
    """For messages: who it is."""
    start_timeout: float = 60.0
    answer_timeout: float = 20.0
    """A call that waits so long for anything takes its process for hung."""
    pause: float = 0.25
    """After a second failed start in a row; each further one doubles it."""
    longest_pause: float = 30.0


class Call:
    """One request to a worker and its answers, which `async for` gives in order.

    All of its methods raise ProviderError when the worker failed at it or died.
    """

    def __init__(self, number: int, worker: Worker) -> None:
        self.number = number
        self._worker = worker
        self._items: deque[Any] = deque()
        self._changed = asyncio.Event()
        self._room = WINDOW
        self._taken = 0
        self._error: ProviderError | None = None
        self._over = False
        self._closed = False

    async def send(self, data: bytes) -> None:
        """More input; an empty piece arrives as one. Waits while the worker is behind by some seconds."""
        for start in range(0, len(data) or 1, PIECE):
            while not self._room and not self._over:
                await self._wait()
            self._check()
            self._room -= 1
            self._worker.write(DATA, self.number, data[start : start + PIECE])

    def end(self) -> None:
        """No more input comes."""
        if not self._over:
            self._worker.write(END, self.number)

    def arrived(self) -> list[Any]:
        """What has been answered since the last look; never waits."""
        if not self._items:
            self._check()
        items = list(self._items)
        self._items.clear()
        self._took(len(items))
        return items

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._items:
            self._check()
            if self._over:
                raise StopAsyncIteration
            await self._wait()
        self._took(1)
        return self._items.popleft()

    def close(self) -> None:
        """Nobody wants the rest. The cancellation is on its way when this returns."""
        if not self._closed and not self._over:
            self._closed = True
            self._worker.cancel(self)
        self._items.clear()

    # Called by the worker.

    def receive(self, kind: int, body: Any) -> None:
        if kind == MORE:
            self._room += int(body)
        elif not self._closed:
            self._items.append(body)
        self._changed.set()

    def finish(self, error: ProviderError | None) -> None:
        self._over = True
        self._error = error
        self._changed.set()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _took(self, count: int) -> None:
        self._taken += count
        if self._taken >= WINDOW // 2 and not self._over:
            self._worker.write(MORE, self.number, self._taken)
            self._taken = 0

    async def _wait(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self._worker.plan.answer_timeout):
                await self._changed.wait()
        except TimeoutError:
            self._worker.kill("it hangs")
            raise StageTimeout(
                f"{self._worker.plan.name} gave nothing for {self._worker.plan.answer_timeout:g} s"
            ) from None


class Worker:
    """One place for a process: starts it, reads it, starts it again.

    `turned` is called when a place may have become free, or when the process's fate has changed.
    """

    def __init__(self, plan: Plan, turned: Callable[[], None]) -> None:
        self.plan = plan
        self.about: Any = None
        """What the craft said of itself."""
        self.ready = False
        self.reserved = 0
        self.trouble: ProviderError | None = None
        """Why it is not ready, once that is known."""
        self.hopeless = False
        """Its trouble will not go away by waiting a moment."""
        self._calls: dict[int, Call] = {}
        self._turned = turned
        self._threads = 0
        self._failures = 0
        self._since = math.inf
        """When the present process was ready, on the loop's clock."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def places(self) -> int:
        return self._threads - len(self._calls) - self.reserved if self.ready else 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    # What calls need.

    def open(self, number: int, request: Any) -> Call:
        """Takes the place that was reserved."""
        self.reserved -= 1
        if not self.ready:
            raise ProviderError(f"the {self.plan.name} process has just ended")
        call = Call(number, self)
        self.write(OPEN, number, request)
        self._calls[number] = call
        return call

    def write(self, kind: int, number: int, body: Any = None) -> None:
        """Without waiting for the pipe: what may be in it is bounded by the windows of the calls."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(
                OSError, RuntimeError
            ):  # a closed pipe; the reader sees the end and tells the calls
                self._process.stdin.write(pack(kind, number, body))

    def cancel(self, call: Call) -> None:
        self.write(CANCEL, call.number)
        asyncio.get_running_loop().call_later(CANCEL_GRACE, self._hangs, call)

    def kill(self, reason: str) -> None:
        """Its reader then sees the end of its stdout and begins again."""
        log.warning("the %s process is ended: %s", self.plan.name, reason)
        self.ready = False
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _hangs(self, call: Call) -> None:
        if self._calls.get(call.number) is call:
            self.kill("it does not let go of a cancelled request")

    # The life of its process.

    async def run(self) -> None:
        """Until it is cancelled: process after process."""
        loop = asyncio.get_running_loop()
        while True:
            reason = await self._live()
            if loop.time() - self._since >= STEADY:
                self._failures = 0
            self._failures += 1
            if self.trouble is None or self.trouble.retryable:
                self.trouble = ProviderError(reason)
                self.hopeless = self._failures >= PATIENCE
            else:
                self.hopeless = True
            log.warning("the %s process ended: %s", self.plan.name, reason)
            self._turned()
            if not self.trouble.retryable:
                return  # what a person has to mend is not mended by trying
            await asyncio.sleep(
                min(self.plan.longest_pause, self.plan.pause * (2 ** (self._failures - 1) - 1))
            )

    async def _live(self) -> str:
        """One process from start to end; returns why it ended."""
        self._since = math.inf
        try:
            process = self._process = await self._start()
        except OSError as error:
            return f"{self.plan.name} can't start a process: {error.strerror or type(error).__name__}"
        try:
            async with asyncio.TaskGroup() as group:
                listener = group.create_task(self._listen(process))
                reason = await self._talk(process)
                listener.cancel()
        finally:
            self.ready = False
            await self._end(process)
        return reason

    async def _talk(self, process: asyncio.subprocess.Process) -> str:
        try:
            async with asyncio.timeout(self.plan.start_timeout):
                await self._greet(process)
            await self._serve(process)
        except TimeoutError:
            return f"{self.plan.name} was not ready within {self.plan.start_timeout:g} s"
        except (asyncio.IncompleteReadError, OSError):
            return await self._exit_words(process)
        except (ValueError, TypeError, LookupError, msgspec.MsgspecError):
            return f"the {self.plan.name} process sent what is no frame"
        except ProviderError as error:
            self.trouble = error
            return str(error)

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), PACKAGES]))
        # Numpy's and onnxruntime's own threads cost more than they bring to models this small.
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-X", "utf8", "-m", "aizuchi.providers.workshop", self.plan.craft),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            limit=1 << 20,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    async def _greet(self, process: asyncio.subprocess.Process) -> None:
        self.write(OPEN, 0, self.plan.options)
        kind, _, body = await self._frame(process)
        if kind == FAIL:
            raise ProviderError(str(body[0]), retryable=bool(body[1]))
        if kind != READY:
            raise ValueError("not a greeting")
        self._threads, self.about = int(body[0]), body[1]
        self.ready, self.trouble, self.hopeless = True, None, False
        self._since = asyncio.get_running_loop().time()
        self._turned()

    async def _serve(self, process: asyncio.subprocess.Process) -> NoReturn:
        """Hand out what comes until the pipe ends, which raises."""
        while True:
            kind, number, body = await self._frame(process)
            call = self._calls.get(number)
            if call is None:
                continue
            if kind in (DONE, FAIL):
                del self._calls[number]
                call.finish(ProviderError(str(body[0]), retryable=bool(body[1])) if kind == FAIL else None)
                self._turned()
            elif kind in (ITEM, MORE):
                call.receive(kind, body)

    async def _frame(self, process: asyncio.subprocess.Process) -> tuple[int, int, Any]:
        # No time limit here: a process with nothing to do says nothing. Calls that wait have their own.
        assert process.stdout is not None
        length = int.from_bytes(await process.stdout.readexactly(4), "little")
        if length > MAX_FRAME:
            raise ValueError("frame too long")
        return unpack(await process.stdout.readexactly(length))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Read stderr to its end, so that the process never blocks on it; the first lines are logged."""
        assert process.stderr is not None
        lines = 0
        while chunk := await process.stderr.read(4096):
            for line in chunk.decode("utf-8", "replace").splitlines():
                lines += 1
                if lines <= LINES:
                    log.debug("%s: %.300s", self.plan.name, line)

    async def _exit_words(self, process: asyncio.subprocess.Process) -> str:
        try:
            async with asyncio.timeout(1.0):
                code = await process.wait()
        except TimeoutError:
            return f"the {self.plan.name} process closed its pipe"
        return f"the {self.plan.name} process died" + (f" (exit code {code})" if code else "")

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Whatever state it is in: the process is gone and nobody waits for it when this returns."""
        with suppress(ProcessLookupError):
            process.kill()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.finish(ProviderError(f"the {self.plan.name} process died in the middle of a request"))
        self._process = None
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await process.wait()
