"""Sans-I/O: what a voice says for a stretch of display text.

Markdown loses its marks, links keep their words, a bare address keeps its host, pictograms and bracketed
asides fall silent. Numbers stay as they are: voices read them by the rules of their language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from aizuchi.engine.scripts import is_emoji

_RULE: Final = re.compile(r"\s*(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}|={3,}\s*)")
_TABLE_RULE: Final = re.compile(r"\s*\|?[\s:|-]*-[\s:|-]*")
_LINE_MARKS: Final = re.compile(r"\s*(?:>\s*)*(?:#{1,6}\s+|[-*+•‣▪]\s+(?:\[[ xX]\]\s+)?)?")
_LINK: Final = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?\)")
_ADDRESS: Final = re.compile(
    r"<?(?:https?|ftp)://(?:www\.)?([A-Za-z0-9.-]*[A-Za-z0-9])[!#-;=?-Z\\^_a-z|~]*>?"
)
_MARKUP: Final = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]{0,80})?/?>")
_ASIDE: Final = re.compile(r"\[[^\[\]]{0,120}\]|【[^【】]{0,120}】")
_STARS: Final = re.compile(r"\*+")
_UNDERSCORES: Final = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_LATIN: Final = "A-Za-z0-9À-ÖØ-öø-ɏ"
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_LOOSE_MARK: Final = re.compile(r"\s+([,.!?;:…，。！？；：、]+)(?=\s|$)")
_LEADING: Final = re.compile(
    r"(?:[\s,;:!?)\]}，、。．！？；：…·‥」』”’）》〉】｝|=~～]|\.{2,}|\.(?!\w)|[-–—]+(?=\s|$)|[—–]+)+"
)


def speakable(text: str) -> str:
    """The words of `text`, in one line; empty if there is nothing to say."""
    text = " ".join(map(_line, text.split("\n")))
    text = _LINK.sub(r"\1", text)
    text = _ADDRESS.sub(_host, text)
    text = _MARKUP.sub(" ", text)
    text = _ASIDE.sub(" ", text)
    text = _STARS.sub(_star, text.replace("`", "").replace("~~", ""))
    text = _UNDERSCORES.sub("", text)
    text = "".join(" " if _silent(char) else char for char in text)
    text = _LOOSE_MARK.sub(r"\1", " ".join(text.split()))
    text = text[end.end() :] if (end := _LEADING.match(text)) else text
    return text if any(map(str.isalnum, text)) else ""


def replacer(replacements: Mapping[str, str]) -> Callable[[str], str]:
    """A function that writes names as they are spoken: longer names first, whole words in Latin script."""
    forms = {written: spoken for written, spoken in replacements.items() if written}
    if not forms:
        return str
    names = sorted(forms, key=lambda name: (-len(name), name))
    pattern = re.compile(
        "|".join(f"{_edge(name[0], '<!')}{re.escape(name)}{_edge(name[-1], '!')}" for name in names)
    )
    return lambda text: pattern.sub(lambda match: forms[match[0]], text)


class Pronunciation:
    """Writes names as they are spoken: `replacements` maps written to spoken forms."""

    def __init__(self, replacements: Mapping[str, str]) -> None:
        self._replace = replacer(replacements)
        self._longest = max(map(len, replacements), default=0)

    def __call__(self, text: str) -> str:
        return self._replace(text)

    def certain(self, text: str) -> str:
        """Of whole words that are certain, what is certain of them as they are spoken."""
        words = speakable(text)
        if self._longest:
            # A name that is pronounced otherwise may have begun and go on.
            words = words[: -self._longest].rpartition(" ")[0]
            whole = self._replace(speakable(text))
            words = self._replace(words)
            return words if whole.startswith(words) else ""
        return words


def _edge(char: str, side: str) -> str:
    """Where a name ends in Latin script, marks or not, no more of it may follow; Han and kana may."""
    return f"(?{side}[{_LATIN}])" if re.match(f"[{_LATIN}]", char) else ""


def _line(line: str) -> str:
    if _RULE.fullmatch(line) or ("|" in line and _TABLE_RULE.fullmatch(line)):
        return ""
    bare = line.strip()
    if bare.startswith("|") and bare.count("|") > 1:
        return ", ".join(cell for cell in (part.strip() for part in bare.split("|")) if cell)
    marks = _LINE_MARKS.match(line)
    return line[marks.end() :] if marks else line


def _host(address: re.Match[str]) -> str:
    whole = address[0]
    return address[1] + whole[len(whole.rstrip(".,!?;:>")) :].replace(">", "")


def _star(stars: re.Match[str]) -> str:
    """A star between numbers or spaces is arithmetic; any other is emphasis."""
    text, start, end = stars.string, stars.start(), stars.end()
    left, right = text[max(start - 1, 0) : start], text[end : end + 1]
    arithmetic = len(stars[0]) == 1 and (
        (left.isdigit() and right.isdigit()) or (left == " " and right == " ")
    )
    return stars[0] if arithmetic else ""


def _silent(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    return is_emoji(char) or unicodedata.category(char) in _UNSEEN
