"""What the user says: one utterance, one recogniser stream, and at pauses perhaps a tentative one beside it.

All sound of the utterance is kept until it is done, so that a recogniser that fails can be asked again,
and after it the next one, without the user noticing more than a delay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from aizuchi.engine.chain import Chain
from aizuchi.engine.guard import Tally
from aizuchi.engine.overlap import Overlap
from aizuchi.engine.permits import Call
from aizuchi.engine.speculation import words
from aizuchi.engine.streams import provided
from aizuchi.engine.tentative import Ahead, Tentative, check
from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.events import Answered, Event, Heard, HeardPartial, Requested
from aizuchi.ports import Final, Hints, Recognizer

PAUSE = b""
"""Among the sound: here the speaker paused."""


class Utterance:
    """Fed synchronously by the microphone, run as one task of the session.

    `tell` gets HeardPartial, Requested and Answered as they happen; `known` is called in a pause when what
    was said is known and is no news. `patience` is how many seconds a recogniser may take for its final text
    once the utterance has ended; `tries` how often each is asked. With `ahead` one that is slow to give its
    final text is asked at pauses, too.
    """

    def __init__(
        self,
        number: int,
        asr: Chain[Recognizer],
        hints: Hints,
        *,
        patience: float,
        tell: Callable[[Event], None],
        tries: int = 2,
        ahead: Ahead | None = None,
        known: Callable[[], None] = lambda: None,
    ) -> None:
        self.number = number
        self.text = ""
        """The newest partial."""
        self.user_end: float | None = None
        """End-point decision on the session's clock; None while the user speaks."""
        self.voice_end: float | None = None
        self.took_floor = False
        """The user has the floor by it: nothing else is speaking, or what was has yielded."""
        self.overlap: Overlap | None = None
        """What it means for the reply it was said over, where that could be paused."""
        self.tally = Tally()
        """What of its sound was the user's, and what the character's own."""
        self.voice_at_ms: int | None = None
        """How much of it there was when the reply was last paused for it."""
        self.paused = False
        """The speaker is silent, and it is not yet certain that they have finished."""
        self.abandoned = False
        """Nobody wants its text any more."""
        self._asr = asr
        self._hints = hints
        self._patience = patience
        self._tell = tell
        self._tries = tries
        self._ahead = ahead
        self._known = known
        self._streams = False
        """The recogniser that listens gives partials."""
        self._awaited = False
        """It was asked for its newest words and has not given them yet."""
        self._streamed = ""
        """Its newest partial."""
        self._found: Heard | None = None
        """The final text, if the tentative request had it first."""
        self._sound: list[bytes] = []
        self._anew = False
        """The recogniser that listens heard what was no part of it; see `only`."""
        self._ended_at: float | None = None
        self._more = asyncio.Event()
        self._scope: asyncio.Timeout | None = None
        self._task: asyncio.Task[object] | None = None

    @property
    def ended(self) -> bool:
        return self._ended_at is not None

    @property
    def likely(self) -> str:
        """What they have said if this pause is the end; empty while that is not known."""
        whole = not self._streams and self._ahead is not None and self._ahead.pending
        pending = self._awaited or whole
        return self.text if (self.paused or self.ended) and not pending else ""

    def push(self, pcm: bytes) -> None:
        """More sound, 16 kHz."""
        if pcm and not self.ended:
            self._sound.append(pcm)
            self._more.set()

    def tail(self, ms: int) -> bytes:
        """The newest sound of it, so many milliseconds at most."""
        wanted, pieces = ms * 32, list[bytes]()
        for pcm in reversed(self._sound):
            if wanted <= 0:
                break
            pieces.append(pcm[-wanted:])
            wanted -= len(pcm)
        return b"".join(reversed(pieces))

    @property
    def ms(self) -> int:
        """All its sound so far."""
        return sum(map(len, self._sound)) // 32

    def only(self, ms: int) -> None:
        """No more than its newest sound is the user's: a recogniser that heard the rest is asked anew."""
        if ms >= self.ms or self.ended:
            return
        self._sound = [self.tail(ms)]
        self.text, self._streamed, self._awaited, self._anew = "", "", False, True
        self._more.set()
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def pause(self, silence_ms: float = 0.0) -> None:
        """The speaker is silent for so long: a recogniser is asked for what was said so far."""
        if self.ended:
            return
        # One that has said nothing by the time the pause has doubled is not waited for.
        self._awaited = self._streams and not self.paused
        if not self.paused:
            self.paused = True
            self._sound.append(PAUSE)
            self._more.set()
        # What is said over a reply may be no more than its echo: no request is spent on that.
        if self._ahead is not None and self.took_floor:
            self._ahead.ask(
                self._asr,
                [pcm for pcm in self._sound if pcm],
                self._hints,
                silence_ms=silence_ms,
                patience=self._patience,
                tell=self._tell,
                told=self._told,
            )

    def go_on(self) -> None:
        """The speaker goes on."""
        self.paused = self._awaited = False
        if self._ahead is not None:
            self._ahead.leave()

    def end(self, user_end: float, voice_end: float) -> None:
        """No more sound comes; from now on the recogniser's time runs."""
        if self.ended:
            return
        self.user_end, self.voice_end = user_end, voice_end
        self._ended_at = asyncio.get_running_loop().time()
        self._more.set()
        if self._scope is not None:
            self._scope.reschedule(self._ended_at + self._patience)
        self._settle()

    def abandon(self) -> None:
        """Drop it: its recogniser's stream is closed, its text never comes."""
        self.abandoned = True
        if self._ahead is not None:
            self._ahead.leave()
        if self._task is not None:
            self._task.cancel()

    async def recognise(self) -> Heard:
        """The final text. Raises ProviderError when every recogniser failed. Runs as a task of its own."""
        self._task = asyncio.current_task()
        permits = self._asr.permits
        try:
            if permits is None:
                return await self._understand()
            # While it waits the sound is kept, and the recogniser's time begins when it is asked.
            async with permits.held(Call(), note=self._tell):
                return await self._understand()
        finally:
            if self._ahead is not None:
                self._ahead.leave()

    async def _understand(self) -> Heard:
        last = ProviderError("no recogniser is available right now")
        for recognizer in self._asr.usable():
            for _ in range(self._tries):
                try:
                    heard = self._found or await self._ask(recognizer)
                    while heard is None:
                        heard = await self._ask(recognizer)
                except ProviderError as error:
                    last = error
                    self._asr.failed(recognizer, error)
                    if not error.retryable:
                        break
                else:
                    if heard is not self._found:
                        self._asr.succeeded(recognizer)
                    return heard
        if self.ended and self._ahead is not None and (tentative := self._ahead.newest) is not None:
            await tentative.over.wait()  # it has its own time limit
            self._take(tentative)
        if self._found is not None:
            return self._found
        raise last

    def _told(self) -> None:
        """The tentative request knows something, or never will."""
        tentative = self._ahead.newest if self._ahead is not None else None
        if tentative is None or tentative.final is None or not self._newest(tentative.final.text):
            self._known()
        self._settle()

    def _settle(self) -> None:
        """If what was said until the pause was all, its text is the final one.

        Unless the stream has heard other words since: then its own final text decides.
        """
        tentative = self._ahead.newest if self._ahead is not None else None
        if not self.ended or tentative is None or tentative.final is None:
            return
        if not self._streams or words(self._streamed) == words(tentative.final.text):
            self._take(tentative)

    def _take(self, tentative: Tentative) -> None:
        """Its text is the final one, if it has any and nothing else was found."""
        if tentative.final is None or self._found is not None:
            return
        final, name = tentative.final, tentative.recognizer.name
        self._found = Heard(self.number, final.text.strip(), final.language, final.confidence, name)
        self._asr.succeeded(tentative.recognizer)
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def _ask(self, recognizer: Recognizer) -> Heard | None:
        """None when it has to be asked anew."""
        self._anew = False
        loop = asyncio.get_running_loop()
        began, first_ms, outcome = loop.time(), None, "cancelled"
        self._tell(Requested("asr", recognizer.name))
        self._streams = recognizer.streams
        stream = recognizer.transcribe(self._audio(self._streams), self._hints)
        try:
            async with provided(stream, recognizer.name) as results:
                while not self._anew:
                    due = None if self._ended_at is None else max(began, self._ended_at) + self._patience
                    try:
                        async with asyncio.timeout_at(due) as self._scope:
                            result = await anext(results)
                    finally:
                        self._scope = None
                    if first_ms is None:
                        first_ms = round((loop.time() - began) * 1000)
                    check(result, recognizer.name)
                    if isinstance(result, Final):
                        outcome = "done"
                        return Heard(
                            self.number,
                            result.text.strip(),
                            result.language,
                            result.confidence,
                            recognizer.name,
                        )
                    self._partial(result.text)
                    if self._found is not None:
                        return self._found
                return None
        except StopAsyncIteration:
            outcome = "failed"
            raise ProviderError(f"{recognizer.name} ended without a final text") from None
        except TimeoutError:
            if self._anew or self._found is not None:
                return self._found
            outcome = "failed"
            raise StageTimeout(f"{recognizer.name} gave no text within {self._patience:g} s") from None
        except ProviderError:
            outcome = "failed"
            raise
        finally:
            ms = sum(map(len, self._sound)) // 32
            self._tell(Answered("asr", recognizer.name, outcome, first_ms=first_ms, audio_ms=ms))

    def _partial(self, text: str) -> None:
        awaited, self._awaited, self._streamed = self._awaited, False, text
        # What a tentative request has heard of all of it is better than a stream's newest guess.
        better = self._ahead is not None and self._ahead.newest is not None and self._ahead.newest.final
        if not better and not self._newest(text) and awaited:
            self._known()
        self._settle()

    def _newest(self, text: str) -> bool:
        """What they have said so far, as far as is known; False if it is no news."""
        text = text.strip()
        if not text or text == self.text:
            return False
        self.text = text
        self._tell(HeardPartial(self.number, text))
        return True

    async def _audio(self, pauses: bool) -> AsyncIterator[bytes]:
        at = 0
        while True:
            while at < len(self._sound):
                at += 1
                if self._sound[at - 1] or pauses:
                    yield self._sound[at - 1]
            if self.ended:
                return
            self._more.clear()
            await self._more.wait()


def joined(pieces: Sequence[str]) -> str:
    """Texts of utterances that belong together: with a space, except between CJK characters."""
    text = ""
    for piece in pieces:
        close = text and piece and text[-1].isascii() | piece[0].isascii()
        text += f" {piece}" if close else piece
    return text
