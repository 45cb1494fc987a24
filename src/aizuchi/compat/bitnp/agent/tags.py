"""Tags in square brackets that name a slide: `[PPT_3]`, `[翻页:3]`, `[翻页 3]`."""

from __future__ import annotations

import re
from typing import Final

PAGE: Final = re.compile(r"\[(?:PPT_([0-9]+)|翻页[:：]?\s*([0-9]+))\]")
LAST: Final = 100
"""The highest number that is a slide; more is a model's slip."""
LONGEST: Final = 64
"""Characters of a tag; a bracket that stays open longer is text."""


def page_of(match: re.Match[str]) -> int:
    """The number in a tag that matched; 0 for one that can't be a slide."""
    digits = match[1] or match[2]
    page = int(digits) if len(digits) <= 9 else 0
    return page if 1 <= page <= LAST else 0


def pages(text: str) -> list[int]:
    """The slides that a text names, in order."""
    return [page for match in PAGE.finditer(text) if (page := page_of(match))]


def open_at(text: str) -> int:
    """Where a tag begins that may still be closed; -1 if there is none."""
    at = text.rfind("[")
    still = at >= 0 and "]" not in text[at:] and "\n" not in text[at:] and len(text) - at <= LONGEST
    return at if still else -1


class PageTags:
    """Finds the tags of a text that comes in pieces, each as soon as it is whole."""

    def __init__(self) -> None:
        self._rest = ""

    def push(self, piece: str) -> list[int]:
        """The slides whose tags this piece completes."""
        text = self._rest + piece
        at = open_at(text)
        self._rest = text[at:] if at >= 0 else ""
        return pages(text)
