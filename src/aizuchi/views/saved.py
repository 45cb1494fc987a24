"""A saved timeline, read back: a header and entries."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from aizuchi.errors import ConfigError
from aizuchi.events import Entry
from aizuchi.timeline_json import entry_from_json
from aizuchi.views.metrics import Metrics

MAX_LINE: Final = 4 << 20
"""Characters; a longer line is no entry of ours."""


@dataclass(slots=True)
class Saved:
    """One file: who, when, what."""

    header: dict[str, Any]
    entries: list[Entry] = field(default_factory=list[Entry])
    dropped: int = 0
    """Entries that the recorder had to leave out."""
    unknown: int = 0
    """Entries of kinds that a later version has."""
    broken: int = 0
    """Lines that can't be read; the last line of a server that was killed is one."""

    @property
    def session(self) -> str:
        return str(self.header.get("session", ""))

    @property
    def metrics(self) -> Metrics:
        """The figures of its turns, as they were while it was recorded."""
        metrics = Metrics(self.session, quiet=True)
        for entry in self.entries:
            metrics.read(entry)
        return metrics


def load(path: Path | str) -> Saved:
    """Read a file whole. Raises ConfigError when it is missing or no timeline. Blocks."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = _lines(iter(lambda: file.readline(MAX_LINE), ""))
            header = next(lines, None)
            version = header.get("aizuchi_timeline") if header else None
            if header is None or not isinstance(version, int):
                raise ConfigError(f"{path} is no timeline of Aizuchi; expected a .jsonl file of a recording")
            if version > 1:
                raise ConfigError(
                    f"{path} was written by a later version (format {version}); 1 is known here"
                )
            return _read(header, lines)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error


def _read(header: dict[str, Any], lines: Iterator[dict[str, Any] | None]) -> Saved:
    saved = Saved(header)
    for line in lines:
        if line is None:
            saved.broken += 1
        elif "aizuchi_dropped" in line:
            dropped = line["aizuchi_dropped"]
            saved.dropped += dropped if isinstance(dropped, int) else 0
        else:
            try:
                entry = entry_from_json(line)
            except (ValueError, OverflowError):
                saved.broken += 1
                continue
            if entry is None:
                saved.unknown += 1
            elif not math.isfinite(entry.at):
                saved.broken += 1
            else:
                saved.entries.append(entry)
    return saved


def _lines(lines: Iterator[str]) -> Iterator[dict[str, Any] | None]:
    for line in lines:
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            yield cast("dict[str, Any]", value) if isinstance(value, dict) else None
