"""Word error rate: how many words must be changed, added or taken away, per word of the reference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]")


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one comparison, or of many added up."""

    words: int = 0
    """In the reference."""
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0

    @property
    def total(self) -> int:
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float:
        """Errors per reference word; 0 for two empty texts, 1 for words heard where there were none."""
        if self.words:
            return self.total / self.words
        return 1.0 if self.inserted else 0.0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.words + other.words,
            self.substituted + other.substituted,
            self.deleted + other.deleted,
            self.inserted + other.inserted,
        )


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; each Chinese or Japanese character is a word of its own."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    spaced = _CJK.sub(lambda found: f" {found[0]} ", folded)
    return [word for each in re.split(r"[^\w']+", spaced) if (word := each.strip("'_"))]


def compare(reference: str, heard: str) -> Errors:
    """Count the errors of `heard` along the cheapest alignment."""
    return align(words(reference), words(heard))


def align(reference: Sequence[str], heard: Sequence[str]) -> Errors:
    """Levenshtein over words; of equally cheap ways the one with the most substitutions is counted."""
    # A row holds (cost, substituted, deleted, inserted) for the reference so far against each prefix.
    row = [(index, 0, 0, index) for index in range(len(heard) + 1)]
    for count, word in enumerate(reference, start=1):
        new = [(count, 0, count, 0)]
        for index, other in enumerate(heard, start=1):
            cost, substituted, deleted, inserted = row[index - 1]
            best = (cost, substituted, deleted, inserted)
            if word != other:
                best = (cost + 1, substituted + 1, deleted, inserted)
            cost, substituted, deleted, inserted = row[index]
            if cost + 1 < best[0]:
                best = (cost + 1, substituted, deleted + 1, inserted)
            cost, substituted, deleted, inserted = new[index - 1]
            if cost + 1 < best[0]:
                best = (cost + 1, substituted, deleted, inserted + 1)
            new.append(best)
        row = new
    _cost, substituted, deleted, inserted = row[-1]
    return Errors(len(reference), substituted, deleted, inserted)
