"""One request of a voice that takes text while it is written: the text as the voice reads it, the sound as
it comes, and how long it may take over it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from aizuchi.engine.scripts import width
from aizuchi.engine.shares import Script, Shares
from aizuchi.engine.speaking import REST, Ahead, Item
from aizuchi.engine.streams import closing
from aizuchi.errors import StageTimeout
from aizuchi.events import Answered, Sentence
from aizuchi.ports import Audio, Phoneme, Spoken, Word

STEP_MS = 100
"""Longer slices are shared out among sentences in steps of so much."""
ENOUGH = 120
"""Columns of text, a wide character having two: some ten seconds of speech."""

Slice = Audio | Word | Phoneme | Spoken


class Patience:
    """The time limits of a stream. They run only while the voice owes something.

    It owes nothing while it waits for text and has spoken what it could: then the model is the slow one.
    Voices synthesise whole sentences, so for less than one they need not say anything yet, but no voice waits
    for the end of one that is longer than `ENOUGH`. `told` and `whole` are characters: spoken as far as the
    voice says, and given in whole sentences.
    """

    def __init__(self, first: float, gap: float) -> None:
        self.sounding = False
        self.asking = False
        """It waits for text."""
        self.ended = False
        """There is no more text."""
        self.told = self.whole = 0
        self._enough = False
        """So much text was given that there must be sound soon."""
        self._first = first
        self._gap = gap
        self._since = _now()
        self._timeout: asyncio.Timeout | None = None

    @property
    def limit(self) -> float:
        return self._gap if self.sounding else self._first

    def due(self) -> float | None:
        """When the voice will be too late, as things stand; None: never."""
        waits = self.asking and not self.ended
        if not self.sounding:
            return None if waits and not self._enough else self._since + self._first
        return None if waits and not 0 < self.told < self.whole else _now() + self._gap

    def given(self, whole: int, columns: int) -> None:
        """More text is the voice's now: so many characters in whole sentences, so many columns in all."""
        if not self._enough:
            self._since = _now()
            self._enough = whole > 0 or columns >= ENOUGH
        self.whole = whole

    def changed(self) -> None:
        """The wait that is under way, if any, ends at another time."""
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(self.due())

    async def next(self, items: AsyncGenerator[Slice, None]) -> Slice:
        """The voice's next item. Raises TimeoutError."""
        try:
            async with asyncio.timeout_at(self.due()) as self._timeout:
                return await anext(items)
        finally:
            self._timeout = None


class TextStream:
    """One request: what was given, what came back, and the text as the voice reads it."""

    def __init__(
        self,
        first: Sentence | Ahead,
        queue: asyncio.Queue[Item],
        room: Callable[[], Awaitable[None]],
        pace: Callable[[], Awaitable[None]],
        patience: Patience,
        sentence_out: Callable[[], Awaitable[None]],
    ) -> None:
        self.script = Script()
        self.shares = Shares(self.script)
        self.patience = patience
        self.held: deque[Audio] = deque()
        """Sound that is not on the timeline yet."""
        self.heard_ms = 0.0
        """Of sound that the voice gave."""
        self.at_ms = 0.0
        """Of these, on the timeline."""
        self.begun = False
        self.current = -1
        """The span that sounds."""
        self.marks: list[Word | Phoneme] = []
        self.last = False
        """The turn's text is over."""
        self._first: Item = first
        self._columns = 0
        self._queue = queue
        self._room = room
        self._pace = pace
        self._sentence_out = sentence_out
        self.giving = asyncio.Lock()
        """Held by the task that puts sound out: the voice's text may be read in another one."""

    def hear(self, audio: Audio) -> None:
        step = audio.rate * STEP_MS // 1000 * 2
        self.held.extend([audio] if len(audio.pcm) <= 2 * step else _cut(audio, step))
        self.heard_ms += len(audio.pcm) / 2 / audio.rate * 1000
        self.patience.sounding = True

    def leave(self) -> None:
        """The voice is done with it: what it was not even asked for is not forgotten."""
        if isinstance(self._first, Sentence):
            self.script.sentence(self._first)
        self._first = None

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """The next piece of text for the voice."""
        patience = self.patience
        patience.asking = True
        patience.changed()
        try:
            while not patience.ended:
                item, within = await self._item(), self.script.within
                piece = self._piece(item)
                if isinstance(item, Sentence) and self.held:
                    await self._sentence_out()
                if piece:
                    await (self._pace() if within else self._room())
                self._columns += width(piece)
                patience.given(self.script.whole, self._columns)
                if piece:
                    return piece
            raise StopAsyncIteration
        finally:
            patience.asking = False
            patience.changed()

    async def _item(self) -> Item:
        item, self._first = self._first, None
        return await self._queue.get() if item is None else item

    def _piece(self, item: Item) -> str:
        if isinstance(item, Sentence):
            return self.script.sentence(item)
        if item is None or item is REST:
            self.patience.ended, self.last = True, item is None
            return ""
        return self.script.ahead(item.spoken)


async def in_time(said: AsyncIterator[Slice], stream: TextStream, name: str) -> AsyncGenerator[Slice, None]:
    """A voice's items, within the limits of `stream.patience`. Raises StageTimeout."""
    patience = stream.patience
    async with closing(said) as items:
        while True:
            patience.told = stream.shares.told
            try:
                item = await patience.next(items)
            except StopAsyncIteration:
                return
            except TimeoutError:
                what = "fell silent" if patience.sounding else "gave nothing"
                raise StageTimeout(f"tts {name} {what} for {patience.limit:g} s") from None
            yield item


def length() -> Callable[[Slice], Answered | None]:
    """The length of the sound, for the figures; characters are counted as they are given."""
    exact = 0.0

    def measure(item: Slice) -> Answered | None:
        nonlocal exact
        if not isinstance(item, Audio):
            return None
        before = int(exact)
        exact += len(item.pcm) / 2 / item.rate * 1000
        return Answered("tts", "", "done", audio_ms=int(exact) - before)

    return measure


def _cut(audio: Audio, step: int) -> list[Audio]:
    return [Audio(audio.pcm[at : at + step], audio.rate) for at in range(0, len(audio.pcm), step)]


def _now() -> float:
    return asyncio.get_running_loop().time()
