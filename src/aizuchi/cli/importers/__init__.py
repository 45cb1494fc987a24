"""What other systems keep, read for `aizuchi import`: one module (or small package) a system.

A module here is a system that can be imported from, by its own name; `names` finds it. It has

    ABOUT: tuple[str, str]                   what it reads, in English and Chinese
    def read(path: Path, environ: Mapping[str, str]) -> Imported: ...

`read` only reads: no code of the other system is run, nothing is written, the network is left alone. It
raises ConfigError where there is nothing of that system at the path, or a file of it can't be read. Writing,
asking and showing is `cli/importing.py`'s, the same for all.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from aizuchi.registry import Kind

Words = tuple[str, str]
"""The same in English and in Chinese."""
NOTHING: Words = ("", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One key of the other system, and what became of it."""

    key: str
    value: str
    """As it is shown: never a secret."""
    to: str
    """Where it went: a key of ours, a variable, a file. Empty: it has no effect here."""
    note: Words = NOTHING
    """Why it has no effect, or what else to know."""


@dataclass
class Imported:
    """What was read, in our terms."""

    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """Dotted key -> value, as it goes into the YAML."""
    providers: dict[Kind, list[dict[str, Any]]] = field(default_factory=dict[Kind, list[dict[str, Any]]])
    """What each stage uses, in order."""
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    """Variable -> value; goes into .env, and is never shown."""
    characters: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Name -> the files of its folder, by name."""
    rows: list[Row] = field(default_factory=list[Row])
    warnings: list[Words] = field(default_factory=list[Words])
    """What must not be overlooked."""


class Importer(Protocol):
    """What a module here offers."""

    ABOUT: Words

    def read(self, path: Path, environ: Mapping[str, str]) -> Imported: ...


def names() -> list[str]:
    """The systems that can be imported from."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__))


def load(name: str) -> Importer:
    """The importer of that name, which must be one of `names`."""
    return cast("Importer", importlib.import_module(f"{__name__}.{name}"))
