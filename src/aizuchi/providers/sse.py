"""Server-sent events, sans-I/O: bytes in, events out.

Only what these streams need: `event`, `data`, comments; `id` and `retry` are read over. Any split of the
bytes gives the same events, lines may end in LF, CR LF or CR, and an event may have several data lines,
which are joined by newlines. Source: the WHATWG HTML standard, "Server-sent events", and the behaviour of
servers in use (some leave out the blank line after the last event, so `close` gives that one too).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class TooLarge(ValueError):
    """An event grew beyond the bound; the stream can't be trusted any more."""


class ServerEvent(NamedTuple):
    """One event of a stream."""

    data: str
    event: str = ""
    """The `event:` field; empty when the server sent none."""


class EventParser:
    """Feed it what the socket gives; it hands back whole events.

    `limit` bounds one event in bytes. Raises TooLarge.
    """

    def __init__(self, limit: int = 4 << 20) -> None:
        self._limit = limit
        self._rest = b""
        self._data: list[str] = []
        self._event = ""
        self._size = 0
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Take bytes; yields every event they complete. Consume it before the next call."""
        buffer = self._rest + chunk
        if not self._begun:
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                self._rest = buffer
                return
            self._begun = True
            buffer = buffer.removeprefix(_BOM)
        start = 0
        for end in _LINE_END.finditer(buffer):
            if end.group() == b"\r" and end.end() == len(buffer):
                break  # the LF that belongs to it may come with the next bytes
            line = buffer[start : end.start()]
            start = end.end()
            if not line:
                if (event := self._take()) is not None:
                    yield event
            else:
                self._field(line)
        self._rest = buffer[start:]
        if len(self._rest) + self._size > self._limit:
            raise TooLarge(f"an event of more than {self._limit} bytes")

    def close(self) -> Iterator[ServerEvent]:
        """The stream is over: gives the event that lacked its blank line, if there is one."""
        line, self._rest = self._rest.rstrip(b"\r"), b""
        if line:
            self._field(line)
        if (event := self._take()) is not None:
            yield event

    def _take(self) -> ServerEvent | None:
        event = ServerEvent("\n".join(self._data), self._event) if self._data else None
        self._data, self._event, self._size = [], "", 0
        return event

    def _field(self, line: bytes) -> None:
        self._size += len(line)
        if self._size > self._limit:
            raise TooLarge(f"an event of more than {self._limit} bytes")
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(text)
        elif name == b"event":
            self._event = text
