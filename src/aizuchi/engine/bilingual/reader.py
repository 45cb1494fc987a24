"""Sans-I/O: a bilingual model's text -> display text, thoughts, and sentences with both languages.

Like `Sentences`, for a model that was asked for JSON: one object a sentence, or parallel lists. Where it
writes plain text instead, that is read as `Sentences` reads it. Words of up to `BESIDE` columns before or
after JSON are talk about the reply and are passed over; what is longer is the reply. No JSON is ever spoken
or shown, whatever it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aizuchi.engine.bilingual.scanner import Scanner
from aizuchi.engine.bilingual.units import Late, Piece, Units
from aizuchi.engine.scripts import width
from aizuchi.engine.sentences import Cut, Inner, Sentences, Shown, joined
from aizuchi.engine.sentences.segments import certain_words
from aizuchi.engine.sentences.speakable import Pronunciation
from aizuchi.engine.sentences.tags import Inside, Mark, Plain, Tags

BESIDE: Final = 80
"""Columns, a wide character having two."""
_QUOTE: Final = r"[\"'“”＂]"
_JSON: Final = re.compile(
    rf"\{{\s*(?:{_QUOTE}|\}}|(?P<key>[^\W\d]\w{{0,39}})\s*{_QUOTE}?\s*[:：])|\[\s*(?:[\{{\]]|{_QUOTE})"
)
"""A bracket and what tells it from a text's own; a key without quotes must be one that we know."""
_PERHAPS: Final = re.compile(r"\{\s*(?:[^\W\d]\w{0,39}\s*[\"'“”＂]?\s*)?|\[\s*")
_KEYED: Final = re.compile(rf"{_QUOTE}(?P<key>\w{{1,40}}){_QUOTE}\s*[:：]")
"""A key where a reply begins: its object lacks the bracket."""
_PERHAPS_KEYED: Final = re.compile(rf"{_QUOTE}(?:\w{{0,40}}|\w{{1,40}}{_QUOTE}\s*)")
_FENCE: Final = re.compile(r"`{1,2}|`{3,}[ \t]*\w{0,16}\s*")
_FENCED: Final = re.compile(r"`{3,}[ \t]*\w{0,16}\s*(?=[{\[])")
_BETWEEN: Final = frozenset(",，]}`;")
"""What may stand between two objects, or after the last."""


class Bilingual:
    """One reply's text; the same calls as `Sentences`, whose pieces it gives, and `Late` besides.

    `spoken` and `subtitles` are ISO 639-1. `emotion_tags` maps words in lower case to canonical emotions;
    it is what labels are read with, and a label outside it is none. `replacements` maps written to spoken
    forms, for the voice alone.
    """

    def __init__(
        self,
        *,
        spoken: str,
        subtitles: str,
        emotion_tags: Mapping[str, str],
        replacements: Mapping[str, str] | None = None,
        first_clause_chars: int = 24,
    ) -> None:
        self._emotions = {word.lower(): emotion for word, emotion in emotion_tags.items()}
        self._spoken = spoken
        self._replacements = replacements or {}
        self._first_clause = first_clause_chars
        self._pronounce = Pronunciation(self._replacements)
        self._tags = Tags(self._emotions)
        self._units = Units(spoken, subtitles, self._emotions, self._pronounce)
        self._scanner: Scanner | None = None
        self._plain: Sentences | None = None
        self._first_of_plain = [False, False]
        """The next display text, and the next sentence, are the first ones of plain text."""
        self._held = ""
        """Words of which is not known yet whether they are the reply."""
        self._maybe = ""
        """May turn out to be the beginning of JSON."""
        self._before = ""
        """Words that stood before JSON."""
        self._scanned = False
        self._over = False

    def feed(self, delta: str) -> list[Piece]:
        """The next piece of the model's text. Raises RuntimeError after `finish`."""
        if self._over:
            raise RuntimeError("feed() was called after finish()")
        pieces: list[Piece] = []
        for char in delta:
            for token in self._tags.step("\ufffd" if "\ud800" <= char <= "\udfff" else char):
                self._take(token, pieces)
        pieces += self._units.take()
        return list(joined(pieces))

    @property
    def ahead(self) -> str:
        """What is certain already of the sentence to be spoken next; see `Sentences.ahead`."""
        if self._scanner is not None:
            return self._pronounce.certain(certain_words(self._units.speaking))
        return self._plain.ahead if self._plain is not None else ""

    def finish(self) -> list[Piece]:
        """The reply has ended; a second call gives nothing."""
        if self._over:
            return []
        self._over = True
        pieces: list[Piece] = []
        for token in self._tags.finish():
            self._take(token, pieces)
        if self._scanner is not None:
            self._units.cut_off = True
            self._scanner.finish()
            self._scanner = None
        pieces += self._units.take()
        rest = self._held + (self._maybe if self._held or self._plain is not None else "")
        if not self._units.cuts:
            rest = self._before or rest
        elif self._scanned and self._plain is None:
            rest = ""
        self._write(rest, pieces)
        self._settle(pieces)
        return list(joined(pieces))

    # -- one token after the other

    def _take(self, token: Plain | Inside | Mark, pieces: list[Piece]) -> None:
        match token:
            case Inside(text):
                pieces += self._units.take()
                pieces.append(Inner(text))
            case Mark(word):
                if self._scanner is None:
                    self._outside(f"[{word}]", pieces)
                elif self._scanner.within:
                    self._units.mark(word)
                else:
                    self._json(word)
            case Plain(text):
                for char in text:
                    if self._scanner is not None:
                        self._json(char)
                    else:
                        self._outside(char, pieces)

    def _json(self, text: str) -> None:
        """As far as the JSON goes; what would follow within `text` is none of it."""
        for char in text:
            if self._scanner is None:
                return
            self._scanner.feed(char)
            if self._scanner.over:
                self._scanner = None

    def _outside(self, text: str, pieces: list[Piece]) -> None:
        """Something that stands in no JSON, as far as is known."""
        if self._maybe:
            self._undecided(text, pieces)
        elif text in "{[`" or (text in '"“' and self._plain is None and not self._held):
            self._maybe = text
        elif (
            self._scanned and self._plain is None and not self._held and (text.isspace() or text in _BETWEEN)
        ):
            pass
        else:
            self._words(text, pieces)

    def _undecided(self, text: str, pieces: list[Piece]) -> None:
        maybe = self._maybe + text
        bare = _FENCED.sub("", maybe, count=1)
        json, keyed = _JSON.fullmatch(bare), _KEYED.fullmatch(bare)
        if json is not None and (not json["key"] or self._units.knows(json["key"])):
            self._maybe = ""
            self._begin(bare, pieces)
        elif keyed is not None and self._units.knows(keyed["key"]):
            self._maybe = ""
            self._begin(f"{{{bare}", pieces)
        elif any(each.fullmatch(bare) for each in (_PERHAPS, _PERHAPS_KEYED)) or _FENCE.fullmatch(maybe):
            self._maybe = maybe
        else:
            # It was a bracket, or code, of the text's own.
            self._maybe = ""
            if self._scanned and self._plain is None and not self._held:
                maybe = maybe.lstrip("`,， \n]}")
            for char in maybe[:-1] if text[:1] in "{[`" else maybe:
                self._words(char, pieces)
            if text[:1] in "{[`":
                self._outside(text, pieces)

    def _begin(self, json: str, pieces: list[Piece]) -> None:
        """What was said before it was about the reply, or was the reply."""
        self._settle(pieces)
        self._before = self._before or self._held
        self._held = ""
        self._scanned = True
        pieces += self._units.take()
        self._scanner = Scanner(self._units)
        self._json(json)

    def _words(self, text: str, pieces: list[Piece]) -> None:
        if self._plain is not None:
            self._write(text, pieces)
            return
        line, _, begun = self._held.rpartition("\n")
        self._held += text
        # Before JSON a line of words may stand; a second one, or a long one, is the reply itself.
        second = not self._scanned and bool(line.strip()) and not begun.strip() and not text.isspace()
        if second or (width(text) and width(self._held.strip()) > BESIDE):
            held, self._held = self._held, ""
            self._write(held, pieces)

    # -- plain text

    def _write(self, text: str, pieces: list[Piece]) -> None:
        if not text:
            return
        if self._plain is None:
            pieces += self._units.take()
            self._plain = Sentences(
                language=self._spoken,
                emotion_tags=self._emotions,
                replacements=self._replacements,
                first_clause_chars=self._first_clause,
            )
            self._first_of_plain = [bool(self._units.last), bool(self._units.last)]
        self._pass_on(self._plain.feed(text), pieces)

    def _settle(self, pieces: list[Piece]) -> None:
        """Plain text ends here."""
        if self._plain is not None:
            plain, self._plain = self._plain, None
            self._pass_on(plain.finish(), pieces)

    def _pass_on(self, plain: list[Shown | Inner | Cut], pieces: list[Piece]) -> None:
        units = self._units
        for piece in plain:
            match piece:
                case Shown(text):
                    lead = self._lead(0, text)
                    units.last = text[-1]
                    pieces.append(Shown(lead + text))
                case Cut():
                    lead = self._lead(1, piece.shown) if piece.shown else ""
                    units.cuts += 1
                    units.voiced = units.voiced or bool(piece.spoken)
                    subtitles = piece.subtitles
                    pieces.append(
                        Cut(
                            piece.spoken,
                            lead + piece.shown,
                            piece.language,
                            piece.emotion,
                            piece.tags,
                            subtitles,
                        )
                    )
                case _:
                    pieces.append(piece)

    def _lead(self, slot: int, text: str) -> str:
        """The blank between what was shown of JSON and plain text after it."""
        first, self._first_of_plain[slot] = self._first_of_plain[slot], False
        return " " if first and width(text[0]) == 1 and not text[0].isspace() else ""


__all__ = ["Bilingual", "Late", "Piece"]
