"""A character: the same person on every protocol.

A folder `characters/NAME/` holds `character.yaml` and, beside it, the prompt in Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aizuchi.emotions import EMOTIONS
from aizuchi.events import TtsStrategy
from aizuchi.lectures import Lecture
from aizuchi.ports import Style

ReplyFormat = Literal["auto", "json", "own"]


@dataclass(frozen=True, slots=True)
class Avatar:
    """Which figure a client draws. Opaque to the engine; `server/avatars.py` serves its files."""

    kind: Literal["drawn", "vrm", "live2d"] = "drawn"
    """drawn: by the client, in the colours of `look`; vrm, live2d: a model of the user's own."""
    file: Path | None = None
    """The model, absolute; None for drawn. What else it needs lies in the same folder."""
    look: Mapping[str, str] = field(default_factory=dict[str, str])
    """Colours (#rrggbb) and shapes of the drawn one."""


@dataclass(frozen=True, slots=True)
class Character:
    """What the engine and the wires need to know of a character."""

    name: str
    """Folder name; the id clients ask for."""
    display_name: str
    prompt: str
    """Who they are, for the model; plain text."""
    language: str = "en"
    """First language, ISO 639-1."""
    greeting: str = ""
    """Said when a conversation begins, if the client wants to be greeted; empty for none."""
    style: Style = field(default_factory=Style)
    tts_strategy: TtsStrategy | None = None
    """How text goes to the voice; None leaves it to the configuration."""
    emotions: tuple[str, ...] = EMOTIONS
    """Those the model may use as tags, canonical names."""
    emotion_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """The character's own tag words -> canonical emotion, besides the canonical names themselves."""
    replacements: Mapping[str, str] = field(default_factory=dict[str, str])
    """Written form -> spoken form, for names that voices get wrong."""
    tools: tuple[str, ...] | None = None
    """Names of the tools they may use; None for all."""
    apology: Mapping[str, str] = field(default_factory=dict[str, str])
    """language -> what is said when no model answers; a default of ours where missing."""
    not_understood: Mapping[str, str] = field(default_factory=dict[str, str])
    """language -> what is said when nothing could be recognised because the recogniser failed."""
    fillers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """language -> what is said while a model or a tool is slow; none of ours where missing."""
    filler_after: float = 0.0
    """Seconds of a turn without anything to say before a filler; 0: never."""
    hums: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """language -> small sounds of a listener; ours where missing."""
    hum_every: float = 0.0
    """Seconds of the user's speech before a hum; 0: never."""
    nudge: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """language -> said after a long silence; where missing the model thinks of something."""
    farewell: Mapping[str, str] = field(default_factory=dict[str, str])
    """language -> said when a silence ends the conversation; a default of ours where missing."""
    backchannels: tuple[str, ...] = ()
    """What else, said over a reply, asks for nothing; see `engine/backchannels.py` for the common ones."""
    avatar: Avatar = field(default_factory=Avatar)
    subtitles: str = ""
    """Second language, ISO 639-1: replies are spoken in `language` and read in this one. Empty for none."""
    reply_format: ReplyFormat = "auto"
    """How the model of a bilingual character writes: `json`, in our form; `own`, in the one that the prompt
    describes; auto: `own` if the prompt has an example of both texts, else `json`."""
    greeting_subtitle: str = ""
    """The greeting in the second language."""
    marks: tuple[str, ...] = ()
    """More words in brackets that are cut out and are no feelings: gestures, pages. No model is told."""
    lecture: Lecture | None = None
    """What they tell of their own accord, page by page; None: they only converse."""
    description: Mapping[str, str] = field(default_factory=dict[str, str])
    """language -> one line for lists of characters; "" where the file names no language."""
    live2d_model_set: str = ""
    """What ChatAnon's page is told to show; empty: it chooses."""
    script: object = field(default=None, repr=False)
    """What the demonstration script says for them; see `Prompt.script`."""
    unspoken: str = ""
    """The language they would speak if a voice could; they then speak the second one. Empty: as written."""

    @property
    def bilingual(self) -> bool:
        return bool(self.subtitles) and self.subtitles != self.language

    def described(self, *languages: str) -> str:
        """The line for lists, in the first of these languages that there is, else in the character's own."""
        lines = self.description
        wanted = (*languages, "", self.language, "en", *lines)
        return next((lines[each] for each in wanted if lines.get(each)), "")
