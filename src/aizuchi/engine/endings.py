"""Sans-I/O: does what was said so far end like a finished sentence? Chinese, Japanese and English.

Recognisers often write no punctuation and no capitals, and those that do set a full stop behind whatever
they got. So the last words decide, and punctuation only where they say nothing:

    last words                                     example                      answer
    a filler, an article, a conjunction, a         "i would like to"            unfinished
    preposition or particle that wants more        我想去北京然后    駅に行って
    digits that are being dictated                 "it's five five five"        unfinished
    a sentence-final particle or verb, thanks,     你吃饭了吗    そうですね      finished
    yes and no, a whole question or command        "what time is it"
    ? ! 。 or .                                    "I like apples."             finished
    , 、 … or a dash                               "I like apples,"             unfinished
    anything else                                  "i like apples"              unknown

"unknown" is the honest answer to most statements: where they end only their sound can tell. The words are
looked up in `endings_en`, `endings_zh` and `endings_ja`; other languages are judged by punctuation alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from aizuchi.engine import endings_en, endings_ja, endings_zh
from aizuchi.engine.scripts import guess_language

Ending = Literal["finished", "unfinished", "unknown"]

_QUOTES: Final = "\"'”’」』)）】] \t\n"
_FULL: Final = ".。．｡!！"
_QUESTION: Final = "?？"
_OPEN: Final = ",，、;；:：—–-~～"

# A judge of bare words: True for finished, False for unfinished, None for neither.
_WORDS: Final[Mapping[str, Callable[[str], bool | None]]] = {
    "en": endings_en.ends,
    "zh": endings_zh.ends,
    "yue": endings_zh.ends,
    "ja": endings_ja.ends,
}


def ending(text: str, language: str = "") -> Ending:
    """How `text`, a transcript up to now, ends. `language` is the one expected, ISO 639-1, or empty."""
    text = text.strip().rstrip(_QUOTES)
    bare = text.rstrip(_FULL + _QUESTION + _OPEN + "…‥・ ")
    marks = text[len(bare) :].replace(" ", "")
    if not bare:
        return "unknown"
    if any(mark in _QUESTION for mark in marks):
        return "finished"
    if "…" in marks or "‥" in marks or ".." in marks or "。。" in marks or marks[-1:] in tuple(_OPEN):
        return "unfinished"
    judge = _WORDS.get(guess_language(bare, language))
    said = judge(bare) if judge is not None else None
    if said is None and marks:
        said = True
    return "unknown" if said is None else "finished" if said else "unfinished"
