"""Sans-I/O: streaming text of a model -> display text, thoughts, speakable sentences.

Display text is given out as early as possible and does not wait for its sentence. Laws (property tests
hold them): slicing the same text otherwise changes nothing but the grouping of `Shown` and `Inner`; all
`Cut.shown` joined are all `Shown` joined; display text holds no emotion tag and no thought; nothing raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aizuchi.engine.scripts import guess_language
from aizuchi.engine.sentences.segments import Segment, Segments
from aizuchi.engine.sentences.speakable import Pronunciation
from aizuchi.engine.sentences.tags import Inside, Mark, Plain, Tags

__all__ = ["Cut", "Inner", "Piece", "Sentences", "Shown", "joined"]


@dataclass(frozen=True, slots=True)
class Shown:
    """Display text. Blanks that begin a reply are dropped, and those at its end that end no sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Inner:
    """What the model thought to itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Cut:
    """A sentence, or the first clause of one; its display text has been given out before."""

    spoken: str
    """One line of plain words; empty for code, a lone tag or a lone pictogram."""
    shown: str
    language: str
    """ISO 639-1 by its script; empty where nothing is spoken."""
    emotion: str
    """Canonical. The first tag in the sentence names it, else the last one before it; empty: none yet."""
    tags: tuple[str, ...] = ()
    """The tag words that stood in it, as the vocabulary writes them."""
    subtitles: dict[str, str] = field(default_factory=dict[str, str])
    """Of a bilingual reply; see `Sentence.subtitles`."""
    partial: bool = False
    """See `Sentence.partial`."""


Piece = Shown | Inner | Cut
P = TypeVar("P")


class Sentences:
    """One reply's text. `feed` takes deltas of any size, `finish` gives the rest; afterwards it is used up.

    `language` is the one expected (ISO 639-1). `emotion_tags` maps tag words in lower case to canonical
    emotions and includes those themselves; a word that maps to nothing is cut out and is no feeling.
    `replacements` maps written to spoken forms. The first clause may be cut from about a third of
    `first_clause_chars` on (0: never); `max_chars` bounds a sentence. Both count wide characters double.
    """

    def __init__(
        self,
        *,
        language: str = "",
        emotion_tags: Mapping[str, str],
        replacements: Mapping[str, str] | None = None,
        first_clause_chars: int = 24,
        max_chars: int = 200,
    ) -> None:
        self._language = language
        self._emotions = {word.lower(): emotion for word, emotion in emotion_tags.items()}
        self._pronounce = Pronunciation(replacements or {})
        self._tags = Tags(self._emotions)
        self._segments = Segments(first_clause_chars=first_clause_chars, max_chars=max_chars)
        self._marks: deque[tuple[int, str]] = deque()
        self._fed = 0
        self._cut = 0
        self._blanks = ""
        self._emotion = ""
        self._before = ""
        self._over = False

    def feed(self, delta: str) -> list[Piece]:
        """The next piece of the model's text. Raises RuntimeError after `finish`."""
        if self._over:
            raise RuntimeError("feed() was called after finish()")
        pieces: list[Piece] = []
        for char in delta:
            # Half of a surrogate pair cannot be sent to anybody.
            for token in self._tags.step("\ufffd" if "\ud800" <= char <= "\udfff" else char):
                self._take(token, pieces)
        return list(joined(pieces))

    @property
    def ahead(self) -> str:
        """What is certain already of the sentence being written, as it will be spoken; may be empty.

        It only grows until the sentence is cut; the sentence's `spoken` then begins with it, unless the
        cut came at an earlier word: the next sentence begins with the rest of it.
        """
        return self._pronounce.certain(self._segments.certain)

    def finish(self) -> list[Piece]:
        """The reply has ended; a second call gives nothing."""
        if self._over:
            return []
        self._over = True
        pieces: list[Piece] = []
        for token in self._tags.finish():
            self._take(token, pieces)
        self._segments.finish()
        self._collect(pieces)
        if self._marks:
            pieces.append(self._make(Segment("", ""), final=True))
        return list(joined(pieces))

    def _take(self, token: Plain | Inside | Mark, pieces: list[Piece]) -> None:
        match token:
            case Inside(text):
                pieces.append(Inner(text))
            case Mark(word):
                self._marks.append((self._fed, word))
            case Plain(text):
                for char in text:
                    self._fed += 1
                    self._blanks += char
                    if not char.isspace():
                        pieces.append(Shown(self._blanks))
                        self._blanks = ""
                    self._segments.feed(char)
                self._collect(pieces)

    def _collect(self, pieces: list[Piece]) -> None:
        for segment in self._segments.take():
            cut = self._make(segment)
            # Blanks wait for something visible or for the sentence they end, so that none trail a reply.
            due = len(self._blanks) - (self._fed - self._cut)
            if due > 0:
                pieces.append(Shown(self._blanks[:due]))
                self._blanks = self._blanks[due:]
            pieces.append(cut)

    def _make(self, segment: Segment, *, final: bool = False) -> Cut:
        end = self._cut + len(segment.shown.rstrip())
        self._cut += len(segment.shown)
        words: list[str] = []
        while self._marks and (final or self._marks[0][0] < end):
            words.append(self._marks.popleft()[1])
        felt = [feeling for word in words if (feeling := self._emotions[word])]
        emotion = felt[0] if felt else self._emotion
        if felt:
            self._emotion = felt[-1]
        language = ""
        if segment.spoken:
            language = self._before = guess_language(segment.spoken, self._language, self._before)
        return Cut(self._pronounce(segment.spoken), segment.shown, language, emotion, tuple(words))


def joined(pieces: Iterable[P]) -> Iterator[P | Shown | Inner]:
    """Neighbours of one kind in one piece, where a piece is display text or a thought."""
    text: list[str] = []
    kind: type[Shown] | type[Inner] = Shown
    for piece in pieces:
        words = isinstance(piece, Shown | Inner)
        if text and not (words and isinstance(piece, kind)):
            yield kind("".join(text))
            text = []
        if isinstance(piece, Shown | Inner):
            kind = type(piece)
            text.append(piece.text)
        else:
            yield piece
    if text:
        yield kind("".join(text))
