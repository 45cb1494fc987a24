"""Sans-I/O: JSON while it is being written, and however it was written: characters in, calls of a sink out.

What models do to JSON is taken as it was meant: commas too many or too few, full-width commas and colons,
curly quotes, quotes within a text that are not escaped, keys without quotes, lines that break within a text,
brackets that are never closed. Nothing raises, and nothing is looked at twice: a quote is held until what
follows tells whether it ends its text, everything else is passed on at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

_QUOTES: Final = {'"': '"', "“": '”“"', "”": '”"', "'": "'", "＂": '＂"'}
"""An opening quote, and what closes it."""
_WIDE_COMMAS: Final = "，、；"
_COMMAS: Final = ",;" + _WIDE_COMMAS
_COLONS: Final = ":："
_AFTER_COMMA: Final = frozenset("\"“”'＂{}[]")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": " "}
_DEEPEST: Final = 32
_LONGEST_WORD: Final = 100
_LONGEST_TAIL: Final = 200
_KEY: Final = re.compile(r"[\"“”'＂]\w{1,40}[\"“”'＂]\s*[:：]")
_PERHAPS_KEY: Final = re.compile(r"[\"“”'＂](?:\w{0,40}|\w{1,40}[\"“”'＂]\s*)")


class Sink(Protocol):
    """What is told of the JSON, in the order in which it stands there."""

    def opened(self, kind: str) -> None:
        """`{` or `[`."""

    def closed(self) -> None:
        """The newest that is open."""

    def key(self, name: str) -> None:
        """Of the object that is open; its value follows, if there is one."""

    def begun(self) -> None:
        """A text as a value; its characters follow."""

    def text(self, char: str) -> None: ...

    def ended(self) -> None:
        """The text is whole, or as much of it as there will ever be."""

    def bare(self, word: str) -> None:
        """A value without quotes: a number, true, null, or a text that lacks them."""


class Scanner:
    """One JSON value, beginning with its bracket. Once it is `over` it takes nothing more."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._stack: list[str] = []
        self._expect = "value"
        """key, colon, value, or next: what comes after a value."""
        self._step: Callable[[str], None] = self._structure
        self._closers = ""
        self._is_key = False
        self._word = ""
        self._tail = ""
        """A quote, or the end of a line, in a text, and what followed it so far."""
        self._hex = ""
        self._high = 0
        self._gap = False
        """A blank stands before this."""
        self.over = False

    @property
    def within(self) -> bool:
        """In a text that is a value."""
        steps = (self._string, self._first, self._after, self._comma, self._escape, self._unicode)
        return not self._is_key and self._step in steps

    def feed(self, char: str) -> None:
        if not self.over:
            self._step(char)

    def finish(self) -> bool:
        """Nothing more will come: what is open is closed. True if something was."""
        if self.over:
            return False
        if self._step == self._bare:
            self._end_bare()
        elif self._step == self._first:
            self._sink.begun()
            for each in self._word:
                self._put(each)
            self._end_text()
        elif self._step != self._structure:
            self._end_text()
        self._unwind()
        return True

    # -- between the texts

    def _structure(self, char: str) -> None:
        if char.isspace():
            self._gap = True
            return
        gap, self._gap = self._gap, False
        within = self._stack[-1] if self._stack else ""
        if char in "{[":
            if char == "{" and within == "{" and self._expect in ("key", "next"):
                self._close()  # a new object where a key is due: this one was not closed
            self._open(char)
        elif char in "}]":
            self._closing(char)
        elif char in _COMMAS:
            self._expect = "key" if within == "{" else "value"
        elif char in _COLONS:
            self._expect = "value"
        elif char == "`":
            self._unwind()  # the fence ends, and with it the JSON
        elif self._expect == "colon" and not (gap and char in _QUOTES):
            pass  # what else follows a key is a mistake; a text after a blank lacks only its colon
        else:
            self._is_key = within == "{" and self._expect in ("key", "next")
            if char in _QUOTES:
                self._begin(_QUOTES[char])
            elif not self._is_key or char.isalnum() or char == "_":
                self._word, self._step = char, self._bare

    def _open(self, kind: str) -> None:
        if len(self._stack) >= _DEEPEST:
            self._unwind()
            return
        self._stack.append(kind)
        self.over = False
        self._sink.opened(kind)
        self._expect = "key" if kind == "{" else "value"

    def _closing(self, char: str) -> None:
        kind = "{" if char == "}" else "["
        if kind in self._stack:
            while self._stack[-1] != kind:
                self._close()
            self._close()

    def _close(self) -> None:
        self._stack.pop()
        self._sink.closed()
        self._expect = "next"
        self.over = not self._stack

    def _unwind(self) -> None:
        while self._stack:
            self._close()
        self.over = True

    # -- words without quotes

    def _bare(self, char: str) -> None:
        ends = char in _COMMAS or char in "{}[]\n`" or (self._is_key and (char in _COLONS or char.isspace()))
        if self._is_key and char in _QUOTES:
            self._end_bare()
        elif ends or len(self._word) >= _LONGEST_WORD:
            self._end_bare()
            self._step(char)
        else:
            self._word += char

    def _end_bare(self) -> None:
        word, self._step = self._word.strip(" \t\"“”'＂"), self._structure
        if self._is_key:
            self._sink.key(word)
            self._expect = "colon"
        else:
            self._sink.bare(word)
            self._expect = "next"

    # -- texts

    def _begin(self, closers: str) -> None:
        self._closers, self._word, self._tail, self._step = closers, "", "", self._string
        if self._stack[-1] == "[" and "{" in self._stack:
            self._step = self._first
        elif not self._is_key:
            self._sink.begun()

    def _first(self, char: str) -> None:
        """The first word of a list's item, which is a key if a colon follows: the list was not closed."""
        if char.isascii() and (char.isalnum() or char == "_") and len(self._word) < _LONGEST_WORD:
            self._word += char
        elif char in self._closers and self._word and not self._tail:
            self._tail = char
        elif self._tail and char.isspace() and len(self._tail) < _LONGEST_TAIL:
            self._tail += char
        elif self._tail and char in _COLONS:
            word, self._tail, self._step = self._word, "", self._structure
            while self._stack[-1] == "[":
                self._close()
            self._sink.key(word)
            self._expect = "value"
        else:
            rest, self._tail, self._step = self._word + self._tail + char, "", self._string
            self._sink.begun()
            for each in rest:
                self._step(each)

    def _string(self, char: str) -> None:
        if char == "\\":
            self._step = self._escape
        elif char in self._closers or char == "\n":
            if self._is_key:
                self._end_text()
            else:
                self._tail, self._step = char, self._after
        elif char in ",，" and not self._is_key:
            self._tail, self._step = char, self._comma
        else:
            self._put(char)

    def _comma(self, char: str) -> None:
        """After a comma in a text: if a key follows, the text lacks its closing quote."""
        self._tail += char
        follows = self._tail[1:].lstrip()
        if _KEY.fullmatch(follows):
            self._end_text()
            for each in self._tail:
                self.feed(each)
        elif len(self._tail) > _LONGEST_TAIL or (follows and not _PERHAPS_KEY.fullmatch(follows)):
            tail, self._step = self._tail, self._string
            self._put(tail[0])
            for each in tail[1:]:
                self._step(each)

    def _after(self, char: str) -> None:
        """After a quote in a text: does it end there? A quote that was not escaped goes on in words.

        A line that breaks within a text is a part of it, unless JSON goes on in the next line.
        """
        tail = self._tail
        if char.isspace() and len(tail) < _LONGEST_TAIL:
            self._tail += char
            return
        broken, newest = tail[0] == "\n", tail.rstrip()[-1:]
        if not newest:  # only a broken line so far
            if char in self._closers:
                self._tail += char
            else:
                self._decide(char, char in "{}[]", tail)
        elif newest in _WIDE_COMMAS:
            self._decide(char, char in _AFTER_COMMA, tail[1:])
        elif char in _WIDE_COMMAS and not broken:
            self._tail += char
        elif broken:
            # The quote after it ends the text, or begins the next one, whose end the text lacks.
            ends = char in ",}]`" or char in _WIDE_COMMAS or tail[-1].isspace()
            self._decide(char, True, "" if ends else newest)
        elif char in _QUOTES:
            self._decide(char, len(tail) > 1, tail[1:])
        else:
            ends = char in ",}]{[" or "\n" in tail or len(tail) >= _LONGEST_TAIL
            self._decide(char, ends, tail[1:])

    def _decide(self, char: str, ends: bool, rest: str) -> None:
        """The text ends before its tail, of which `rest` is structure; or all of the tail is text."""
        if ends:
            self._end_text()
            for each in rest:
                self.feed(each)
            self.feed(char)
        else:
            tail, self._step = self._tail, self._string
            for each in tail:
                self._put(each)
            self._string(char)

    def _escape(self, char: str) -> None:
        self._step = self._string
        if char == "u":
            self._hex, self._step = "", self._unicode
        else:
            self._put(_ESCAPES.get(char, char))

    def _unicode(self, char: str) -> None:
        if char not in "0123456789abcdefABCDEF":
            self._step = self._string  # it was none, and says nothing
            self._string(char)
            return
        self._hex += char
        if len(self._hex) < 4:
            return
        self._step = self._string
        code = int(self._hex, 16)
        if 0xD800 <= code < 0xDC00:
            self._high = code
        elif self._high and 0xDC00 <= code < 0xE000:
            code, self._high = 0x10000 + ((self._high - 0xD800) << 10) + (code - 0xDC00), 0
            self._put(chr(code))
        else:
            self._put("\ufffd" if 0xDC00 <= code < 0xE000 else chr(code))

    def _put(self, char: str) -> None:
        if self._high:
            self._high, char = 0, "\ufffd" + char
        if not self._is_key:
            for each in char:
                self._sink.text(each)
        elif len(self._word) < _LONGEST_WORD:
            self._word += char

    def _end_text(self) -> None:
        self._step, self._high = self._structure, 0
        if self._is_key:
            self._sink.key(self._word.strip())
            self._expect = "colon"
        else:
            self._sink.ended()
            self._expect = "next"
