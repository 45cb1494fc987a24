"""The canonical emotion names; every wire and every figure holds its own map from these.

The first 21 are the names xiaozhi devices draw (`docs/wire/` of that protocol); the last three
come from voice vendors that tell fear, disgust and calm apart.
"""

from __future__ import annotations

from typing import Final

EMOTIONS: Final = (
    "neutral",
    "happy",
    "laughing",
    "funny",
    "sad",
    "angry",
    "crying",
    "loving",
    "embarrassed",
    "surprised",
    "shocked",
    "thinking",
    "winking",
    "cool",
    "relaxed",
    "delicious",
    "kissy",
    "confident",
    "sleepy",
    "silly",
    "confused",
    "fearful",
    "disgusted",
    "calm",
)

ALIASES: Final = {
    "joy": "happy",
    "joyful": "happy",
    "smile": "happy",
    "laugh": "laughing",
    "sadness": "sad",
    "anger": "angry",
    "mad": "angry",
    "cry": "crying",
    "love": "loving",
    "shy": "embarrassed",
    "surprise": "surprised",
    "shock": "shocked",
    "think": "thinking",
    "wink": "winking",
    "fear": "fearful",
    "scared": "fearful",
    "disgust": "disgusted",
    "smirk": "cool",
}


def canonical(name: str) -> str | None:
    """The canonical emotion for a word a model or a vendor used, or None if it names none."""
    word = name.strip().lower()
    if word in EMOTIONS:
        return word
    return ALIASES.get(word)
