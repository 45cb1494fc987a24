"""What the character of script.yaml says, sentence by sentence, and how long each sounds."""

import re

from tests.web.ear import tone_of

MS = 30
"""Milliseconds that the voice hums for each character."""

HELLO = "Hello and welcome to this page."
AGAIN = "Hello again and welcome back."
GO = "Going forward one step after another."
STORY = [
    "This is the story of a lighthouse.",
    "Its keeper was a small machine, and every evening it wound up the lamp.",
    "Ships passed far out, and none of them ever answered its long, slow signal.",
    "One winter the lamp broke, and there was no spare glass anywhere on the hill.",
    "So it began to hum, loudly, into the old fog horn that nobody had used for years.",
    "Far out, where the sea meets the sky, a ship hummed back the very same note.",
    "Since then the two of them say good night to each other, every single evening.",
    "On quiet nights you can hear it from the shore, if you stand still for long enough.",
]
OLD = [tone_of(sentence) for sentence in STORY]
"""The tones of the story; none of them is that of another answer."""


def seconds(sentence: str) -> float:
    """How long the voice hums it."""
    return max(0.12, len(sentence) * MS / 1000)


def plain(text: str) -> str:
    """A shown text with its white space made single."""
    return re.sub(r"\s+", " ", text).strip()
