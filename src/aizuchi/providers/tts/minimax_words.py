"""MiniMax's words for what the engine calls otherwise: emotions and languages."""

from __future__ import annotations

from typing import Final

EMOTIONS: Final = {
    "happy": "happy",
    "laughing": "happy",
    "funny": "happy",
    "loving": "happy",
    "winking": "happy",
    "delicious": "happy",
    "kissy": "happy",
    "silly": "happy",
    "confident": "happy",
    "sad": "sad",
    "crying": "sad",
    "angry": "angry",
    "surprised": "surprised",
    "shocked": "surprised",
    "fearful": "fearful",
    "disgusted": "disgusted",
    "calm": "calm",
    "relaxed": "calm",
    "cool": "calm",
    "sleepy": "calm",
}
"""The canonical names to the vendor's. What is missing is not sent: the model then goes by the text."""
WORDS: Final = frozenset({*EMOTIONS.values(), "fluent", "whisper"})
"""The vendor's own words; the last two are known to its newer models only."""

LANGUAGES: Final = {
    "zh": "Chinese",
    "yue": "Chinese,Yue",
    "en": "English",
    "ar": "Arabic",
    "ru": "Russian",
    "es": "Spanish",
    "fr": "French",
    "pt": "Portuguese",
    "de": "German",
    "tr": "Turkish",
    "nl": "Dutch",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "id": "Indonesian",
    "ja": "Japanese",
    "it": "Italian",
    "ko": "Korean",
    "th": "Thai",
    "pl": "Polish",
    "ro": "Romanian",
    "el": "Greek",
    "cs": "Czech",
    "fi": "Finnish",
    "hi": "Hindi",
}
