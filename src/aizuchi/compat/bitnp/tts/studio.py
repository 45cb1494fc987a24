"""Aizuchi's own voices for scripts, kept open with their connections in a thread with a loop of its own.

A script calls a voice from plain code, from one event loop after another, and may block the one it has. A
provider, however, is entered once and belongs to one loop. So they meet here: what is asked crosses into the
studio's loop, and slices of sound cross back, a bounded number ahead.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Final

from aizuchi.compat.bitnp.calling import soon
from aizuchi.errors import AizuchiError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style, Voice

log = logging.getLogger(__name__)

AHEAD: Final = 64
"""Slices that wait for a slow script; the voice then pauses."""
KEPT: Final = 16
"""Voices open at once; the one that was asked longest ago is closed for a further one."""
BEGIN: Final = 30.0
"""Seconds for the thread to start, and for a voice to open."""


@dataclass
class _Open:
    """A voice in the studio."""

    entered: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    voice: Voice | None = None
    error: AizuchiError | None = None


class Studio:
    """The thread. It is a daemon, starts with the first request and lasts as long as the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._group: asyncio.TaskGroup | None = None
        self._voices: OrderedDict[Hashable, _Open] = OrderedDict()

    async def say(
        self, key: Hashable, make: Callable[[], Voice], text: str, style: Style, language: str = ""
    ) -> AsyncGenerator[Audio, None]:
        """Speak a text; `make` makes the voice that `key` stands for, if it is not open yet.

        Closing the generator closes the vendor's stream. Raises ProviderError, ConfigError.
        """
        here = asyncio.get_running_loop()
        slices: asyncio.Queue[Audio | AizuchiError | None] = asyncio.Queue(AHEAD)

        async def hand_over(item: Audio | AizuchiError | None) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(slices.put(item), here))

        async def speak() -> None:
            try:
                voice = await self._open(key, make)
                sentence = Sentence(turn=0, index=0, spoken=text, shown=text, language=language)
                async with aclosing(voice.say(sentence, style)) as items:  # pyright: ignore
                    async for item in items:
                        if isinstance(item, Audio):
                            await hand_over(item)
                await hand_over(None)
            except AizuchiError as error:
                await hand_over(error)
            except Exception as error:
                log.exception("a voice failed in an unforeseen way")
                await hand_over(ProviderError(f"the voice failed: {type(error).__name__}"))

        work = asyncio.run_coroutine_threadsafe(speak(), await asyncio.to_thread(self._started))
        try:
            while (item := await slices.get()) is not None:
                if isinstance(item, AizuchiError):
                    raise item
                yield item
        finally:
            work.cancel()

    async def warm(self, key: Hashable, make: Callable[[], Voice]) -> None:
        """Open a voice, and a connection to its vendor, ahead of need; what goes wrong is told at need."""

        async def open_() -> None:
            await (await self._open(key, make)).warm()

        loop = await asyncio.to_thread(self._started)
        with suppress(AizuchiError, TimeoutError):
            await soon(BEGIN, asyncio.wrap_future(asyncio.run_coroutine_threadsafe(open_(), loop)))

    # ---------------------------------------------------------------- in the studio's own loop

    async def _open(self, key: Hashable, make: Callable[[], Voice]) -> Voice:
        held = self._voices.get(key)
        if held is None:
            assert self._group is not None
            held = self._voices[key] = _Open()
            self._group.create_task(self._hold(key, held, make))
            while len(self._voices) > KEPT:
                self._voices.popitem(last=False)[1].over.set()
        self._voices.move_to_end(key)
        try:
            async with asyncio.timeout(BEGIN):
                await held.entered.wait()
        except TimeoutError:
            raise ProviderError("the voice does not open") from None
        if held.voice is None:
            raise held.error or ProviderError("the voice does not open")
        return held.voice

    async def _hold(self, key: Hashable, held: _Open, make: Callable[[], Voice]) -> None:
        """A voice's whole life, in one task as its groups want it."""
        try:
            async with make() as voice:
                held.voice = voice
                held.entered.set()
                await held.over.wait()
        except AizuchiError as error:
            held.error = error
        except Exception as error:
            # The group must not end with one voice.
            log.exception("a voice failed in an unforeseen way")
            held.error = ProviderError(f"the voice failed: {type(error).__name__}")
        finally:
            held.entered.set()
            if self._voices.get(key) is held:
                del self._voices[key]  # the next request tries again

    def _started(self) -> asyncio.AbstractEventLoop:
        """The studio's loop; starts its thread at the first call."""
        with self._lock:
            if self._loop is None:
                threading.Thread(target=self._run, name="aizuchi-voices", daemon=True).start()
                self._ready.wait(BEGIN)
        if self._loop is None:
            raise ProviderError("the voices' thread does not start")
        return self._loop

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await asyncio.Event().wait()


STUDIO: Final = Studio()
