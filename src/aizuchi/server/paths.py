"""Paths of a table: as they are, or with a name in braces where any one segment may stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def find(table: Mapping[str, T], path: str) -> T | None:
    """What the table has for a request's path; `/ws/agent/{name}` stands for `/ws/agent/ann`."""
    found = table.get(path)
    if found is not None:
        return found
    asked = path.split("/")
    return next((value for pattern, value in table.items() if _fits(pattern, asked)), None)


def _fits(pattern: str, asked: list[str]) -> bool:
    if "{" not in pattern:
        return False
    segments = pattern.split("/")
    return len(segments) == len(asked) and all(
        bool(segment) if wanted.startswith("{") else wanted == segment
        for wanted, segment in zip(segments, asked, strict=True)
    )
