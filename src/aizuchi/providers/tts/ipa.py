"""Phonemes in IPA -> canonical visemes; what a voice needs that tells its phonemes.

`shapes` maps one phoneme, `Mouth` a timed row of them. The classes are our own grouping by what a face shows:
lips, teeth, tongue, jaw. Where a sound has no shape of its own (aspiration, tone, stress, length, a glottal
stop) the mouth stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_CLASSES: Final = {
    "PP": "p b m ɓ ʙ ʘ",
    "FF": "f v ɱ ʋ ɸ β ⱱ pf",
    "TH": "θ ð",
    "DD": "t d ʈ ɖ ɗ ᶑ ɾ ɽ ɺ ǀ ǃ",
    "kk": "k g ɡ ɠ c ɟ ʄ q ɢ ʛ x ɣ χ ʁ ħ ʕ ŋ ɴ h ɦ ɧ ɰ ʀ ǂ ǁ",
    "CH": "ʃ ʒ ɕ ʑ ʂ ʐ ç tʃ dʒ tɕ dʑ ʈʂ ɖʐ tʂ dʐ s. z. ts. ʧ ʤ ʨ ʥ",
    "SS": "s z ts dz ʦ ʣ ɬ ɮ",
    "nn": "n l ɲ ɳ ɭ ʎ ʟ ɫ ɹl",
    "RR": "r ɹ ɻ ɚ ɝ",
    "aa": "a ɑ ɐ æ ʌ ɶ ᴀ",
    "E": "e ɛ ə ɜ ɘ ɤ ᵻ",
    "ih": "i ɪ ɨ j ʝ ɯ ɿ ʅ",
    "oh": "o ɔ ɒ ø œ ɵ ɞ",
    "ou": "u ʊ w ʍ ɯᵝ y ʏ ʉ ɥ",
}
_SHAPE: Final = {sound: shape for shape, sounds in _CLASSES.items() for sound in sounds.split()}
_VOWELS: Final = frozenset(("aa", "E", "ih", "oh", "ou", "RR"))
_SOUND: Final = re.compile("|".join(sorted(map(re.escape, _SHAPE), key=len, reverse=True)))
_SILENT: Final = re.compile(r"^[_:|!\s]*$")
_SWITCH: Final = re.compile(r"^\(.*\)?$")


def shapes(phoneme: str) -> list[str]:
    """The visemes of one phoneme as espeak-ng or a dictionary writes it, in order, no two alike in a row.

    Empty or a pause mark: `["sil"]`. Without a shape of its own, or a language switch in parentheses: `[]`.
    A diphthong gives two shapes, a consonant joined to a vowel too; unknown letters give none.
    """
    if _SILENT.match(phoneme):
        return ["sil"]
    if _SWITCH.match(phoneme):
        return []
    found: list[str] = []
    for sound in _SOUND.findall(_bare(phoneme)):
        if sound == "h" and found and found[-1] not in _VOWELS:
            continue  # the breath after a stop (`th` in pinyin's sense) is not seen
        if not found or found[-1] != _SHAPE[sound]:
            found.append(_SHAPE[sound])
    return found


def _bare(phoneme: str) -> str:
    """Without diacritics, except those of letters that have an entry of their own (the c of `ich`)."""
    kept = (
        letter
        if letter in _SHAPE
        else "".join(c for c in unicodedata.normalize("NFD", letter) if c in _LETTERS)
        for letter in unicodedata.normalize("NFC", phoneme)
    )
    return "".join(kept)


_LETTERS: Final = frozenset("".join(_SHAPE))

Span = tuple[int, int, str]
"""From when, how long (ms), which viseme."""


class Mouth:
    """Starts of phonemes in, spans of visemes out, without gaps from 0 on; equal neighbours are one span."""

    def __init__(self) -> None:
        self._at = 0
        """Where the open phoneme began."""
        self._open: list[str] = ["sil"]
        self._from = 0
        """Where the open span began."""
        self._shape = "sil"

    def phoneme(self, at_ms: int, name: str) -> list[Span]:
        """A phoneme begins, and so the one before it is over. Returns the spans that are complete."""
        found = shapes(name)
        if not found:
            return []
        spans = self._close(at_ms)
        self._at, self._open = at_ms, found
        return spans

    def end(self, at_ms: int) -> list[Span]:
        """The sound is over: the rest, with a `sil` at last."""
        spans = self._close(at_ms)
        if self._shape != "sil":
            spans += [(self._from, at_ms - self._from, self._shape), (at_ms, 0, "sil")]
        else:
            spans.append((self._from, at_ms - self._from, "sil"))
        return spans

    def _close(self, until: int) -> list[Span]:
        """Lay the open phoneme's shapes over its time; the first of two gets a little more of it."""
        length = until - self._at
        if length <= 0:
            return []
        found = self._open[:length]  # no shape shorter than a millisecond
        spans: list[Span] = []
        for index, shape in enumerate(found):
            if shape == self._shape:
                continue
            begin = self._at + (int(length * (index + 0.1) / len(found)) if index else 0)
            if begin > self._from:
                spans.append((self._from, begin - self._from, self._shape))
            self._from, self._shape = begin, shape
        return spans
