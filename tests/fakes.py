"""Providers for tests: their answers, latencies and faults are given, what is open is counted."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aizuchi.character import Character
from aizuchi.engine.chain import Chain
from aizuchi.engine.repertoire import Parts
from aizuchi.errors import ProviderError
from aizuchi.events import Sentence, ToolCall
from aizuchi.ports import (
    Audio,
    Final,
    Hints,
    LanguageModel,
    Partial,
    Phoneme,
    Prompt,
    Reasoning,
    Recognizer,
    Score,
    Spoken,
    Style,
    Token,
    TurnModel,
    Usage,
    Vad,
    Voice,
    Word,
)

RATE = 16_000
HERO = Character("hero", "Hero", "You are a hero in a test.")


def speech(ms: int) -> bytes:
    """Sound that `FakeVad` takes for speech."""
    return struct.pack("<h", 8000) * (ms * 16)


def silence(ms: int) -> bytes:
    return bytes(ms * 32)


ENDS = (".", "!", "?", "。", "！", "？")
HANG = object()
"""As a fault: nothing more ever comes."""
END = object()
"""As a step: the stream ends here."""


@dataclass
class Script:
    """One answer of a fake: steps of (wait in seconds, what to yield or to raise)."""

    steps: list[tuple[float, Any]] = field(default_factory=list)
    hang: bool = False
    """Never ends after its steps."""


class Fake:
    """Counts what is open and lets every request ask for its script."""

    def __init__(self, name: str = "fake") -> None:
        self.open = 0
        self.open_for: Counter[int] = Counter()
        """Open requests of a voice, by turn."""
        self.closing = 0.0
        """Seconds that a request takes to close."""
        self.requests = 0
        self.closed_early = 0

    @asynccontextmanager
    async def opened(self, turn: int = 0):
        self.open += 1
        self.open_for[turn] += 1
        self.requests += 1
        done = False
        try:
            yield
            done = True
        finally:
            try:
                if self.closing:
                    await asyncio.sleep(self.closing)
            finally:
                self.open -= 1
                self.open_for[turn] -= 1
                self.closed_early += not done


async def play(script: Script) -> AsyncIterator[Any]:
    for wait, what in script.steps:
        if wait:
            await asyncio.sleep(wait)
        if what is END:
            return
        if isinstance(what, BaseException):
            raise what
        yield what
    if script.hang:
        await asyncio.get_running_loop().create_future()


class FakeVad(Fake, Vad):
    """Loud is speech; pieces of 20 ms."""

    name = "fake"

    def __init__(self, fault: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._fault = fault

    async def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Score]:
        async with self.opened():
            rest = b""
            async for pcm in audio:
                rest += pcm
                while len(rest) >= 640:
                    piece, rest = rest[:640], rest[640:]
                    match self._fault():
                        case ProviderError() as error:
                            raise error
                        case fault if fault is HANG:
                            await asyncio.get_running_loop().create_future()
                        case _:
                            pass
                    loud = abs(struct.unpack_from("<h", piece)[0]) > 1000
                    yield Score(piece, 0.95 if loud else 0.02, -20.0 if loud else -100.0)
            if rest:
                yield Score(rest, 0.02, -100.0)


class FakeRecognizer(Fake, Recognizer):
    """Answers each utterance with what `answer` gives for its number of voiced milliseconds."""

    name = "fake"

    def __init__(
        self,
        answer: Callable[[int], Script] | None = None,
        name: str = "fake",
        *,
        at_pause: Callable[[int], str] | None = None,
        embedded: bool = False,
    ) -> None:
        """`at_pause` makes it one that streams, and gives the text it has when the speaker pauses; unless it
        is `embedded` it is then asked a second time for its final text."""
        super().__init__()
        self.embedded = embedded  # type: ignore[misc]
        self._at_pause = at_pause
        self._answer = answer or (lambda ms: Script([(0.05, Final("hello there"))]))
        self.heard: list[bytes] = []
        self.name = name  # type: ignore[misc]

    @property
    def streams(self) -> bool:
        return self._at_pause is not None

    async def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Partial | Final]:
        async with self.opened():
            sound = bytearray()
            number = 0
            async for pcm in audio:
                sound += pcm
                if self._at_pause is not None:
                    if not pcm:
                        yield Partial(self._at_pause(len(sound) // 32))
                    continue
                if len(sound) // 16_000 > number:
                    number = len(sound) // 16_000
                    yield Partial(" ".join(["word"] * number))
            self.heard.append(bytes(sound))
            async for item in play(self._answer(len(sound) // 32)):
                yield item


class FakeTurnModel(Fake, TurnModel):
    """Answers the nth question with what `answer(n)` gives: (seconds to wait, probability or a fault)."""

    name = "fake"

    def __init__(self, answer: Callable[[int], tuple[float, Any]] = lambda number: (0.05, 0.5)) -> None:
        super().__init__()
        self._answer = answer
        self.heard: list[bytes] = []

    async def finished(self, pcm: bytes) -> float:
        async with self.opened():
            self.heard.append(pcm)
            wait, what = self._answer(len(self.heard))
            await asyncio.sleep(wait)
            if what is HANG:
                await asyncio.get_running_loop().create_future()
            if isinstance(what, BaseException):
                raise what
            return what


class FakeModel(Fake, LanguageModel):
    """Answers each prompt with the script `answer` gives for it."""

    name = "fake"

    def __init__(self, answer: Callable[[Prompt], Script] | None = None) -> None:
        super().__init__()
        self._answer = answer or (lambda prompt: tokens("Hello there. How are you today?"))
        self.prompts: list[Prompt] = []

    @property
    def sees(self) -> bool:
        return True

    async def think(self, prompt: Prompt) -> AsyncIterator[Token | Reasoning | ToolCall | Usage]:
        async with self.opened():
            self.prompts.append(prompt)
            async for item in play(self._answer(prompt)):
                yield item


class FakeVoice(Fake, Voice):
    """Speaks every character in `ms_per_char`; each sample bears its turn's number."""

    name = "fake"

    def __init__(
        self,
        plan: Callable[[Sentence], Script | None] = lambda sentence: None,
        *,
        ms_per_char: int = 60,
        first: float = 0.05,
        words: bool = False,
    ) -> None:
        super().__init__()
        self._plan = plan
        self._ms = ms_per_char
        self._first = first
        self._words = words

    async def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Audio | Word | Phoneme]:
        async with self.opened(sentence.turn):
            script = self._plan(sentence)
            if script is not None:
                async for item in play(script):
                    yield item
                return
            await asyncio.sleep(self._first)
            if self._words:
                at = 0
                for word in sentence.spoken.split(" "):
                    yield Word(at * self._ms, len(word) * self._ms, word, at)
                    at += len(word) + 1
            left = len(sentence.spoken) * self._ms
            while left > 0:
                ms = min(left, 100)
                yield Audio(struct.pack("<h", sentence.turn) * (ms * 16), RATE)
                left -= ms
                await asyncio.sleep(0.01)


class FakeStreamingVoice(FakeVoice):
    """Also takes text while it is written; `tells` how it says where it is: not at all, or by these."""

    def __init__(
        self,
        plan: Callable[[Sentence], Script | None] = lambda sentence: None,
        *,
        stream: Callable[[], Script | None] = lambda: None,
        tells: str = "spoken",
        whole: bool = False,
        breaks: Callable[[], object] = lambda: None,
        **more: Any,
    ) -> None:
        super().__init__(plan, **more)
        self._breaks = breaks
        self._stream = stream
        self._tells = tells
        self._whole = whole
        self.pieces: list[list[str]] = []
        """What each stream was given."""

    @property
    def streams(self) -> bool:
        return True

    async def speak(
        self, text: AsyncIterator[str], style: Style, language: str
    ) -> AsyncIterator[Audio | Word | Phoneme | Spoken]:
        turn = text._room.__self__.number  # type: ignore[attr-defined]  # whose sound it is, for the judges
        given: list[str] = []
        self.pieces.append(given)
        async with self.opened(turn):
            script = self._stream()
            if script is not None:
                async for piece in text:
                    given.append(piece)
                    if piece.rstrip().endswith(ENDS):
                        break
                async for item in play(script):
                    yield item
                return
            await asyncio.sleep(self._first)
            waiting, done = "", 0
            async for piece in text:
                given.append(piece)
                waiting += piece
                if self._whole and not waiting.rstrip().endswith(ENDS):
                    continue
                async for item in self._sound(waiting, done, turn):
                    yield item
                done, waiting = done + len(waiting), ""
            async for item in self._sound(waiting, done, turn):
                yield item

    async def _sound(self, text: str, start: int, turn: int) -> AsyncIterator[Audio | Word | Spoken]:
        if self._tells == "words":
            at = 0
            for word in text.split(" "):
                if word:
                    yield Word((start + at) * self._ms, len(word) * self._ms, word, start + at)
                at += len(word) + 1
        left = len(text) * self._ms
        while left > 0:
            ms = min(left, 100)
            yield Audio(struct.pack("<h", turn) * (ms * 16), RATE)
            left -= ms
            await asyncio.sleep(0.01)
            match self._breaks():
                case ProviderError() as error:
                    raise error
                case fault if fault is HANG:
                    await asyncio.get_running_loop().create_future()
                case _:
                    pass
        if self._tells == "spoken":
            yield Spoken(start + len(text))


def tokens(text: str, *, first: float = 0.1, gap: float = 0.01, finish: str = "stop") -> Script:
    """A model's answer, word by word."""
    words = text.split(" ")
    pieces = [word if i == 0 else f" {word}" for i, word in enumerate(words)]
    steps: list[tuple[float, Any]] = [(gap, Token(piece)) for piece in pieces]
    steps[0] = (first, steps[0][1])
    return Script([*steps, (0, Usage("stop" if finish == "stop" else "length", 10, len(pieces)))])


def parts(
    *,
    vad: Vad | None = None,
    asr: list[Recognizer] | Chain[Recognizer] | None = None,
    llm: list[LanguageModel] | Chain[LanguageModel] | None = None,
    tts: list[Voice] | Chain[Voice] | None = None,
    **more: Any,
) -> Parts:
    """Everything a session needs, healthy unless given."""
    return Parts(
        vad=vad or FakeVad(),
        asr=asr if isinstance(asr, Chain) else Chain("asr", asr if asr is not None else [FakeRecognizer()]),
        llm=llm if isinstance(llm, Chain) else Chain("llm", llm if llm is not None else [FakeModel()]),
        tts=tts if isinstance(tts, Chain) else Chain("tts", tts if tts is not None else [FakeVoice()]),
        **more,
    )
