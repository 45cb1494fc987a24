"""Japanese as it is read: kanji -> kana, with the phrases apart, for a voice that reads only kana.

Needs the extra `ja` (SudachiPy and its small dictionary, both Apache-2.0, nothing downloaded when used).
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from aizuchi.providers.workshop import Trouble

_PARTICLES = {"は": "わ", "へ": "え", "を": "お"}
_COLLOQUIAL = {"私": "わたし", "何": "なに", "明日": "あした", "昨日": "きのう", "日本": "にほん"}
_JOINED = ("助詞", "助動詞", "接尾辞", "補助記号", "空白", "記号")
"""Parts of speech that lean on the word before them: one breath, one phrase."""


class Reading(NamedTuple):
    kana: str
    sources: Sequence[int]
    """For each character of `kana`: the index of the character of the text that it stands for."""


class Reader:
    """One dictionary; several threads may ask, one is answered at a time."""

    def __init__(self) -> None:
        try:
            from sudachipy import Dictionary, SplitMode
        except ImportError as error:
            raise Trouble(
                "Japanese needs a dictionary of readings: pip install 'aizuchi[ja]'", retryable=False
            ) from error
        try:
            dictionary = Dictionary(dict="small")
        except (OSError, RuntimeError, ModuleNotFoundError) as error:
            raise Trouble(
                "Japanese needs the package sudachidict-small: pip install 'aizuchi[ja]'", retryable=False
            ) from error
        make = getattr(dictionary, "tokenizer", None) or dictionary.create
        self._tokenizer: Any = make(mode=SplitMode.C)
        self._lock = threading.Lock()

    def read(self, text: str) -> Reading:
        kana: list[str] = []
        sources: list[int] = []
        with self._lock:
            words = [
                (w.begin(), w.surface(), w.reading_form(), w.part_of_speech())
                for w in self._tokenizer.tokenize(text)
            ]
        before: Sequence[str] = ("接頭辞", "")
        for begin, surface, reading, speech in words:
            leans = (
                speech[0] in _JOINED
                or before[0] == "接頭辞"  # a prefix leans forward
                or (speech[1] == "非自立可能" and before[1] == "接続助詞")  # 住んで|いる
            )
            if not leans and kana and kana[-1] != " ":
                kana.append(" ")
                sources.append(begin)
            before = speech
            spoken = _spoken(surface, reading, speech[0])
            for index, letter in enumerate(spoken):
                kana.append(letter)
                sources.append(begin + min(index * len(surface) // max(1, len(spoken)), len(surface) - 1))
        return Reading("".join(kana), sources)


def _spoken(surface: str, reading: str, speech: str) -> str:
    if speech == "助詞" and surface in _PARTICLES:
        return _PARTICLES[surface]
    if surface in _COLLOQUIAL:
        return _COLLOQUIAL[surface]
    if not any(unicodedata.category(letter) == "Lo" for letter in surface):
        return surface  # digits, punctuation, Latin: the voice reads them itself
    return _hiragana(reading) if reading and _is_kana(reading) else surface


def _is_kana(text: str) -> bool:
    return all("ぁ" <= letter <= "ヿ" for letter in text)


def _hiragana(text: str) -> str:
    return "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)
