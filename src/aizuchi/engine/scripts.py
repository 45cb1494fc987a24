"""Which script a character belongs to, and which language a sentence is probably in."""

from __future__ import annotations

import unicodedata
from typing import Final

# Characters that Chinese writes every day and modern Japanese does not: they settle text without kana.
_CHINESE_ONLY: Final = frozenset("你您们们这吗呢吧啊么说请谢还让给对时问题谁哪怎个为爱欢见们很没们点样东车话")


def is_han(char: str) -> bool:
    """A Chinese character, as Chinese and Japanese (and seldom Korean) write them."""
    code = ord(char)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3134F
        or code in (0x3005, 0x3007)
    )


def is_kana(char: str) -> bool:
    """Hiragana or katakana, half-width forms and the long-vowel mark included."""
    code = ord(char)
    return (
        0x3041 <= code <= 0x3096
        or 0x309D <= code <= 0x309F
        or 0x30A1 <= code <= 0x30FA
        or 0x30FC <= code <= 0x30FF
        or 0x31F0 <= code <= 0x31FF
        or 0xFF66 <= code <= 0xFF9D
    )


def is_hangul(char: str) -> bool:
    code = ord(char)
    return 0xAC00 <= code <= 0xD7A3 or 0x1100 <= code <= 0x11FF or 0x3130 <= code <= 0x318F


def is_cjk(char: str) -> bool:
    """A letter of Chinese, Japanese or Korean; their punctuation is not."""
    return is_han(char) or is_kana(char) or is_hangul(char)


def is_emoji(char: str) -> bool:
    """A pictogram, or one of the invisible characters that join and colour pictograms."""
    code = ord(char)
    return (
        0x1F000 <= code <= 0x1FAFF
        or 0x2600 <= code <= 0x27BF
        or 0x2B00 <= code <= 0x2BFF
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0020 <= code <= 0xE007F
        or code in (0x200D, 0x20E3, 0x2328, 0x231A, 0x231B, 0x23E9, 0x23F0, 0x23F3)
    )


def width(text: str) -> int:
    """Length with wide characters counted double: about how long the text is to say."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def guess_language(text: str, given: str = "", before: str = "") -> str:
    """ISO 639-1 code of a sentence by its script.

    `given` is the language expected, `before` that of the sentence before it. Kana means Japanese, Hangul
    Korean; Chinese characters alone mean Chinese, unless Japanese is expected and nothing in the text
    contradicts it. A few foreign characters do not change the language of a sentence. Latin text is in
    the expected language if that is written in Latin letters, else English.
    """
    han = sum(map(is_han, text))
    kana = sum(map(is_kana, text))
    hangul = sum(map(is_hangul, text))
    eastern = han + kana + hangul
    others = sum(char.isalpha() for char in text) - eastern
    expects_eastern = given in ("zh", "ja", "ko", "yue")
    if eastern and (expects_eastern or 2 * eastern >= others):
        if hangul > han + kana:
            return "ko"
        if kana:
            return "ja"
        if "ja" in (given, before) and not any(char in _CHINESE_ONLY for char in text):
            return "ja"
        return "yue" if given == "yue" else "zh"
    if not others:
        return before or given or "en"
    return "en" if expects_eastern or not given else given
