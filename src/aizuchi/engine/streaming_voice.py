"""The voice's half of a reply for voices that take text while it is written: deltas in, sound out.

One request of the voice, a *stream*, goes on over sentences, up to where the model stops to call tools or
has said everything. The text is given word by word as soon as it is certain, so the sound may be quicker
than the sentences on the timeline: sound of a sentence that is not written yet is held back. `shares`
tells which sentence a slice belongs to.

The voice is never far ahead: it is given no text, and its sound is not read, while the ear is more than
a few seconds behind. A voice that fails before its first sound is replaced by the next one, which speaks
whole sentences; one that breaks off ends the sentence it was in, and the rest goes by whole sentences.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from aizuchi.engine.permits import Call
from aizuchi.engine.priority import priority
from aizuchi.engine.shares import Span
from aizuchi.engine.speaking import Ahead, Item, Speaker
from aizuchi.engine.text_stream import Patience, Slice, TextStream, in_time, length
from aizuchi.errors import Busy, ProviderError
from aizuchi.events import Answered, Cue, Event, Fault, Sentence, Speech, WordTime
from aizuchi.ports import Audio, Phoneme, Spoken, Voice, Word


class StreamingSpeaker(Speaker):
    """Speaks one turn through streams, or by sentences where no voice takes a stream."""

    async def run(self, sentences: asyncio.Queue[Item]) -> int:
        """Like `Speaker.run`; between sentences come `Ahead` and `REST`."""
        self._whole_only = False
        self._written = 0
        while (item := await sentences.get()) is not None:
            voice = self._streaming_voice()
            if voice is not None and self._opens(item):
                if await self._stream(voice, item, sentences):
                    break
            elif isinstance(item, Sentence):
                self._written = item.index + 1
                await self._act(item)
                await self._speak(item)
        self.known.set()
        return round(self._ms)

    def _streaming_voice(self) -> Voice | None:
        """The voice that would serve now, if it takes a stream."""
        if not self._voiced or self._whole_only:
            return None
        voice = next(filter(self._use, self._tts.usable()), None)
        return voice if voice is not None and voice.streams else None

    def _begins(self, item: Sentence | Ahead) -> bool:
        """Whether there is anything to say in it."""
        return bool(item.spoken.strip())

    def _opens(self, item: Sentence | Ahead) -> bool:
        """Whether a stream begins with it: not with a fixed phrase, nor with what is said beside the text."""
        if isinstance(item, Sentence) and (item.index in self.fixed or "aside" in item.tags):
            return False
        return self._begins(item)

    async def _stream(self, voice: Voice, item: Sentence | Ahead, queue: asyncio.Queue[Item]) -> bool:
        """One stream, to its end; says whether it was the turn's last."""
        request = self._request
        patience = Patience(self._limits.tts_first, self._limits.tts_gap)
        stream = TextStream(item, queue, request.room, request.pace, patience, lambda: self._give(stream))

        def ask(voice: Voice) -> AsyncIterator[Slice]:
            said = voice.speak(stream, request.style, request.language)
            return in_time(said, stream, voice.name)

        def note(event: Event) -> None:
            if isinstance(event, Answered):
                spoken = stream.shares.reached(stream.at_ms) if stream.begun else 0
                fed = len(stream.script.text) if stream.begun else 0
                event = replace(event, characters=fed, spoken=spoken)
            request.note(event)

        slices = self._tts.stream(
            ask,
            first=None,
            gap=None,
            note=note,
            sentence=self._written,
            measure=length(),
            counts=lambda item: isinstance(item, Audio),
            call=Call(priority(request.cause), urgent=self._ms > 0),
            use=lambda each: each is voice,
        )
        failure: ProviderError | None = None
        try:
            async with aclosing(slices) as items:
                async for _, each in items:
                    self._serves(voice)
                    await self._take(stream, each)
            if not stream.heard_ms:
                raise ProviderError("the voice gave no sound", retryable=False)
            if not stream.patience.ended:
                raise ProviderError("the voice ended before its text", retryable=False)
        except ProviderError as error:
            failure = error
        await self._end(stream, failure, voice)
        self._written += len(stream.script.spans)
        return stream.last

    async def _take(self, stream: TextStream, item: Slice) -> None:
        match item:
            case Audio(pcm=pcm, rate=rate) if pcm:
                self._rate = rate
                stream.hear(item)
            case Spoken(upto=upto):
                stream.shares.tell(stream.heard_ms, upto)
            case Word() | Phoneme():
                stream.marks.append(item)
                if isinstance(item, Word) and item.start >= 0:
                    stream.shares.tell(item.at_ms, item.start)
                    stream.shares.tell(item.at_ms + item.ms, item.start + len(item.text))
            case _:
                pass
        await self._give(stream)

    async def _give(self, stream: TextStream, *, all_: bool = False) -> None:
        """Put out the sound whose sentences are out: when sound comes, and when a sentence does."""
        async with stream.giving:
            await self._put_out(stream, all_=all_)

    async def _put_out(self, stream: TextStream, *, all_: bool) -> None:
        spans = stream.script.spans
        while stream.held:
            index = stream.shares.span(stream.at_ms)
            if index is None:
                if not all_ or not spans:
                    break
                index = len(spans) - 1
            # What was put out before is to be counted, too, which the turn does when it gets to it.
            await asyncio.sleep(0)
            fresh = stream.begun and index > stream.current
            await (self._request.room() if fresh else self._request.pace())
            await self._move(stream, max(index, stream.current))
            slice_ = stream.held.popleft()
            span = spans[stream.current]
            await self._slice(span.sentence, slice_)
            if not stream.begun:
                stream.begun = True
                self.known.set()
            stream.at_ms += len(slice_.pcm) / 2 / slice_.rate * 1000
        await self._marks(stream)

    async def _move(self, stream: TextStream, index: int) -> None:
        """Go on to a sentence; those before it are over, even if no sound fell to their share."""
        while stream.current < index:
            await self._close(stream)
            stream.current += 1
            span = stream.script.spans[stream.current]
            await self._act(span.sentence)
            span.begun_ms = stream.at_ms

    async def _close(self, stream: TextStream) -> None:
        if stream.current >= 0:
            sentence = stream.script.spans[stream.current].sentence
            if self._begins(sentence):
                turn, index = self._request.turn, sentence.index
                await self._emit(Speech(turn, index, round(self._ms), b"", self._rate, last=True))

    async def _marks(self, stream: TextStream, *, all_: bool = False) -> None:
        """Words and mouth shapes whose place has sounded, counted from their sentence's first sample."""
        waiting: list[Word | Phoneme] = []
        turn = self._request.turn
        for mark in stream.marks:
            span = _span_of(mark, stream.script.spans[: stream.current + 1])
            if span is None or (mark.at_ms >= stream.at_ms and not all_):
                waiting.append(mark)
                continue
            at, index = max(0, mark.at_ms - round(span.begun_ms or 0.0)), span.sentence.index
            match mark:
                case Word(ms=ms, text=text, start=start):
                    start = start - span.start if start >= 0 else -1
                    await self._emit(WordTime(turn, index, at, ms, text, start))
                case Phoneme(ms=ms, viseme=viseme):
                    await self._emit(Cue(turn, index, at, ms, "viseme", viseme))
        stream.marks = waiting

    async def _end(self, stream: TextStream, failure: ProviderError | None, voice: Voice) -> None:
        spans = stream.script.spans
        stream.leave()
        if failure is None:
            await self._give(stream, all_=True)
            await self._move(stream, len(spans) - 1)
            await self._marks(stream, all_=True)
            await self._close(stream)
            return
        rest = spans[stream.current + 1 :]
        if stream.begun:
            broken = spans[stream.current].sentence.index
            self._request.note(Fault("tts", "tts_failed", f"sentence {broken} broke off"))
            await self._close(stream)
            self._whole_only = True
        else:
            # Places are counted for all voices together: another one would have to wait as well.
            busy = isinstance(failure, Busy)
            self._use = lambda each: each is not voice
            if busy or next(filter(self._use, self._tts.usable()), None) is None:
                first = next((span.sentence for span in rest if self._begins(span.sentence)), None)
                await self._failed(first or Sentence(self._request.turn, self._written, "", ""), failure)
        for span in rest:
            await self._act(span.sentence)
            await self._speak(span.sentence)


def _span_of(mark: Word | Phoneme, spans: list[Span]) -> Span | None:
    """The sentence of a mark among those that have begun: by its characters, else by its time."""
    begun = [span for span in spans if span.begun_ms is not None]
    if isinstance(mark, Word) and mark.start >= 0:
        return next((span for span in begun if span.start <= mark.start < span.end), None)
    return next((span for span in reversed(begun) if (span.begun_ms or 0.0) <= mark.at_ms), None)
