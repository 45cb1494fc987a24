"""The responder of a lecture's page: it says what is written, sentence by sentence, and looks ahead.

A sentence's text comes with its sound, not before: the next one is told, and made, when the ear is only a
few seconds behind. Where there is no voice the text comes at the pace of reading. When the page is said, the
first sentence of the next is made while the ear still listens to this one. What was made once is kept, so
that saying a sentence or a page again asks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from aizuchi.character import Character
from aizuchi.engine.chain import Chain
from aizuchi.engine.cutter import Cutter
from aizuchi.engine.permits import Call
from aizuchi.engine.phrases import Item, Phrases
from aizuchi.engine.priority import priority
from aizuchi.engine.rules import Rules
from aizuchi.engine.scripts import width
from aizuchi.engine.speaking import Speaker, figures
from aizuchi.errors import ProviderError
from aizuchi.events import Queued, ReplyEvent, Sentence, Slide, SpeechDone, TextDelta, TextDone
from aizuchi.lectures import Page
from aizuchi.ports import Animator, Audio, Request, Responder, Voice

QUEUE: Final = 64
MEMORY: Final = 8 << 20
"""Bytes of sound kept of one lecture: some three minutes."""
READING: Final = 14.0
"""Letters a second; wide ones count double."""
_SHORTEST: Final = 0.5
"""Seconds of reading."""


@dataclass(frozen=True, slots=True)
class Told:
    """A page as it is said."""

    page: Page
    slide: Slide
    sentences: tuple[Sentence, ...]


def cut(page: Page, url: str, character: Character, rules: Rules) -> Told:
    """A page's sentences, numbered from 0; every line ends one."""
    cutter = Cutter(0, character, replace(rules, first_clause_chars=0))
    events: list[ReplyEvent] = []
    for line in page.lines:
        events += cutter.fixed(line)
    sentences = tuple(each for each in events if isinstance(each, Sentence))
    return Told(page, Slide(page.number, url, page.title), sentences)


def reading(sentence: Sentence) -> float:
    """Seconds in which a sentence is read."""
    shown = sentence.shown.strip()
    return max(_SHORTEST, sum(map(width, shown)) / READING) if shown else 0.0


class Recital(Responder):
    """Says a page from one of its sentences on. `then` is what will probably be said next."""

    def __init__(
        self,
        told: Told,
        first: int,
        *,
        then: Sentence | None,
        tts: Chain[Voice],
        rules: Rules,
        memory: Phrases,
        animator: Callable[[], Animator] | None = None,
    ) -> None:
        self._told = told
        self._first = first
        self._then = then
        self._tts = tts
        self._rules = rules
        self._memory = memory
        self._animator = animator

    async def reply(self, request: Request) -> AsyncIterator[ReplyEvent]:
        out: asyncio.Queue[ReplyEvent | None] = asyncio.Queue(QUEUE)
        animator = self._animator() if self._animator is not None else None
        voice = _Voice(self._tts, self._rules, request, out.put, animator, phrases=self._memory)
        request.spawn(self._tell(voice, request, out))
        yield self._told.slide
        while (event := await out.get()) is not None:
            yield event

    async def _tell(self, voice: _Voice, request: Request, out: asyncio.Queue[ReplyEvent | None]) -> None:
        rest = self._told.sentences[self._first :]
        mine = [replace(each, turn=request.turn, index=index) for index, each in enumerate(rest)]
        if mine:
            mine[0] = replace(mine[0], shown=mine[0].shown.lstrip())
        ms = await voice.recite(mine)
        await out.put(TextDone("".join(each.shown for each in mine), fallback=voice.fallback))
        if ms:
            await out.put(SpeechDone(request.turn, ms))
        await out.put(None)
        if request.speaks and not voice.gave_up and self._then is not None:
            await self._learn(replace(self._then, turn=request.turn), request)

    async def _learn(self, sentence: Sentence, request: Request) -> None:
        """Make the sound of a sentence that will be wanted soon. If that fails it is asked for again then."""
        limits = self._rules.limits
        voice = next(self._tts.usable(), None)
        if voice is None or not sentence.spoken.strip():
            return
        if not self._memory.lacks(voice, sentence, request.style):
            return
        stream = self._tts.stream(
            lambda voice: voice.say(sentence, request.style),
            first=limits.tts_first,
            gap=limits.tts_gap,
            note=lambda event: None if isinstance(event, Queued) else request.note(event),
            measure=figures(sentence),
            counts=lambda item: isinstance(item, Audio),
            call=Call(priority(request.cause)),
        )
        items: list[Item] = []
        by: Voice | None = None
        try:
            async with aclosing(stream) as made:
                async for by, item in made:  # noqa: B007 - the last one counts
                    items.append(item)
        except ProviderError:
            return
        if by is not None:
            self._memory.keep(by, sentence, request.style, items)


class _Voice(Speaker):
    """A speaker whose text comes as it speaks."""

    @property
    def gave_up(self) -> bool:
        return self.fallback in ("text_only", "short_tts")

    async def recite(self, sentences: Sequence[Sentence]) -> int:
        """Say them in order; returns the milliseconds of sound that were made."""
        self.fixed.update(each.index for each in sentences)
        for each in sentences:
            await self._request.room()
            before = self._ms
            if each.shown:
                await self._emit(TextDelta(each.shown))
            await self._emit(each)
            await self._act(each)
            await self._speak(each)
            if self._ms == before:
                await asyncio.sleep(reading(each))
        self.known.set()
        return round(self._ms)
