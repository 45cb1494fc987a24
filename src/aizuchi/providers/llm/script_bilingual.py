"""A script's answer for a character in two languages: the texts of a rule in both, sentence by sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from aizuchi.ports import Part, ReplyForm

_SENTENCE: Final = re.compile(r".+?(?:[。！？!?…]+[」』”\"']*|\.(?=\s|$)|$)\s*", re.DOTALL)
_TAG: Final = re.compile(r"[\[【](\w+)[\]】]\s*")
_JSON: Final = ("{", "[{", "```")


def written(form: ReplyForm, texts: Sequence[tuple[str, str]]) -> str:
    """Texts in both languages, spoken and read, in `form`; one that is missing is replaced by the other.

    Sentences go in pairs; where there are more of them on one side, some of these go together. A tag of a
    feeling, on either side, holds until the next one. A text that is JSON already stays as it is.
    """
    for pair in texts:
        for text in pair:
            if text.lstrip().startswith(_JSON):
                return text
    rows: list[dict[Part, str]] = []
    emotion = ""
    for spoken, read in texts:
        for said, below in _pairs(_sentences(spoken or read), _sentences(read or spoken)):
            tag = _TAG.search(below) or _TAG.search(said)
            emotion = tag[1] if tag else emotion
            rows.append({"speak": _bare(said), "subtitle": _bare(below), "emotion": emotion})
    rows = [row for row in rows if row["speak"]]
    if not form.listed:
        return "\n".join(_dumped({name: row[part] for part, name in form.keys if row[part]}) for row in rows)
    return _dumped({name: [row[part] or "auto" for row in rows] for part, name in form.keys}) if rows else ""


def _sentences(text: str) -> list[str]:
    return [found.group() for found in _SENTENCE.finditer(text) if found.group().strip()]


def _pairs(some: list[str], others: list[str]) -> Iterator[tuple[str, str]]:
    most = min(len(some), len(others))
    for number in range(most):
        yield _share(some, number, most), _share(others, number, most)


def _share(sentences: list[str], number: int, of: int) -> str:
    """What falls to one of so many equal parts."""
    return "".join(sentences[len(sentences) * number // of : len(sentences) * (number + 1) // of])


def _bare(text: str) -> str:
    return _TAG.sub("", text).strip()


def _dumped(row: object) -> str:
    return json.dumps(row, ensure_ascii=False)
