"""The terminal of a talk: a little colour where there is some, and lines typed by the user."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final, TextIO

COLOURS: Final = {"dim": "2", "bold": "1", "you": "36", "they": "32", "bad": "31"}


class Screen:
    """Writes to a terminal, or plainly to a file or a pipe."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.live = self._out.isatty()
        self._colour = self.live and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._open = False
        """The cursor stands behind something in its line."""
        self._partial = False
        """What stands in the line will be replaced."""
        self._column = 0

    def paint(self, text: str, colour: str) -> str:
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self._colour and text else text

    def write(self, text: str, colour: str = "") -> None:
        """Add to the present line."""
        if self._partial:
            self._clear()
        text = self._wrapped(text)
        self._out.write(self.paint(text, colour) if colour else text)
        self._out.flush()
        self._open = not text.endswith("\n")

    def line(self, text: str = "", colour: str = "") -> None:
        """A line of its own."""
        self.fresh()
        self.write(text + "\n", colour)
        self._open = False

    def partial(self, text: str, colour: str = "dim") -> None:
        """A line that the next output replaces; without a terminal it is left out."""
        if not self.live:
            return
        if not self._partial:
            self.fresh()
        width = os.get_terminal_size(self._out.fileno()).columns if self.live else 80
        self._clear()
        self._out.write(self.paint(_tail(text, width - 1), colour))
        self._out.flush()
        self._partial = self._open = True

    def fresh(self) -> None:
        """Stand at the beginning of a line."""
        if self._partial:
            self._clear()
        elif self._open:
            self._out.write("\n")
        self._open = False

    def entered(self) -> None:
        """The user pressed Enter, which moved the cursor."""
        self._open = False

    def _wrapped(self, text: str) -> str:
        """The text with line breaks between its words; a word that comes in two pieces may still be torn."""
        if not self.live:
            return text
        room = os.get_terminal_size(self._out.fileno()).columns
        if not self._open:
            self._column = 0
        made: list[str] = []
        for piece in re.findall(r"\n|[^\S\n]*\S*", text):
            width = width_of(piece)
            if piece == "\n":
                self._column = 0
            elif piece[:1].isspace() and width < room <= self._column + width:
                made.append("\n")
                piece = piece.lstrip()
                self._column = width_of(piece)
            else:
                self._column = (self._column + width) % room
            made.append(piece)
        return "".join(made)

    def _clear(self) -> None:
        self._out.write("\r\x1b[K")
        self._partial = self._open = False


def width_of(text: str) -> int:
    """Columns of a text; Chinese and Japanese characters take two."""
    return sum(2 if ord(each) > 0x2E80 else 1 for each in text)


def columns(rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """Lines of a table, as wide as it needs to be; `align` has < or > for each column."""
    widths = [max(width_of(row[index]) for row in rows) for index in range(len(align))]
    lines: list[str] = []
    for row in rows:
        cells: list[str] = []
        for text, side, width in zip(row, align, widths, strict=True):
            room = " " * (width - width_of(text))
            cells.append(text + room if side == "<" else room + text)
        lines.append("  ".join(cells).rstrip())
    return lines


def _tail(text: str, width: int) -> str:
    """The end of a text that is too long for its line."""
    while width_of(text) > width:
        text = text[1:]
    return text


class Keyboard:
    """Lines typed by the user, as a bounded queue; None when there will be no more.

    A daemon thread reads the bare descriptor: Python's own reader would hold a lock at exit, and a loop can't
    watch a console on Windows.
    """

    def __init__(self, source: TextIO | None = None) -> None:
        self._source: TextIO = source or sys.stdin
        self.live = self._source.isatty()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(100)
        self._room = threading.Semaphore(100)

    def start(self) -> None:
        """Begin to read; needs the running loop."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="keyboard", daemon=True).start()

    async def line(self) -> str | None:
        got = await self._lines.get()
        self._room.release()
        return got

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        raw: Any = getattr(getattr(self._source, "buffer", None), "raw", None)
        lines = iter(self._source.readline, "") if raw is None else _lines(raw, self._source.encoding)
        try:
            for text in lines:
                self._room.acquire()
                loop.call_soon_threadsafe(self._lines.put_nowait, text.rstrip("\r\n"))
            self._room.acquire()
            loop.call_soon_threadsafe(self._lines.put_nowait, None)
        except (RuntimeError, OSError, ValueError):
            pass  # the talk is over: the loop or the terminal is closed


def _lines(raw: Any, encoding: str) -> Any:
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")(errors="replace")
    pending = ""
    while data := raw.read(4096):
        pending += decoder.decode(data)
        while "\n" in pending:
            text, _, pending = pending.partition("\n")
            yield text
    if pending:
        yield pending
