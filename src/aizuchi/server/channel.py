"""How a worker and the process that started it speak: JSON lines over a pair of sockets, both ways alike.

    {"tell": "load", ...}                      said, no answer
    {"ask": "acquire", "n": 7, ...}            a question
    {"n": 7, "answer": {...}}                  its answer

Whoever does not read is cut off before what waits for it fills the memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final

log = logging.getLogger(__name__)

LINE: Final = 8 << 20
"""Longest message."""
WAITING: Final = 16 << 20
"""Bytes that may wait for the other side."""
ANSWER: Final = 5.0
"""Seconds a question may take unless its asker says otherwise."""

Fields = dict[str, Any]


class Channel:
    """One end. `run` reads until the other end is gone; what is said before waits for it.

    `hear(what, fields)` gets what is told, quick and synchronous; `answer(what, fields)` what is asked, each
    question in a task of its own. `answer` may raise OSError, KeyError, TypeError or ValueError; the other
    side's `ask` then raises OSError.
    """

    def __init__(
        self,
        hear: Callable[[str, Fields], None],
        answer: Callable[[str, Fields], Awaitable[Fields]],
    ) -> None:
        self._hear = hear
        self._reply = answer
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Fields]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._early: list[bytes] = []
        """Said before `run` had opened its end."""
        self._over = False

    async def run(self, end: socket.socket) -> None:
        """Speak over a connected socket until the other side closes it. Returns; never raises OSError."""
        if sys.platform == "win32":
            raise NotImplementedError("workers need UNIX sockets")
        reader, self._writer = await asyncio.open_unix_connection(sock=end, limit=LINE)
        self._writer.writelines(self._early)
        self._early.clear()
        try:
            async with asyncio.TaskGroup() as group:
                while line := await _line(reader):
                    self._take(line, group)
                # Nobody is left to hear the answers.
                raise _Over
        except* _Over:
            log.debug("a channel is closed")
        finally:
            writer, self._writer, self._over = self._writer, None, True
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the other process is gone"))
            if writer is not None:
                writer.close()

    def tell(self, what: str, /, **fields: Any) -> None:
        """Say something; lost if the other side is gone."""
        self._write({"tell": what, **fields})

    async def ask(self, what: str, /, *, within: float = ANSWER, **fields: Any) -> Fields:
        """Raises OSError when the other side is gone, fails or takes longer than `within` seconds."""
        if self._over:
            raise ConnectionResetError("the other process is gone")
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._write({"ask": what, "n": number, **fields})
            async with asyncio.timeout(within):
                return await future
        finally:
            del self._asked[number]

    def _write(self, message: Fields) -> None:
        writer, line = self._writer, json.dumps(message).encode() + b"\n"
        if writer is None and not self._over:
            self._early.append(line)
        if writer is None or writer.is_closing():
            return
        writer.write(line)
        if writer.transport.get_write_buffer_size() > WAITING:
            log.error("the other process does not listen; it is cut off")
            writer.transport.abort()

    def _take(self, line: bytes, group: asyncio.TaskGroup) -> None:
        try:
            message: Fields = json.loads(line)
        except ValueError:
            log.error("a message between processes is no JSON: %r", line[:80])
            return
        match message:
            case {"tell": str(what), **fields}:
                self._hear(what, fields)
            case {"ask": str(what), "n": int(number), **fields}:
                group.create_task(self._serve(what, number, fields))
            case {"n": int(number), "answer": dict(answer)}:
                if (future := self._asked.get(number)) is not None and not future.done():
                    future.set_result(answer)
            case {"n": int(number), "error": str(text)}:
                if (future := self._asked.get(number)) is not None and not future.done():
                    future.set_exception(OSError(text))
            case _:
                log.error("a message between processes is not understood: %r", line[:80])

    async def _serve(self, what: str, number: int, fields: Fields) -> None:
        try:
            self._write({"n": number, "answer": await self._reply(what, fields)})
        except (OSError, KeyError, TypeError, ValueError) as error:
            log.warning("the question %r of another process failed: %r", what, error)
            self._write({"n": number, "error": f"{type(error).__name__}: {error}"})


class _Over(Exception):
    """The other side is gone; ends the tasks that were answering it."""


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; empty at the end. No time limit: the other side may have nothing to say for days."""
    try:
        return await reader.readline()
    except (OSError, ValueError) as error:
        log.debug("a channel broke: %s", error)
        return b""
