"""What the keys of a bilingual reply mean, whoever named them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from aizuchi.engine.sentences.stops import words
from aizuchi.ports import Part

_EMOTION: Final = words("emotion emotions feeling feelings mood moods expression expressions")
_SUBTITLE: Final = words(
    "subtitle subtitles translation translations translated caption captions display shown show"
)
_SPEAK: Final = words("speak speech speeches spoken say says said voice tts line lines")
_TEXT: Final = words("text texts content contents reply replies response responses answer message")
_LANGUAGES: Final = {
    "cn": "zh",
    "zh": "zh",
    "chinese": "zh",
    "jp": "ja",
    "ja": "ja",
    "japanese": "ja",
    "kr": "ko",
    "ko": "ko",
    "korean": "ko",
    "english": "en",
}
"""How prompts name languages in keys, besides ISO 639-1."""
_WRITTEN: Final[tuple[tuple[str, Part], ...]] = (
    ("情", "emotion"),
    ("表情", "emotion"),
    ("感情", "emotion"),
    ("字幕", "subtitle"),
    ("翻译", "subtitle"),
    ("翻訳", "subtitle"),
    ("台词", "speak"),
    ("台詞", "speak"),
    ("语音", "speak"),
    ("音声", "speak"),
    ("セリフ", "speak"),
)
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD: Final = re.compile(r"[a-z]+")


@lru_cache(maxsize=1024)
def role_of(key: str, spoken: str, subtitles: str) -> Part | None:
    """What stands under `key` where one speaks `spoken` and reads `subtitles` (ISO 639-1); None: neither.

    Words decide, in this order: a feeling, one of the two languages, reading, speaking, any text.
    """
    said = _WORD.findall(_CAMEL.sub("_", key).lower())
    if not _EMOTION.isdisjoint(said):
        return "emotion"
    languages = {_LANGUAGES.get(word, word) for word in said}
    if spoken in languages:
        return "speak"
    if subtitles in languages:
        return "subtitle"
    if not _SUBTITLE.isdisjoint(said):
        return "subtitle"
    if not _SPEAK.isdisjoint(said) or not _TEXT.isdisjoint(said):
        return "speak"
    return next((role for part, role in _WRITTEN if part in key), None)
