"""Sans-I/O: cuts emotion tags and inner thoughts out of a stream of characters.

A tag is one word of the vocabulary in square or lenticular brackets, `[happy]` or `【happy】`; thoughts
stand between `<think>` and `</think>` (or `thinking`). Upper and lower case are alike. Text is held back
only while it may still become one of these, so never longer than the longest tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_OPEN: Final = ("<think>", "<thinking>")
_CLOSE: Final = ("</think>", "</thinking>")


@dataclass(frozen=True, slots=True)
class Plain:
    """Display text."""

    text: str


@dataclass(frozen=True, slots=True)
class Inside:
    """A piece of a thought."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An emotion tag stood here."""

    word: str


@dataclass(frozen=True, slots=True)
class _Spellings:
    """How the tags of a character are written."""

    marks: Mapping[str, str]
    whole: frozenset[str]
    starts: frozenset[str]
    """Beginnings of tags, the tags themselves excluded."""
    closing: frozenset[str]
    """Beginnings of what ends a thought."""
    longest: int


@lru_cache(maxsize=256)
def _spellings(words: tuple[str, ...]) -> _Spellings:
    """Made once for a character rather than for each reply."""
    marks: dict[str, str] = {}
    for word in words:
        # A word with a blank or a bracket in it could not be told from ordinary text.
        if word and not any(char.isspace() or char in "[]【】<>" for char in word):
            marks |= {f"[{word}]": word, f"【{word}】": word}
    whole = frozenset({*marks, *_OPEN, *_CLOSE})
    return _Spellings(
        marks,
        whole,
        frozenset(tag[:end] for tag in whole for end in range(1, len(tag))),
        frozenset(tag[:end] for tag in _CLOSE for end in range(1, len(tag))),
        max(map(len, whole)),
    )


class Tags:
    """Characters in, display text, thoughts and marks out."""

    def __init__(self, words: Iterable[str]) -> None:
        spellings = _spellings(tuple(words))
        self._marks, self._whole = spellings.marks, spellings.whole
        self._starts, self._closing = spellings.starts, spellings.closing
        self._longest = spellings.longest
        self._held = ""
        self._thinking = False
        self._tail = ""
        self._swallow = True
        """Blanks are dropped: at the very start, and after a tag that stood between blanks."""

    def step(self, char: str) -> Iterator[Plain | Inside | Mark]:
        if self._thinking:
            yield from self._think(char)
        elif not self._held and char not in "[【<":
            yield from self._show(char)
        else:
            tag = (self._held + char).lower()
            if tag in self._whole:
                self._held = ""
                yield from self._remove(tag)
            elif tag in self._starts:
                self._held += char
            else:
                # An opening character never stands inside a tag, so what was held is text for good.
                held, self._held = self._held, ""
                yield from self._show(held)
                yield from self.step(char) if held else self._show(char)

    def finish(self) -> Iterator[Plain | Inside | Mark]:
        """What was held back turned out to be no tag."""
        held, self._held = self._held, ""
        if held and self._thinking:
            yield Inside(held)
        else:
            yield from self._show(held)

    def _think(self, char: str) -> Iterator[Inside]:
        tag = (self._held + char).lower()
        if tag in _CLOSE:
            self._held = ""
            self._thinking = False
        elif tag in self._closing:
            self._held += char
        else:
            held, self._held = self._held, ""
            if held:
                yield Inside(held)
                yield from self._think(char)
            else:
                yield Inside(char)

    def _remove(self, tag: str) -> Iterator[Plain | Mark]:
        self._thinking = tag in _OPEN
        # What stood before and after the tag must not join into another one.
        tail = self._tail.lower()
        if any(tail[start:] in self._starts for start in range(len(tail))):
            yield from self._show(" ")
        self._swallow = not self._tail or self._tail[-1].isspace()
        if tag in self._marks:
            yield Mark(self._marks[tag])

    def _show(self, text: str) -> Iterator[Plain]:
        if self._swallow and text.isspace() and (text != "\n" or self._tail[-1:] in ("", "\n")):
            return
        if text:
            self._swallow = False
            self._tail = (self._tail + text)[-self._longest :]
            yield Plain(text)
