"""A provider tried by itself: a sentence is spoken, a word heard, a question answered, a pause judged.

`aizuchi check` and the console do the same with it. Nothing here builds or enters a provider,
and nothing keeps the time: whoever calls sets the limit.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from aizuchi.ports import LanguageModel, Recognizer, Style, TurnModel, Vad, Voice

TRY: Final = 30.0
"""Seconds for one trial."""
SAID: Final = {
    "en": "Hello, can you hear me?",
    "zh": "你好，你听得见吗？",
    "ja": "こんにちは、聞こえますか。",
}
QUESTION: Final = {
    "en": "Hello! How are you?",
    "zh": "你好，最近怎么样？",
    "ja": "こんにちは、元気ですか。",
}
QUIET: Final = bytes(32_000)
"""A second of silence before the speech that a detector gets."""
PAUSE: Final = bytes(6_400)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial. `first_ms` and `total_ms` count from the request."""

    first_ms: int
    total_ms: int
    text: str = ""
    pcm: bytes = b""
    rate: int = 0
    silent: float = 0.0
    """Of a detector, the highest score in silence; of a turn-end model, what it says of half the speech."""
    loud: float = 0.0
    """The same of speech, and of the whole of it."""


class Clock:
    """Notes when the first piece came."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first: float | None = None

    def piece(self) -> None:
        if self._first is None:
            self._first = time.perf_counter()

    def outcome(self, **more: Any) -> Outcome:
        now = time.perf_counter()
        first = round(((self._first or now) - self._began) * 1000)
        return Outcome(first, round((now - self._began) * 1000), **more)


async def speak(voice: Voice, text: str, language: str, style: Style) -> Outcome:
    """One sentence as sound at the voice's rate; `pcm` is empty where it gave none."""
    from aizuchi.events import Sentence
    from aizuchi.ports import Audio

    sentence = Sentence(turn=0, index=0, spoken=text, shown=text, language=language)
    clock, pieces, rate = Clock(), list[bytes](), 0
    async with aclosing(cast("Any", voice.say(sentence, style))) as slices:
        async for piece in slices:
            if isinstance(piece, Audio) and piece.pcm:
                clock.piece()
                pieces.append(piece.pcm)
                rate = piece.rate
    return clock.outcome(pcm=b"".join(pieces), rate=rate)


async def hear(recognizer: Recognizer, pcm: bytes, language: str = "") -> Outcome:
    """What a recogniser makes of 16 kHz mono sound."""
    from aizuchi.ports import Final as FinalText
    from aizuchi.ports import Hints

    clock, heard = Clock(), ""
    audio = _sliced(pcm + bytes(9_600), 6_400)
    async with aclosing(cast("Any", recognizer.transcribe(audio, Hints(language=language)))) as results:
        async for result in results:
            clock.piece()
            if isinstance(result, FinalText):
                heard = result.text
    return clock.outcome(text=heard)


async def think(model: LanguageModel, question: str, *, max_tokens: int = 60) -> Outcome:
    """A short answer, without the feelings that characters write like [happy]."""
    from aizuchi.ports import Message, Prompt, Token

    messages = (Message("system", "Answer in one short sentence."), Message("user", question))
    clock, said = Clock(), ""
    async with aclosing(cast("Any", model.think(Prompt(messages, max_tokens=max_tokens)))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Token):
                clock.piece()
                said += piece.text
    return clock.outcome(text=" ".join(re.sub(r"\[\w+\]", "", said).split()))


async def detect(vad: Vad, speech: bytes) -> Outcome:
    """A detector's highest scores in a second of silence and in the 16 kHz speech that follows it."""
    clock, silent, loud, passed = Clock(), 0.0, 0.0, 0
    async with aclosing(cast("Any", vad.scores(_sliced(QUIET + speech, 640)))) as scores:
        async for score in scores:
            clock.piece()
            # What straddles the border counts for neither side.
            if passed + len(score.pcm) <= len(QUIET):
                silent = max(silent, score.probability)
            elif passed >= len(QUIET):
                loud = max(loud, score.probability)
            passed += len(score.pcm)
    return clock.outcome(silent=silent, loud=loud)


async def judge(model: TurnModel, speech: bytes) -> Outcome:
    """How finished the whole of some 16 kHz speech sounds, and half of it."""
    clock = Clock()
    whole = await model.finished(speech[: len(speech) - len(speech) % 2] + PAUSE)
    clock.piece()
    half = await model.finished(speech[: len(speech) // 4 * 2] + PAUSE) if speech else 0.0
    return clock.outcome(loud=whole, silent=half)


def language_for(wanted: str, known: frozenset[str] | None) -> str:
    """The wanted language if a provider knows it and we have a sentence, else one it knows."""
    if wanted in SAID and (known is None or wanted in known):
        return wanted
    return next((each for each in SAID if known is None or each in known), "en")


async def _sliced(pcm: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]
