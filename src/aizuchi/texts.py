"""Two languages for what a user reads: which one, and a small table type.

A `Texts` maps a key to its English and its Chinese sentence, both with the same `{placeholders}`; a test
compares them. Each command keeps its own table beside its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Lang = Literal["en", "zh"]
TABLES: list[Texts] = []
"""Every table made so far, for the test."""


def language(environ: Mapping[str, str], wished: str = "") -> Lang:
    """`wished` if it names one, else what the system's locale says, else English."""
    said = wished or next(
        (environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE") if environ.get(name)), ""
    )
    return "zh" if said.casefold().startswith(("zh", "chinese")) else "en"


class Texts:
    """key -> (English, Chinese)."""

    def __init__(self, table: Mapping[str, tuple[str, str]]) -> None:
        self.table = dict(table)
        TABLES.append(self)

    def say(self, lang: Lang, key: str, /, **values: Any) -> str:
        """The sentence in `lang` with its placeholders filled in."""
        return self.table[key][lang == "zh"].format(**values)
