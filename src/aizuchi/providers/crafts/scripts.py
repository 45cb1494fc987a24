"""Text -> runs that one voice can speak, by script; positions in the text are kept.

A voice of espeak-ng reads its own script and, mostly, Latin letters. Han in an English sentence would be
spelled out as "Chinese letter", Latin in a Japanese one letter by letter: such runs get a voice of theirs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 200
"""Characters said in one go; longer runs are cut, at a stop, a comma or a space where there is one."""
_CYRILLIC = ("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "tt", "ba", "cv", "tk", "uz", "mn")
_STOPS = ".!?;。！？；…\n"
_COMMAS = ",:，、："


class Run(NamedTuple):
    """A stretch of text in one language."""

    language: str
    start: int
    """Index of its first character in the whole text."""
    text: str


def clean(text: str) -> str:
    """The same number of characters, with those that nobody can say (emoji, controls) as spaces."""
    return "".join(map(_sayable, text))


def _sayable(letter: str) -> str:
    code = ord(letter)
    if code < 0x7F:
        return letter if code >= 0x20 or letter == "\n" else " "
    if 0xFF10 <= code <= 0xFF5A and unicodedata.category(letter) in ("Nd", "Lu", "Ll"):
        return chr(code - 0xFEE0)  # full-width digits and letters
    if code >= 0x1F000 and not 0x20000 <= code < 0x3FFFF:
        return " "
    category = unicodedata.category(letter)
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Sk", "Me") or 0xFE00 <= code <= 0xFE0F:
        return " "
    return " " if category == "So" and code >= 0x2190 else letter


def script(letter: str) -> str:
    """han, kana, hangul, cyrillic or latin; empty for what goes with its neighbours."""
    code = ord(letter)
    if code < 0x250:
        return "latin" if letter.isalpha() else ""
    if 0x400 <= code < 0x530:
        return "cyrillic"
    if (0x3041 <= code <= 0x30FF and code != 0x30FB) or 0x31F0 <= code <= 0x31FF or 0xFF66 <= code <= 0xFF9D:
        return "kana"
    if (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or code in (0x3005, 0x3007)
    ):
        return "han"
    if 0x20000 <= code < 0x32000:
        return "han"
    if 0xAC00 <= code <= 0xD7A3 or 0x1100 <= code <= 0x11FF or 0x3130 <= code <= 0x318F:
        return "hangul"
    return ""


def runs(text: str, language: str) -> Iterator[Run]:
    """Cut a cleaned text into runs; what is neither letter nor ideograph stays with the run before it.

    `language` is the sentence's, ISO 639-1, and gets whatever no script claims.
    """
    others = {
        "kana": "ja",
        "hangul": "ko",
        "cyrillic": language if language in _CYRILLIC else "ru",
        "latin": "en" if language == "ja" else language,
    }
    begin, now = 0, ""
    for index, letter in enumerate(text):
        kind = script(letter)
        theirs = _han(text, index, language) if kind == "han" else others.get(kind, "")
        if theirs and theirs != now:
            if now:
                yield from _pieces(Run(now, begin, text[begin:index]))
                begin = index
            now = theirs
    yield from _pieces(Run(now or language, begin, text[begin:]))


def _han(text: str, index: int, language: str) -> str:
    """Whose ideograph it is: kana near by, with nothing foreign between, tells Japanese."""
    if language in ("zh", "yue", "ja"):
        return language
    for step in (1, -1):
        at = index + step
        while 0 <= at < len(text) and abs(at - index) < 40 and script(text[at]) in ("han", "kana", ""):
            if script(text[at]) == "kana":
                return "ja"
            at += step
    return "zh"


def _pieces(run: Run) -> Iterator[Run]:
    start, text = run.start, run.text
    while len(text) > LONGEST:
        head = text[:LONGEST]
        cut = max(
            (max(map(head.rfind, _STOPS)), max(map(head.rfind, _COMMAS)), head.rfind(" ")),
            key=lambda at: (at >= LONGEST // 3, at),
        )
        cut = cut + 1 if cut > 0 else LONGEST
        yield Run(run.language, start, text[:cut])
        start, text = start + cut, text[cut:]
    if text:
        yield Run(run.language, start, text)
