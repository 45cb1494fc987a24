"""A model's text, or fixed words, as reply events: display text, thoughts, sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterable

from aizuchi.character import Character
from aizuchi.engine.bilingual import Bilingual, Late
from aizuchi.engine.phrasebook import Phrase, bilingual, emotion_tags, splitter
from aizuchi.engine.rules import Rules
from aizuchi.engine.sentences import Cut, Inner, Sentences, Shown
from aizuchi.events import Annotated, ReplyEvent, Sentence, TextDelta, Thought

_Piece = Shown | Inner | Cut | Late


class Cutter:
    """Numbers the sentences of one turn across tool rounds and turns pieces into reply events."""

    def __init__(self, turn: int, character: Character, rules: Rules) -> None:
        self._turn = turn
        self._character = character
        self._rules = rules
        self._index = 0
        self._indices: list[int] = []
        """Of this round's sentences."""
        self._joints = ["", ""]
        """What must still come before the next delta and the next sentence of a new round."""
        self._splitter = self._fresh()
        self.text = ""
        """All display text so far."""

    def feed(self, delta: str) -> list[ReplyEvent]:
        return self._events(self._splitter.feed(delta))

    def finish(self) -> list[ReplyEvent]:
        """Flush; afterwards a new round of text may begin."""
        pieces, self._splitter = self._splitter.finish(), self._fresh()
        events = self._events(pieces)
        self._round_over()
        return events

    def fixed(self, words: str | Phrase) -> list[ReplyEvent]:
        """All of a text that no model wrote. Only between rounds."""
        words = Phrase(words) if isinstance(words, str) else words
        if words.subtitle:
            pairs = bilingual(words, self._character)
            pieces: Iterable[_Piece] = [piece for cut in pairs for piece in (Shown(cut.shown), cut)]
        else:
            plain = splitter(self._character, self._rules.first_clause_chars)
            pieces = [*plain.feed(words.text), *plain.finish()]
        events = self._events(pieces)
        self._round_over()
        return events

    def aside(self, spoken: str) -> Sentence:
        """Something said beside the text: heard, and neither shown nor remembered."""
        sentence = Sentence(self._turn, self._index, spoken, "", self._character.language, tags=("aside",))
        self._index += 1
        return sentence

    @property
    def ahead(self) -> str:
        """What is certain of the sentence being written; see `Sentences.ahead`."""
        return self._splitter.ahead

    def _fresh(self) -> Sentences | Bilingual:
        character = self._character
        if not character.bilingual:
            return splitter(character, self._rules.first_clause_chars)
        return Bilingual(
            spoken=character.language,
            subtitles=character.subtitles,
            emotion_tags=emotion_tags(character),
            replacements=character.replacements,
            first_clause_chars=self._rules.first_clause_chars,
        )

    def _round_over(self) -> None:
        self._indices.clear()
        if self.text and self.text[-1].isascii() and not self.text[-1].isspace():
            self._joints = [" ", " "]

    def _events(self, pieces: Iterable[_Piece]) -> list[ReplyEvent]:
        events: list[ReplyEvent] = []
        for piece in pieces:
            match piece:
                case Shown(text=text):
                    text, self._joints[0] = self._joints[0] + text, ""
                    self.text += text
                    events.append(TextDelta(text))
                case Inner(text=text):
                    events.append(Thought(text))
                case Cut():
                    events.append(self._sentence(piece))
                case Late():
                    index = self._indices[piece.cut]
                    events.append(Annotated(self._turn, index, piece.subtitles, piece.emotion, piece.done))
        return events

    def _sentence(self, cut: Cut) -> Sentence:
        shown = cut.shown
        if shown:  # of a lone tag nothing is shown, and nothing is to be joined to it
            shown, self._joints[1] = self._joints[1] + shown, ""
        self._indices.append(self._index)
        sentence = Sentence(
            self._turn,
            self._index,
            cut.spoken,
            shown,
            cut.language,
            cut.subtitles,
            cut.emotion,
            tuple(cut.tags),
            cut.partial,
        )
        self._index += 1
        return sentence
