"""The next line's sound, made while the present one is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from aizuchi.compat.bitnp.agent.wav_files import spoken

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[Any]]


class Ahead:
    """Lines in the order in which they will be spoken; one of them is prepared, never more."""

    def __init__(self, tts: Any, *, stream: bool, start: Start) -> None:
        self._tts = tts
        self._stream = stream
        self._start = start
        self._lines: list[str] = []
        self._text = ""
        self._files: list[bytes] = []
        self._task: asyncio.Task[Any] | None = None

    def begin(self, lines: Sequence[str]) -> None:
        """These come now, in place of what was to come."""
        self.drop()
        self._lines = list(lines)

    def drop(self) -> None:
        """What is being prepared is not wanted any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def files(self, text: str) -> AsyncGenerator[bytes, None]:
        """A line as WAV files, from what was prepared if it was this line."""
        if self._lines and self._lines[0] == text:
            del self._lines[0]
        task, self._task = self._task, None
        if task is not None and self._text == text:
            await asyncio.wait({task})
            prepared, self._files = self._files, []
            for file in prepared:
                yield file
            if prepared:
                return
        elif task is not None:
            task.cancel()
        async with aclosing(spoken(self._tts, text, stream=self._stream)) as files:
            async for file in files:
                yield file

    def prepare(self) -> None:
        """Begin with the next line, if there is one."""
        if self._lines and self._task is None:
            self._text, self._files = self._lines[0], []
            self._task = self._start(self._fill(self._text, self._files))

    async def _fill(self, text: str, files: list[bytes]) -> None:
        async with aclosing(spoken(self._tts, text, stream=self._stream)) as made:
            async for file in made:
                files.append(file)
