"""The characters as their folders say now, each in the last version that was in order.

A folder is looked at by the times and sizes of its files, and read when they have changed. A change that
nobody announced is only taken when a second look finds the same: an editor may be in the middle of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from aizuchi.character import Character
from aizuchi.characters import find
from aizuchi.errors import ConfigError

MOST_FILES: Final = 256
"""Of a folder, in the order of their names, are looked at."""
_PASSING: Final = (".bak", ".new", ".swp", ".tmp", "~")
"""Ends of names that belong to nobody's character."""

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, time in ns, bytes and inode of each file."""


@dataclass(frozen=True, slots=True)
class News:
    """What has become of a character."""

    name: str
    what: Literal["new", "changed", "mended", "broken", "gone"]
    problem: str = ""
    """Of a broken one: file, line and what to do, a line for each complaint."""
    kept: bool = False
    """A broken or missing one goes on as it was before."""


@dataclass(slots=True)
class _Known:
    folder: Path
    stamp: Stamp
    character: Character | None = None
    problem: str = ""


class Cast:
    """All characters of one server. Everything blocks, and may be called from several threads.

    `read` makes a character of a folder, or raises ConfigError.
    """

    def __init__(self, read: Callable[[Path], Character]) -> None:
        self._read = read
        self._known: dict[str, _Known] = {}
        self._waiting: dict[str, Stamp | None] = {}
        """What a character's folder was like at the last look, where that is not taken yet."""
        self._one = threading.Lock()

    @property
    def characters(self) -> dict[str, Character]:
        """By name, sorted; those that have never been in order are left out."""
        known = sorted(self._known.copy().items())
        return {name: each.character for name, each in known if each.character is not None}

    @property
    def problems(self) -> dict[str, str]:
        """Name -> what is wrong with its files now."""
        return {name: each.problem for name, each in sorted(self._known.copy().items()) if each.problem}

    def refresh(self, folders: Sequence[Path], *, keep: str, at_once: bool = True) -> list[News]:
        """Read what has changed since the last time; says what that was.

        The character `keep` stays as it was even if its folder is gone. Without `at_once` a change waits for
        a second look.
        """
        with self._one:
            return self._refresh(folders, keep, at_once)

    def _refresh(self, folders: Sequence[Path], keep: str, at_once: bool) -> list[News]:
        news: list[News] = []
        found = find(folders)
        for name, folder in found.items():
            stamp, known = self._stamp(name, folder), self._known.get(name)
            if known is not None and known.folder == folder and known.stamp == stamp:
                self._waiting.pop(name, None)
            elif at_once or self._again(name, stamp):
                news += self._taken(name, folder, stamp)
        for name in [each for each in self._known if each not in found]:
            if at_once or self._again(name, None):
                news += self._gone(name, kept=name == keep)
        for name in [each for each in self._waiting if each not in found and each not in self._known]:
            del self._waiting[name]
        return news

    def _again(self, name: str, stamp: Stamp | None) -> bool:
        """Whether the last look found the same."""
        if name in self._waiting and self._waiting[name] == stamp:
            return True
        self._waiting[name] = stamp
        return False

    def _taken(self, name: str, folder: Path, stamp: Stamp) -> list[News]:
        self._waiting.pop(name, None)
        before = self._known.get(name)
        old = None if before is None else before.character
        try:
            character, problem = self._read(folder), ""
        except ConfigError as error:
            character, problem = old, str(error)
        self._known[name] = _Known(folder, stamp, character, problem)
        if problem:
            told = before is not None and before.problem == problem
            return [] if told else [News(name, "broken", problem, kept=old is not None)]
        if before is not None and before.problem:
            return [News(name, "mended")]
        return [] if character == old else [News(name, "new" if old is None else "changed")]

    def _gone(self, name: str, *, kept: bool) -> list[News]:
        self._waiting.pop(name, None)
        known = self._known[name]
        if not kept:
            del self._known[name]
            return [News(name, "gone")]
        problem = f"{known.folder} is gone"
        told, known.problem, known.stamp = known.problem == problem, problem, ()
        return [] if told else [News(name, "gone", problem, kept=True)]

    def _stamp(self, name: str, folder: Path) -> Stamp:
        """Of the files in the folder itself, and of the model its figure has."""
        known = self._known.get(name)
        figure = known.character.avatar.file if known is not None and known.character is not None else None
        try:
            files = sorted(each for each in folder.iterdir() if not _passes(each.name))[:MOST_FILES]
        except OSError:
            files = []
        stamps: list[tuple[str, int, int, int]] = []
        for path in [*files, *([] if figure is None or figure in files else [figure])]:
            try:
                facts = path.stat()
            except OSError:
                continue
            stamps.append((path.name, facts.st_mtime_ns, facts.st_size, facts.st_ino))
        return tuple(stamps)


def _passes(name: str) -> bool:
    return name.startswith((".", "#")) or name.endswith(_PASSING)
