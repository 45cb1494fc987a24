"""Sentences as they are spoken: the separators of `SentenceSepNode`, but not where they end nothing."""

from __future__ import annotations

from typing import Final

from aizuchi.compat.bitnp.agent.tags import open_at
from aizuchi.compat.bitnp.stream_node import SentenceSepNode

CLOSING: Final = "\"'”’」』）)》】"
"""Stay with the sentence that they close."""
UNCERTAIN: Final = ".:'"
"""May stand within a word: `3.14`, `12:30`, `isn't`. What follows tells."""


class SpokenSepNode(SentenceSepNode):
    """Keeps tags, numbers and contractions whole, and runs like `？？？` with their sentence."""

    def cut(self, text: str) -> list[str]:
        sentences: list[str] = []
        start = at = 0
        while at < len(text):
            if text[at] == "[" and (closed := self._tag(text, at)) != at:
                if closed < 0:
                    break  # the rest of the tag is still to come
                at = closed
            elif text[at] not in self.seps:
                at += 1
            elif text[at] in UNCERTAIN and at + 1 == len(text):
                break
            elif text[at] in UNCERTAIN and self._within(text, at):
                at += 1
            else:
                at += 1
                while at < len(text) and text[at] in self.seps + CLOSING and not self._opens(text, at):
                    at += 1
                sentences.append(text[start:at])
                start = at
        return [*sentences, text[start:]]

    def _tag(self, text: str, at: int) -> int:
        """Behind the tag that begins here; `at` itself if it is no tag, -1 if that can't be told yet."""
        end = text.find("]", at)
        if end < 0:
            return -1 if open_at(text[at:]) == 0 else at + 1
        return at + 1 if "\n" in text[at:end] or "[" in text[at + 1 : end] else end + 1

    @staticmethod
    def _within(text: str, at: int) -> bool:
        """Whether an uncertain separator stands inside a word or a number, or opens a quotation."""
        before, after = text[at - 1 : at], text[at + 1]
        if text[at] == ":":
            return after == "/" or (after.isdigit() and before.isdigit())
        return after.isascii() and after.isalnum()

    @staticmethod
    def _opens(text: str, at: int) -> bool:
        """A quotation mark that begins what follows rather than ending what was said."""
        return text[at] in "\"'" and at + 1 < len(text) and text[at + 1].isalnum()
