"""Sans-I/O: which sentence the sound of a stream of text belongs to.

A voice that takes text while it is written knows no sentences of ours. `Script` writes the text it is given
and remembers where each sentence stands in it; `Shares` tells from what the voice says of its progress, or
else from the usual pace of speech, how far into that text a moment of the sound is.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from aizuchi.engine.scripts import width
from aizuchi.events import Sentence

PACE_MS = 80.0
"""Of a column of text (a wide character has two), until the voice has told its own."""
_ENOUGH = 16
"""Columns from which on the voice's own pace is believed."""


@dataclass(slots=True)
class Span:
    """A sentence and its place in the stream's text; `begun_ms` is where its sound begins in the stream's."""

    sentence: Sentence
    start: int
    end: int
    begun_ms: float | None = None


class Script:
    """The text of one stream. Pieces that it returns are to be given to the voice, in order."""

    def __init__(self) -> None:
        self.text = ""
        self.spans: list[Span] = []
        """All sentences of the stream whose entries are out, also those with nothing to speak."""
        self.whole = 0
        """Where the last whole sentence ends."""

    def ahead(self, spoken: str) -> str:
        """The beginning of the sentence that is being written, as far as it is certain."""
        given = self._given
        if len(spoken) <= len(given) or not spoken.startswith(given):
            return ""
        return self._give(spoken, given)

    def sentence(self, sentence: Sentence) -> str:
        """A whole sentence; what of it was given ahead is not given again."""
        spoken, given, piece = sentence.spoken, self._given, ""
        start = len(self.text) - len(given)
        if not spoken.strip() or (given and "aside" in sentence.tags):
            # Also what is said beside the text, once the sentence it would cut in two has been begun.
            start = end = self.whole
        elif given.startswith(spoken):
            # It was cut at an earlier word than was certain; the rest belongs to the next one.
            end = start + len(spoken)
        else:
            piece = self._give(spoken, given)
            start += len(piece) - len(piece.lstrip()) if not given else 0
            end = len(self.text)
        self.spans.append(Span(sentence, start, end))
        self.whole = end
        return piece

    @property
    def within(self) -> bool:
        """The beginning of a sentence has been given, and not yet the sentence."""
        return bool(self._given)

    @property
    def _given(self) -> str:
        return self.text[self.whole :].lstrip()

    def _give(self, spoken: str, given: str) -> str:
        # Where the sentence turned out otherwise than was certain, what was given can't be taken back.
        alike = (at for at in range(len(given), 0, -1) if spoken.startswith(given[:at]))
        piece = spoken[next(alike, 0) :]
        if not given and self.text and width(self.text[-1]) == width(piece[:1] or " ") == 1:
            piece = f" {piece}"
        self.text += piece
        return piece


class Shares:
    """How far into the text of a `Script` its sound is."""

    def __init__(self, script: Script) -> None:
        self.told = 0
        """The farthest character that the voice has said to have spoken."""
        self._script = script
        self._columns = [0]
        """Columns of text before each character, as far as was asked for."""
        self._knots = [(0.0, 0)]
        """Moments of the sound (ms) and the characters spoken by then, as the voice told, both rising."""

    def tell(self, ms: float, upto: int) -> None:
        """The voice says that at `ms` the first `upto` characters are spoken; what contradicts is ignored."""
        upto = min(upto, len(self._script.text))
        at, before = self._knots[-1]
        if upto > before and ms > at:
            self._knots.append((ms, upto))
        elif upto > before:
            self._knots[-1] = (at, upto)
        self.told = max(self.told, upto)

    def reached(self, ms: float) -> int:
        """Characters of the text that the sound has spoken by `ms`; an estimate between what was told."""
        at = bisect_right(self._knots, ms, key=lambda knot: knot[0]) - 1
        since, chars = self._knots[at]
        if at + 1 < len(self._knots):
            until, most = self._knots[at + 1]
            return chars + int((most - chars) * (ms - since) / (until - since))
        columns = self._column(chars) + (ms - since) / self._pace()
        self._column(len(self._script.text))
        return min(bisect_right(self._columns, columns) - 1, max(0, len(self._script.text) - 1))

    def span(self, ms: float) -> int | None:
        """Index of the span that sounds at `ms`; None when its sentence is not out yet."""
        char = self.reached(ms)
        spans = self._script.spans
        return next((at for at, span in enumerate(spans) if char < span.end), None)

    def _pace(self) -> float:
        ms, chars = self._knots[-1]
        columns = self._column(chars)
        return max(ms / columns, 1.0) if columns >= _ENOUGH else PACE_MS

    def _column(self, chars: int) -> int:
        text = self._script.text
        while len(self._columns) <= chars:
            self._columns.append(self._columns[-1] + width(text[len(self._columns) - 1]))
        return self._columns[chars]
