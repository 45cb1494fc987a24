"""Sans-I/O: what a scanner tells of a bilingual reply -> its sentences, each as early as it can be had.

An object is a group of up to three columns: what is spoken, the subtitles, the feelings. One sentence an
object has columns of one item; parallel lists have more; a text where a list is due is a list of one. An
object's sentence is given out when both texts and the feeling are known, at the latest where the object ends.
Of lists a sentence is given out when its spoken text is whole: what is written of it later comes as `Late`.
A side that is missing in the end is taken from the other one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aizuchi.engine.bilingual.roles import role_of
from aizuchi.engine.scripts import guess_language, width
from aizuchi.engine.sentences import Cut, Inner, Shown
from aizuchi.engine.sentences.speakable import speakable
from aizuchi.ports import Part

_NOTHING: Final = ("null", "None", "true", "false", "True", "False")
_NUMBER: Final = re.compile(r"[-+.\d]+")


@dataclass(frozen=True, slots=True)
class Late:
    """Something more of a sentence that was given out as `partial`."""

    cut: int
    """Which of this reply's `Cut`s, from 0."""
    subtitles: dict[str, str] = field(default_factory=dict[str, str])
    emotion: str = ""
    done: bool = False


Piece = Shown | Inner | Cut | Late


@dataclass(slots=True)
class _Text:
    text: str = ""
    whole: bool = False
    shown: str = ""
    """What of it was given out as display text, with the blank before it."""
    blank: bool = False
    """A blank waits for something visible."""
    marks: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Group:
    columns: dict[Part, list[_Text]] = field(default_factory=dict[Part, list[_Text]])
    listed: bool = False
    over: set[Part] = field(default_factory=set[Part])
    """Columns whose list has ended."""
    given: int = 0
    waits: dict[int, tuple[int, set[Part]]] = field(default_factory=dict[int, tuple[int, set[Part]]])
    """Sentence -> which cut it is, and what of it is still to come."""
    other: str = ""
    """A text under a key that means nothing to us."""

    def item(self, role: Part, index: int) -> _Text | None:
        column = self.columns.get(role, ())
        return column[index] if index < len(column) else None


@dataclass(slots=True)
class _Frame:
    kind: str
    group: _Group
    role: Part | None
    """Of the newest key; of a list, what its items are."""


class Units:
    """A scanner's sink. `take` gives the pieces that are due."""

    def __init__(
        self,
        spoken: str,
        subtitles: str,
        emotions: Mapping[str, str],
        pronounce: Callable[[str], str],
    ) -> None:
        """`emotions`: tag word in lower case -> canonical emotion; the languages are ISO 639-1."""
        self._spoken = spoken
        self._subtitles = subtitles
        self._emotions = emotions
        self._pronounce = pronounce
        self._pieces: list[Piece] = []
        self._frames: list[_Frame] = []
        self._text: _Text | None = None
        self._place: tuple[_Group, Part | None, int] | None = None
        """Of the text that is being written."""
        self.last = ""
        """The last character of the display text so far; empty: none yet."""
        self.cuts = 0
        """Sentences so far, others' included."""
        self.voiced = False
        """Something was given to the voice."""
        self.cut_off = False
        """The JSON has not come to its end, and will not."""

    def take(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    @property
    def speaking(self) -> str:
        """Of the sentence to be given out next, what is written so far of its spoken text."""
        if self._text is None or self._place is None or self._place[1] != "speak":
            return ""
        group, _, index = self._place
        return self._text.text if index == group.given else ""

    def knows(self, key: str) -> bool:
        """It means something to us."""
        return role_of(key, self._spoken, self._subtitles) is not None

    def mark(self, word: str) -> None:
        """An emotion tag stands in the text."""
        if self._text is not None:
            self._text.marks.append(word)

    # -- the sink

    def opened(self, kind: str) -> None:
        above = self._frames[-1] if self._frames else None
        if kind == "{":
            for frame in self._frames:
                self._advance(frame.group, over=True)  # the inner ones' text is not to overtake theirs
            self._frames.append(_Frame(kind, _Group(), None))
        elif above is None:
            self._frames.append(_Frame(kind, _Group(listed=True), "speak"))
        else:
            above.group.listed = above.group.listed or above.role is not None
            self._frames.append(_Frame(kind, above.group, above.role))

    def closed(self) -> None:
        frame = self._frames.pop()
        root = not self._frames
        if frame.kind == "{" or root:
            self._close(frame.group)
        elif frame.role is not None and self._frames[-1].kind == "{":
            frame.group.over.add(frame.role)
            self._advance(frame.group)

    def key(self, name: str) -> None:
        self._frames[-1].role = role_of(name, self._spoken, self._subtitles)

    def begun(self) -> None:
        frame = self._frames[-1]
        text = _Text()
        if frame.role is None:
            self._text, self._place = text, (frame.group, None, 0)
            return
        column = frame.group.columns.setdefault(frame.role, [])
        column.append(text)
        self._text, self._place = text, (frame.group, frame.role, len(column) - 1)

    def text(self, char: str) -> None:
        text, place = self._text, self._place
        if text is None or place is None:
            return
        text.text += char
        if place[1] == "subtitle" and place[2] >= place[0].given:
            self._show(text, char)

    def ended(self) -> None:
        text, place = self._text, self._place
        self._text = self._place = None
        if text is None or place is None:
            return
        text.text, text.whole = " ".join(text.text.split()), True
        group, role, index = place
        if role is None:
            group.other = group.other or text.text
        elif role == "speak" and group.listed and text.text.lower() in (*self._emotions, "auto"):
            group.columns[role].pop()  # labels, under a key that was misspelt
        elif index in group.waits:
            self._late(group, role, index)
        else:
            self._advance(group)

    def bare(self, word: str) -> None:
        frame = self._frames[-1]
        if frame.role is None:
            return
        self.begun()
        if word not in _NOTHING and not _NUMBER.fullmatch(word):
            for char in word:
                self.text(char)
        self.ended()

    # -- display text

    def _show(self, text: _Text, char: str) -> None:
        if char.isspace() or (not char.isprintable() and unicodedata.category(char) in ("Cc", "Cs")):
            text.blank = bool(text.shown)
            return
        lead = " " if text.blank or (not text.shown and self.last and _apart(self.last, char)) else ""
        text.blank = False
        text.shown += lead + char
        self.last = char
        self._pieces.append(Shown(lead + char))

    # -- sentences

    def _advance(self, group: _Group, *, over: bool = False) -> None:
        """Give out what is ready, in order; `over`: nothing more is waited for."""
        while True:
            index = group.given
            speech, subtitle = group.item("speak", index), group.item("subtitle", index)
            if speech is None and subtitle is None:
                return
            if not over and not _ready(group, speech, subtitle, index):
                return
            group.given += 1
            self._give(group, index, speech or _Text(), subtitle or _Text(), over=over)

    def _give(self, group: _Group, index: int, speech: _Text, subtitle: _Text, *, over: bool) -> None:
        said, read = " ".join(speech.text.split()), " ".join(subtitle.text.split())
        if not said and not read:
            return
        language = self._spoken
        aloud = said
        if not said:
            language = guess_language(read, self._subtitles)
            # What was cut off before it could be spoken is read in silence, unless it is all there is.
            aloud = "" if self.cut_off and self.voiced else read
        if not subtitle.shown:
            for char in read or said:
                self._show(subtitle, char)
        emotion = self._feeling(group, index, speech, subtitle)
        missing: set[Part] = set()
        if not over:
            missing |= {"subtitle"} if not read and "subtitle" not in group.over else set[Part]()
            labels = group.item("emotion", index)
            missing |= {"emotion"} if labels is None and "emotion" not in group.over else set[Part]()
        subtitles = {self._spoken: said} if said else {}
        if read:
            subtitles[self._subtitles] = read
        spoken = self._pronounce(speakable(aloud))
        tags = (*speech.marks, *subtitle.marks)
        cut = Cut(spoken, subtitle.shown, language, emotion, tags, subtitles, bool(missing))
        if missing:
            group.waits[index] = self.cuts, missing
        self.cuts += 1
        self.voiced = self.voiced or bool(spoken)
        self._pieces.append(cut)

    def _feeling(self, group: _Group, index: int, speech: _Text, subtitle: _Text) -> str:
        label = group.item("emotion", index)
        named = self._emotions.get(label.text.strip().lower(), "") if label is not None else ""
        marks = (*speech.marks, *subtitle.marks)
        return named or next((self._emotions.get(word.lower(), "") for word in marks), "")

    def _late(self, group: _Group, role: Part, index: int) -> None:
        cut, missing = group.waits[index]
        item = group.item(role, index)
        if role not in missing or item is None:
            return
        missing.discard(role)
        if not missing:
            del group.waits[index]
        read = {self._subtitles: item.text} if role == "subtitle" and item.text else {}
        emotion = self._emotions.get(item.text.strip().lower(), "") if role == "emotion" else ""
        self._pieces.append(Late(cut, read, emotion, not missing))

    def _close(self, group: _Group) -> None:
        self._advance(group, over=True)
        if not group.given and group.other and not self.voiced and not group.columns:
            group.columns["speak"] = [_Text(group.other, whole=True)]
            self._advance(group, over=True)
        for cut, _ in group.waits.values():
            self._pieces.append(Late(cut, done=True))
        group.waits.clear()


def _ready(group: _Group, speech: _Text | None, subtitle: _Text | None, index: int) -> bool:
    if speech is None or not speech.whole:
        return False
    if group.listed:
        return subtitle is None or subtitle.whole
    return subtitle is not None and subtitle.whole and group.item("emotion", index) is not None


def _apart(before: str, char: str) -> bool:
    """Whether a blank stands between two sentences that end and begin so."""
    return not before.isspace() and width(before) == width(char) == 1
