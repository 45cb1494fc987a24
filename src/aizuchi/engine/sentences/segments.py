"""Sans-I/O: cuts display text into sentences and code blocks, character by character.

Because each character is judged when it comes, and by nothing but the characters before it, the cuts do
not depend on how the text was sliced. A stop opens a question (`stops.ends`) that the characters after it
answer; these wait in `_ahead` and are read again as ordinary text once it is answered.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from aizuchi.engine.scripts import is_emoji, width
from aizuchi.engine.sentences.clauses import breath, clause_end, first_cut
from aizuchi.engine.sentences.nesting import Nesting
from aizuchi.engine.sentences.speakable import speakable
from aizuchi.engine.sentences.stops import AT_ONCE, STOPS, ends

_CITATION_BEGUN: Final = re.compile(r"\[\d{0,3}")
_CITATION: Final = re.compile(r"\[\d{1,3}\]")
_PLAIN: Final = re.compile(r"(?:[^\W_]|[ ,'’，、])*")
"""Nothing in it can turn out to be markup, an address or the end of a sentence."""
_MAX_CODE: Final = 8_000
"""A longer code block is shown in parts."""


class Segment(NamedTuple):
    shown: str
    spoken: str


class Segments:
    """Display text in by `feed`, finished segments out by `take`; all `shown` joined give the text."""

    def __init__(self, *, first_clause_chars: int, max_chars: int) -> None:
        self._first = first_clause_chars
        self._max = max(max_chars, 20)
        self._done: list[Segment] = []
        self._buffer = ""
        self._width = 0
        self._nesting = Nesting()
        self._pending = False
        self._ahead = ""
        self._clause = 0
        self._begun = False
        self._fence = 0
        self._ticks = 0
        self._in_body = False
        self._first_line = True
        self._may_close = True

    def take(self) -> list[Segment]:
        """The segments finished since the last call."""
        done, self._done = self._done, []
        return done

    def feed(self, char: str) -> None:
        if self._fence:
            self._code(char)
        elif self._pending:
            self._after_stop(char)
        else:
            self._plain(char)

    @property
    def certain(self) -> str:
        """The whole words that begin the unfinished segment and that no later character can change."""
        return "" if self._fence else certain_words(self._buffer)

    def finish(self) -> None:
        """Nothing more will come: blanks at the very end are dropped, all else becomes a segment."""
        while self._pending and self._ahead:
            self._settle(bool(ends(self._buffer, self._ahead, final=True)))
        if self._buffer.strip():
            self._emit(len(self._buffer), "" if self._fence else speakable(self._buffer))
        self._buffer = ""

    def _after_stop(self, char: str) -> None:
        if not self._ahead and (char in STOPS or self._nesting.closes(char) or is_emoji(char)):
            self._append(char)
            return
        self._ahead += char
        if _CITATION_BEGUN.fullmatch(self._ahead):
            return
        if _CITATION.fullmatch(self._ahead):
            citation, self._ahead = self._ahead, ""
            for mark in citation:
                self._append(mark)
            return
        verdict = ends(self._buffer, self._ahead)
        if verdict is not None:
            self._settle(verdict)

    def _settle(self, verdict: bool) -> None:
        ahead, self._ahead, self._pending = self._ahead, "", False
        if verdict:
            rest = ahead.lstrip()
            for blank in ahead[: len(ahead) - len(rest)]:
                self._append(blank)
            self._cut(len(self._buffer))
            ahead = rest
        elif ahead:
            self._plain(ahead[0])
            ahead = ahead[1:]
        for char in ahead:
            self.feed(char)

    def _plain(self, char: str) -> None:
        self._append(char)
        if char == "\n":
            self._cut(len(self._buffer))
        elif char == "`" and self._buffer.endswith("```"):
            self._cut(len(self._buffer) - 3)
            self._nesting.clear()
            self._fence = self._ticks = 3
            self._in_body, self._first_line, self._may_close = False, True, True
        elif not self._nesting.mute and char in AT_ONCE and not self._nesting.open:
            self._cut(len(self._buffer))
        elif not self._nesting.mute and char in STOPS:
            self._pending = True
        else:
            self._within()

    def _within(self) -> None:
        if not self._buffer:
            return
        if not self._nesting.inside and (end := clause_end(self._buffer, nested=self._nesting.open)):
            self._clause = end
        if not self._begun and self._first > 0 and not self._nesting.inside:
            at = first_cut(self._buffer, self._clause, self._first)
            if at and self._cut(at):
                return
        if self._width > self._max:
            self._cut_by_force()

    def _append(self, char: str) -> None:
        self._buffer += char
        self._width += width(char)
        self._nesting.see(char)
        if self._width > 2 * self._max:
            self._pending = False
            self._cut_by_force()

    def _cut_by_force(self) -> None:
        at = self._clause or breath(self._buffer) or max(len(self._buffer) - 1, 1)
        self._emit(at, speakable(self._buffer[:at]))

    def _cut(self, at: int) -> bool:
        """Cut unless there is nothing to say yet: then the text goes with what follows."""
        spoken = speakable(self._buffer[:at])
        if spoken:
            self._emit(at, spoken)
        return bool(spoken)

    def _emit(self, at: int, spoken: str) -> None:
        self._done.append(Segment(self._buffer[:at], spoken))
        self._buffer = self._buffer[at:]
        self._width = width(self._buffer)
        self._clause = 0
        self._begun = self._begun or bool(spoken)

    def _code(self, char: str) -> None:
        """A block ends at as many backticks as it began with: in its first line, or first in a later one."""
        self._buffer += char
        if char == "`":
            self._ticks += 1
            if not self._in_body:
                self._fence = self._ticks
            elif self._ticks >= self._fence and self._may_close:
                self._emit(len(self._buffer), "")
                self._fence = 0
                return
        else:
            self._ticks = 0
            self._in_body = True
            if char == "\n":
                self._first_line, self._may_close = False, True
            elif not self._first_line and not char.isspace():
                self._may_close = False
        if len(self._buffer) > _MAX_CODE:
            self._emit(len(self._buffer), "")


def certain_words(text: str) -> str:
    """The whole words that begin a text and that nothing which comes later can change."""
    plain = text[: _end(_PLAIN.match(text))]
    wide = next((at for at in range(len(plain), 0, -1) if width(plain[at - 1]) == 2), 0)
    return plain[: max(plain.rfind(" "), wide)]


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0
