"""One turn as it goes out: which sentences have been begun, and what ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from aizuchi.events import Annotated, Sentence
from aizuchi.wire.chatanon.manners import Tongue
from aizuchi.wire.chatanon.words import FORMAT, emotion, frame


@dataclass(slots=True)
class Reply:
    """A turn that the client sees."""

    turn: int
    at: float
    """When it began, on the session's clock."""
    waiting: list[Sentence] = field(default_factory=list[Sentence])
    """Their sound has not come yet."""
    begun: list[Sentence] = field(default_factory=list[Sentence])
    owed: int | None = None
    """A sentence that sounds while its second text is still being written: its `response` waits for that."""
    written: bool = False
    """`llm_end` was sent."""
    spoken: bool = False
    """`tts_start` was sent at least once."""
    sounded: int | None = None
    """The sentence of the newest sound."""
    ended: bool = False
    """`audio_end` was sent."""

    def begin(self, upto: int | None, at: float, tongue: Tongue) -> Iterator[str]:
        """Sentences whose sound begins, or will never come; up to an index, or all."""
        if self.waiting and not self.written:
            yield from self.end_of_writing(at, tongue)
        while self.waiting and (upto is None or self.waiting[0].index <= upto):
            yield from self._settle()
            sentence = self.waiting.pop(0)
            self.begun.append(sentence)
            if tongue == "seed":
                continue
            if sentence.spoken and (tongue == "head" or not self.spoken):
                self.spoken = True
                yield frame("tts_start", text=_short(sentence.spoken), emotion=emotion(sentence.emotion))
            if tongue == "head" and sentence.shown.strip():
                self.owed = sentence.index
                if not sentence.partial:
                    yield from self._settle()

    def annotate(self, more: Annotated, tongue: Tongue) -> Iterator[str]:
        """More was written of a sentence that was given out before."""
        for sentences in (self.waiting, self.begun):
            for at, each in enumerate(sentences):
                if each.index == more.sentence:
                    sentences[at] = replace(
                        each,
                        subtitles=each.subtitles | more.subtitles,
                        emotion=each.emotion or more.emotion,
                        partial=not more.done,
                    )
        if more.done and self.owed == more.sentence:
            yield from self._settle()

    def _settle(self) -> Iterator[str]:
        """The `response` that is owed, with what there is of it."""
        owed, self.owed = self.owed, None
        for each in self.begun:
            if each.index == owed:
                yield response([each])

    def end_of_writing(self, at: float, tongue: Tongue) -> Iterator[str]:
        """The original waits for its model's last word here; ours goes on with the first sentence."""
        self.written = True
        if tongue != "seed":
            yield frame("llm_end", elapsed_time=round(max(0.0, at - self.at), 3))

    def end_of_sound(self, tongue: Tongue) -> Iterator[str]:
        yield from self._settle()
        if not self.ended and (tongue != "seed" or self.sounded is not None):
            yield frame("audio_end")
        self.ended = True

    def end(self, at: float, tongue: Tongue, *, cut: bool) -> Iterator[str]:
        """All that closes a turn. Of one that was `cut` only what was begun is told."""
        if cut:
            self.waiting.clear()
        yield from self.begin(None, at, tongue)
        if not self.written:
            yield from self.end_of_writing(at, tongue)
        yield from self.end_of_sound(tongue)
        if tongue != "head":
            yield response(self.begun)
        if tongue != "seed":
            yield frame("turn_end")


def response(sentences: Iterable[Sentence]) -> str:
    """The text of one sentence, or of all of a turn."""
    said = list(sentences)
    fields: dict[str, Any] = {
        "content_cn": _joined(each.subtitles.get("zh") or each.shown for each in said),
        "content_jp": _joined(each.subtitles.get("ja") or _aloud(each) for each in said),
        "emotion": next((word for each in said if (word := emotion(each.emotion)) != "auto"), "auto"),
    }
    return frame("response", **fields, **FORMAT)


def _aloud(sentence: Sentence) -> str:
    """What is spoken, as it is written."""
    return sentence.subtitles.get(sentence.language) or (
        sentence.spoken if sentence.subtitles else sentence.shown
    )


def _joined(texts: Iterable[str]) -> str:
    """Sentences as one text; between Latin ones stands a blank."""
    whole = ""
    for text in texts:
        apart = (
            whole[-1:].isascii()
            and text[:1].isascii()
            and whole
            and not (whole[-1].isspace() or text[:1].isspace())
        )
        whole += f" {text}" if apart else text
    return whole.strip()


def _short(text: str) -> str:
    return text if len(text) <= 50 else text[:50] + "..."
