"""How a bilingual character's model writes: what it is asked for, and how it is told its earlier replies.

Ours is a line of JSON for each sentence: feeling, subtitle, speech, in this order, so that the face may
change and the text be read before the voice begins, and the voice may begin while its words are written. A
prompt that describes a form of its own, such as ChatAnon's three lists, is left alone, and earlier replies
are told to its model in that form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from aizuchi.character import Character
from aizuchi.engine.bilingual.roles import role_of
from aizuchi.ports import Part, ReplyForm

_KEY: Final = re.compile(r"[\"“](\w{2,40})[\"”]\s*[:：](?!\s*\[?\s*\{)\s*(\[)?")
"""A key in a prompt's example, and whether its value is a list of texts."""


class Told(Protocol):
    """A sentence as history remembers it; `Sentence` is one."""

    @property
    def spoken(self) -> str: ...
    @property
    def shown(self) -> str: ...
    @property
    def subtitles(self) -> dict[str, str]: ...
    @property
    def emotion(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Form(ReplyForm):
    """A form, and how sentences are written in it."""

    described: bool = False
    """The character's own prompt asks for it."""

    def write(self, sentences: Iterable[Told]) -> str:
        """These sentences as the model would have written them."""
        rows = [self._row(each) for each in sentences if each.shown.strip()]
        if not self.listed:
            return "\n".join(_json({name: row[part] for part, name in self.keys}) for row in rows)
        return _json({name: [row[part] for row in rows] for part, name in self.keys}) if rows else ""

    def _row(self, sentence: Told) -> dict[Part, str]:
        shown = sentence.shown.strip()
        said = sentence.subtitles.get(self.spoken, shown)
        read = sentence.subtitles.get(self.subtitles, shown)
        none = "auto" if self.described else "neutral"
        return {"speak": said, "subtitle": read, "emotion": sentence.emotion or none}


def form_of(character: Character) -> Form | None:
    """None for a character whose replies are plain text."""
    if not character.bilingual:
        return None
    feels = bool(character.emotions or character.emotion_tags)
    return _form(character.prompt, character.language, character.subtitles, character.reply_format, feels)


@lru_cache(maxsize=256)
def _form(prompt: str, spoken: str, subtitles: str, wish: str, feels: bool) -> Form:
    ours = ReplyForm(spoken, subtitles).keys[0 if feels else 1 :]
    if wish == "json":
        return Form(spoken, subtitles, ours)
    found: dict[Part, tuple[str, bool]] = {}
    for key, bracket in _KEY.findall(prompt):
        role = role_of(key, spoken, subtitles)
        if role is not None:
            found.setdefault(role, (key, bool(bracket)))
    if "speak" in found and "subtitle" in found:
        keys: tuple[tuple[Part, str], ...] = tuple((role, key) for role, (key, _) in found.items())
        return Form(spoken, subtitles, keys, found["speak"][1], described=True)
    # An own one that we can't make out: ours is as good as any for telling a model what it said.
    return Form(spoken, subtitles, ours, described=wish == "own")


def shares(sentences: Sequence[Told], heard: str) -> list[Told] | None:
    """Of sentences those that `heard` holds, the last one cut in both languages alike.

    None if `heard` is not the beginning of what they show, joined.
    """
    kept: list[Told] = []
    left = heard
    for each in sentences:
        if not left.strip():
            break
        if left.startswith(each.shown):
            kept.append(each)
        elif each.shown.startswith(left):
            kept.append(_Cut.of(each, len(left)))
        else:
            return None
        left = left[len(each.shown) :]
    return None if left.strip() else kept


@dataclass(frozen=True, slots=True)
class _Cut:
    spoken: str
    shown: str
    subtitles: dict[str, str]
    emotion: str

    @classmethod
    def of(cls, whole: Told, chars: int) -> _Cut:
        shown = whole.shown[:chars]

        def part(text: str) -> str:
            return text[: max(1, len(text) * chars // len(whole.shown))]

        texts = {
            language: shown.strip() if text == whole.shown.strip() else part(text)
            for language, text in whole.subtitles.items()
        }
        return cls(part(whole.spoken), shown, texts, whole.emotion)


def _json(row: object) -> str:
    return json.dumps(row, ensure_ascii=False)
