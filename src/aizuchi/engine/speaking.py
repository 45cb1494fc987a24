"""The voice's half of a reply: sentences in, sound out, in order.

Each sentence goes through the chain of voices. When all fail, the reply goes on as text: a long sentence
is tried once more by its first clause alone, then the rest of the turn stays silent rather than making
the user wait for every sentence anew.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from aizuchi.engine.chain import Chain, fault
from aizuchi.engine.permits import Call
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.priority import priority
from aizuchi.engine.rules import Rules
from aizuchi.errors import Busy, ProviderError, StageTimeout
from aizuchi.events import Annotated, Answered, Cue, Event, Fault, ReplyEvent, Sentence, Speech, WordTime
from aizuchi.ports import Animator, Audio, Phoneme, Request, Voice, Word

UNHURRIED = 1.5
"""Seconds of sound before a sentence that leave its voice time enough."""
SHORT_CHARS = 60
"""A sentence longer than this may be spoken by its first clause when the whole of it failed."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is certain already of the sentence being written; for those who can use it."""

    spoken: str


REST = Ahead("\n")
"""The model has stopped writing for now, to call tools or for good: nothing is to be waited for."""
Item = Sentence | Ahead | None
"""What a speaker is given, in order; None at the end of the turn's text."""


class Speaker:
    """Speaks one turn's sentences, one after the other."""

    def __init__(
        self,
        tts: Chain[Voice],
        rules: Rules,
        request: Request,
        emit: Callable[[ReplyEvent], Awaitable[None]],
        animator: Animator | None = None,
        *,
        phrases: Phrases | None = None,
    ) -> None:
        """`phrases` remembers what is `fixed`; by default those of the chain do, for everybody."""
        self._tts = tts
        self._phrases = tts.phrases if phrases is None else phrases
        self._limits = rules.limits
        self._request = request
        self._emit = emit
        self._animator = animator
        self._use: Callable[[Voice], bool] = lambda _voice: True
        self._ms = 0.0
        self._rate = 0
        self.fallback = ""
        """What had to be done instead of speaking as configured."""
        self.fixed: set[int] = set()
        """Indices of sentences that are said in the same words again and again."""
        self._feelings: dict[int, str] = {}
        """Of sentences that were given out before it was written, as far as it is known."""
        self._felt = asyncio.Event()
        self._sounds_until = 0.0
        """When the sound so far will have been heard, at the earliest."""
        self.known = asyncio.Event()
        """Set as soon as it is clear whether this turn has a voice."""

    async def run(self, sentences: asyncio.Queue[Item]) -> int:
        """Speak until None comes; returns the milliseconds of sound that were made."""
        while (item := await sentences.get()) is not None:
            if isinstance(item, Sentence):
                await self._act(item)
                await self._speak(item)
        self.known.set()
        return round(self._ms)

    @property
    def _voiced(self) -> bool:
        """The turn is to be heard, and still has a voice."""
        return self._request.speaks and self.fallback not in ("text_only", "short_tts")

    async def _act(self, sentence: Sentence) -> None:
        """The figure's part of a sentence, before its sound."""
        if self._animator is not None:
            for cue in self._animator.sentence(sentence):
                await self._put(cue)

    async def _speak(self, sentence: Sentence) -> None:
        if not sentence.spoken.strip() or not self._voiced:
            return
        await self._request.room()
        try:
            await self._say(await self._with_feeling(sentence))
        except ProviderError as error:
            await self._failed(sentence, error)

    def annotate(self, more: Annotated) -> None:
        """More was written of a sentence that is to be spoken, or is being spoken."""
        if more.emotion or more.done:
            self._feelings.setdefault(more.sentence, more.emotion)
            self._felt.set()

    async def _with_feeling(self, sentence: Sentence) -> Sentence:
        """A sentence whose emotion is still being written waits for it while there is sound before it."""
        if not sentence.partial or sentence.emotion:
            return sentence
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._sounds_until - UNHURRIED):
                while sentence.index not in self._feelings:
                    self._felt.clear()
                    await self._felt.wait()
        return replace(sentence, emotion=self._feelings.get(sentence.index, ""))

    async def _failed(self, sentence: Sentence, error: ProviderError) -> None:
        """Every voice has failed over a sentence of which there is no sound yet."""
        self._request.note(fault("tts", error))
        self.fallback = "text_only"
        short = _first_clause(sentence.spoken)
        if len(sentence.spoken) > SHORT_CHARS and short and not isinstance(error, StageTimeout | Busy):
            # Said beforehand, since the end of the text goes out with the first sound.
            self.fallback = "short_tts"
            try:
                await self._say(replace(sentence, spoken=short))
            except ProviderError as again:
                self.fallback = "text_only"
                self._request.note(Fault("tts", "tts_failed", str(again)))
        self.known.set()

    async def _recall(self, sentence: Sentence) -> bool:
        """Say a phrase as it was said before; False if it never was."""
        phrases = self._phrases
        if phrases is None:
            return False
        usable = list(filter(self._use, self._tts.usable()))
        found = phrases.find(self._tts.providers, sentence, self._request.style, usable=usable)
        if found is None:
            return False
        voice, items = found
        self._serves(voice)
        self.known.set()
        self._announce(next(item for item in items if isinstance(item, Audio)))
        for item in items:
            await self._slice(sentence, item)
        await self._whole(sentence)
        return True

    async def _whole(self, sentence: Sentence) -> None:
        end = Speech(self._request.turn, sentence.index, round(self._ms), b"", self._rate, last=True)
        await self._emit(end)

    async def _say(self, sentence: Sentence) -> None:
        limits, spoke = self._limits, False
        fixed = sentence.index in self.fixed or "aside" in sentence.tags
        if fixed and await self._recall(sentence):
            return
        said: list[Audio | Word | Phoneme] = []
        by: Voice | None = None

        def ask(voice: Voice) -> AsyncIterator[Audio | Word | Phoneme]:
            return voice.say(sentence, self._request.style)

        stream = self._tts.stream(
            ask,
            first=limits.tts_first,
            gap=limits.tts_gap,
            note=self._request.note,
            sentence=sentence.index,
            measure=figures(sentence),
            counts=lambda item: isinstance(item, Audio),
            call=Call(priority(self._request.cause), urgent=self._ms > 0),
            use=self._use,
        )
        try:
            async with aclosing(stream) as slices:
                async for voice, item in slices:
                    self._serves(voice)
                    by = voice
                    if fixed:
                        said.append(item)
                    if isinstance(item, Audio) and not spoke:
                        spoke = True
                        self.known.set()
                        if fixed:
                            self._announce(item)
                    await self._slice(sentence, item)
        except ProviderError:
            if not spoke:
                raise
            # What was begun can't be begun again by another voice: the sentence ends here.
            self._request.note(Fault("tts", "tts_failed", f"sentence {sentence.index} broke off"))
            said.clear()
        if not spoke:
            raise ProviderError("the voice gave no sound", retryable=False)
        if said and by is not None and self._phrases is not None:
            self._phrases.keep(by, sentence, self._request.style, said)
        await self._whole(sentence)

    def _announce(self, first: Audio) -> None:
        """Whoever encodes it will have it again."""
        if self._phrases is not None:
            self._phrases.announce(first.pcm)

    def _serves(self, voice: Voice) -> None:
        if voice is not self._tts.providers[0] and not self.fallback:
            self.fallback = f"provider:{voice.name}"

    async def _slice(self, sentence: Sentence, item: Audio | Word | Phoneme) -> None:
        turn, index = self._request.turn, sentence.index
        match item:
            case Audio(pcm=pcm, rate=rate) if pcm:
                self._rate = rate
                await self._emit(Speech(turn, index, round(self._ms), pcm, rate))
                seconds = len(pcm) / 2 / rate
                self._ms += seconds * 1000
                self._sounds_until = max(self._sounds_until, asyncio.get_running_loop().time()) + seconds
            case Word(at_ms=at_ms, ms=ms, text=text, start=start):
                await self._emit(WordTime(turn, index, at_ms, ms, text, start))
            case Phoneme(at_ms=at_ms, ms=ms, viseme=viseme):
                await self._emit(Cue(turn, index, at_ms, ms, "viseme", viseme))
            case _:
                pass
        if self._animator is not None:
            for cue in self._animator.sound(item, sentence, round(self._ms)):
                await self._put(cue)

    async def _put(self, cue: Event) -> None:
        if isinstance(cue, Cue):
            await self._emit(cue)


def figures(sentence: Sentence) -> Callable[[Audio | Word | Phoneme], Answered | None]:
    """Characters once, sound as it comes."""
    counted = False
    exact = 0.0

    def measure(item: Audio | Word | Phoneme) -> Answered | None:
        nonlocal counted, exact
        if not isinstance(item, Audio):
            return None
        before = int(exact)
        exact += len(item.pcm) / 2 / item.rate * 1000
        characters = 0 if counted else len(sentence.spoken)
        counted = True
        return Answered("tts", "", "done", characters=characters, audio_ms=int(exact) - before)

    return measure


def _first_clause(text: str) -> str:
    """Up to the first mark at which one may stop; those within a number or a time are none."""
    return re.split(r"(?<=[，、；：。！？])|(?<=[,;:.!?])(?=\s)", text, maxsplit=1)[0].strip()
