"""What a session is made from, and what it can answer with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from aizuchi.character import Character
from aizuchi.engine.cascade import Cascade, Murmur, Say
from aizuchi.engine.chain import Chain
from aizuchi.engine.links import Links
from aizuchi.engine.phrasebook import HUMS, NOT_UNDERSTOOD, Phrase, greeting, phrase
from aizuchi.engine.rules import Rules
from aizuchi.events import TtsStrategy
from aizuchi.ports import Animator, LanguageModel, Recognizer, Retriever, Toolbox, TurnModel, Vad, Voice


@dataclass(frozen=True, slots=True)
class Parts:
    """What sessions are made from; one set serves them all."""

    vad: Vad
    asr: Chain[Recognizer]
    llm: Chain[LanguageModel]
    tts: Chain[Voice]
    turn: TurnModel | None = None
    toolbox: Toolbox | None = None
    retriever: Retriever | None = None
    animator: Callable[[], Animator] | None = None
    strained: Callable[[], bool] = lambda: False
    """The process has too much to do: what may be left out is left out."""

    @property
    def degraded(self) -> bool:
        """Some stage does without its first provider."""
        return self.asr.degraded or self.llm.degraded or self.tts.degraded


class Repertoire:
    """One session's responders, each made for one turn by the `character` of that time."""

    def __init__(self, parts: Parts, character: Character, rules: Rules, links: Links) -> None:
        self._parts = parts
        self.character = character
        self._rules = rules
        self._links = links

    def usual(self) -> Cascade:
        """Model, tools and voice."""
        parts = self._parts
        rules = replace(self._rules, tts_strategy=self._strategy)
        return Cascade(self.character, parts.llm, parts.tts, rules, parts.animator)

    @property
    def _strategy(self) -> TtsStrategy:
        """The client's wish, else the character's way, else the configuration's."""
        ear = self._links.ear
        if ear is not None and ear.streams:
            return "stream"
        return self.character.tts_strategy or self._rules.tts_strategy

    @property
    def has_room(self) -> bool:
        """A model that gains from an answer in advance is free, and so are a voice and the process."""
        llm, tts = self._parts.llm, self._parts.tts
        model = next(llm.usable(), None)
        free = all(each.permits is None or each.permits.free for each in (llm, tts))
        return free and model is not None and model.streams and not self._parts.strained()

    def greeting(self) -> Say | None:
        """The character's first words, if it has any."""
        return self._say(greeting(self.character)) if self.character.greeting else None

    def misheard(self) -> Say:
        """An apology: nobody could tell what was said."""
        text = phrase(self.character, self.character.not_understood, NOT_UNDERSTOOD)
        return self._say(text, "canned")

    def hum(self, number: int) -> Murmur:
        """A small sound; by `number` the character's own take turns."""
        character = self.character
        own = character.hums.get(character.language, ())
        text = own[number % len(own)] if own else phrase(character, {}, HUMS).text
        return Murmur(text, character, self._parts.tts, self._rules)

    def _say(self, text: Phrase, fallback: str = "") -> Say:
        return Say(text, self.character, self._parts.tts, self._rules, fallback=fallback)
