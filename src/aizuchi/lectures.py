"""A lecture: pages with the lines that are said over them, and the slides that go with them. Sans-I/O.

A script is text with page marks, `[PPT_3]` or `[翻页:3]`: what follows a mark, up to the next, belongs to
that page. Pages without text are left out, and so is what stands before the first mark. Every line of a page
is said by itself. A word in square brackets is a tag for the figure, as in a reply, and is not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

MARK: Final = re.compile(r"\[(?:PPT_\s*(\d{1,4})|翻页\s*[:：]?\s*(\d{1,4}))\]", re.IGNORECASE)
SLIDE_TYPES: Final = (".png", ".jpg", ".jpeg", ".webp")
_TAG: Final = re.compile(r"[\[【]([^\s\[\]【】<>]{1,40})[\]】]")
_DIGITS: Final = re.compile(r"(\d+)(?!.*\d)")


def base_url(name: str) -> str:
    """The path below which this server has the slides of a character's or an agent's lecture."""
    return f"/lectures/{quote(name, safe='')}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a lecture; it has at least one line."""

    number: int
    """Of its slide, from 1; the same number may come more than once."""
    lines: tuple[str, ...]
    title: str = ""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Lecture:
    """What is told, page by page, in this order."""

    pages: tuple[Page, ...]
    slides: tuple[Path, ...] = ()
    """Pictures, absolute; the one of page n stands at n - 1."""
    base_url: str = ""
    """Where clients fetch the slides, without the file's name; a path on this server, or absolute."""
    title: str = ""
    auto_start: bool = True
    """Begins when the first listener is there."""

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"{self.base_url.rstrip('/')}/{quote(each.name)}" for each in self.slides)

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that stand in brackets in its lines, in lower case."""
        return tags_in(line for page in self.pages for line in page.lines)

    def url(self, number: int) -> str:
        """The slide of a page; empty if there is none."""
        return self.urls[number - 1] if 0 < number <= len(self.slides) else ""


def parse(script: str) -> tuple[Page, ...]:
    """The pages of a marked script; none if it has no mark."""
    marks = list(MARK.finditer(script))
    ends = [*(mark.start() for mark in marks[1:]), len(script)]
    pages: list[Page] = []
    for mark, end in zip(marks, ends, strict=False):
        lines = split(script[mark.end() : end])
        if lines:
            pages.append(Page(int(mark[1] or mark[2]), lines))
    return tuple(pages)


def split(text: str) -> tuple[str, ...]:
    """The lines of a text that hold something."""
    return tuple(line for each in text.splitlines() if (line := each.strip()))


def tags_in(lines: Iterable[str]) -> tuple[str, ...]:
    """Words in brackets, each once, in lower case; page marks and numbers are none."""
    found = (word.lower() for line in lines for word in _TAG.findall(line))
    return tuple(dict.fromkeys(word for word in found if not word.isdigit() and page_of(word) is None))


def page_of(tag: str) -> int | None:
    """The page that a tag asks for, such as `PPT_3` or `翻页:3`; None for any other tag."""
    mark = MARK.fullmatch(f"[{tag}]")
    return int(mark[1] or mark[2]) if mark else None


def in_order(files: Iterable[Path]) -> tuple[Path, ...]:
    """The pictures among some files, by the last number in their names; those without one come last."""

    def place(file: Path) -> tuple[int, int, str]:
        digits = _DIGITS.search(file.stem)
        return (0, int(digits[1]), file.name) if digits else (1, 0, file.name)

    return tuple(sorted((each for each in files if each.suffix.lower() in SLIDE_TYPES), key=place))
