"""What a character says in the same words again and again is synthesised once: greetings, apologies, fillers.

Remembered at first use, or before it (`rehearsal`), for each voice and way of speaking, within so many
bytes; what was not used for longest goes first. A remembered phrase is played from the very same slices, and
it can be said when its voice no longer answers or has reached its cap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

from aizuchi.events import Sentence
from aizuchi.ports import Audio, Phoneme, Style, Voice, Word

MOST_BYTES = 16 << 20
"""Of all phrases together: some six minutes of sound."""
MOST_CHARS = 300
"""A longer text is no phrase."""

Item = Audio | Word | Phoneme
Key = tuple[str, str, str, str, str, str, float, float]


class Phrases:
    """One memory for all sessions. `announce` is told of a phrase's first slice before it is said."""

    def __init__(
        self, most_bytes: int = MOST_BYTES, *, announce: Callable[[bytes], None] = lambda _pcm: None
    ) -> None:
        self.announce = announce
        self._most = most_bytes
        self._kept: OrderedDict[Key, tuple[Item, ...]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(
        self, voices: Iterable[Voice], sentence: Sentence, style: Style, *, usable: Collection[Voice] = ()
    ) -> tuple[Voice, Sequence[Item]] | None:
        """The first of `voices` that has said it before, and what it gave then.

        None if one of the `usable` comes before it: that one is to say it itself.
        """
        for voice in voices:
            key = _key(voice, sentence, style)
            if (items := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return voice, items
            if voice in usable:
                return None
        return None

    def lacks(self, voice: Voice, sentence: Sentence, style: Style) -> bool:
        return _key(voice, sentence, style) not in self._kept

    def keep(self, voice: Voice, sentence: Sentence, style: Style, items: Sequence[Item]) -> None:
        """Remember what a voice gave for a whole sentence."""
        key, size = _key(voice, sentence, style), _size(items)
        if not size or size > self._most or len(sentence.spoken) > MOST_CHARS or key in self._kept:
            return
        self._kept[key] = tuple(items)
        self._bytes += size
        while self._bytes > self._most:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= _size(gone)


def _key(voice: Voice, sentence: Sentence, style: Style) -> Key:
    named = style.voices.get(voice.name, "")
    return (
        voice.name,
        named,
        sentence.spoken,
        sentence.language,
        sentence.emotion,
        style.emotion(voice.name, sentence.emotion, {}),
        style.speed,
        style.pitch,
    )


def _size(items: Sequence[Item]) -> int:
    return sum(len(item.pcm) for item in items if isinstance(item, Audio))
