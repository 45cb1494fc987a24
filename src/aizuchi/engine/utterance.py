"""What the user says: one utterance, one recogniser stream.

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
from aizuchi.engine.streams import provided
from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.events import Answered, Event, Heard, HeardPartial, Requested
from aizuchi.ports import Final, Hints, Partial, Recognizer

PAUSE = b""
"""Among the sound: here the speaker paused."""


class Utterance:
    """Fed synchronously by the microphone, run as one task of the session.

    `tell` gets HeardPartial, Requested and Answered as they happen. `patience` is how many seconds a
    recogniser may take for its final text once the utterance has ended; `tries` how often each is asked.
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
        self.paused = False
        """The speaker is silent, and it is not yet certain that they have finished."""
        self.abandoned = False
        """Nobody wants its text any more."""
        self._asr = asr
        self._hints = hints
        self._patience = patience
        self._tell = tell
        self._tries = tries
        self._sound: list[bytes] = []
        self._ended_at: float | None = None
        self._more = asyncio.Event()
        self._scope: asyncio.Timeout | None = None
        self._task: asyncio.Task[object] | None = None

    @property
    def ended(self) -> bool:
        return self._ended_at is not None

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

    def pause(self) -> None:
        """The speaker has fallen silent: a recogniser that streams is asked for what it has."""
        if not self.ended and not self.paused:
            self.paused = True
            self._sound.append(PAUSE)
            self._more.set()

    def go_on(self) -> None:
        """The speaker goes on."""
        self.paused = False

    def end(self, user_end: float, voice_end: float) -> None:
        """No more sound comes; from now on the recogniser's time runs."""
        if self.ended:
            return
        self.user_end, self.voice_end = user_end, voice_end
        self._ended_at = asyncio.get_running_loop().time()
        self._more.set()
        if self._scope is not None:
            self._scope.reschedule(self._ended_at + self._patience)

    def abandon(self) -> None:
        """Drop it: its recogniser's stream is closed, its text never comes."""
        self.abandoned = True
        if self._task is not None:
            self._task.cancel()

    async def recognise(self) -> Heard:
        """The final text. Raises ProviderError when every recogniser failed. Runs as a task of its own."""
        self._task = asyncio.current_task()
        permits = self._asr.permits
        if permits is None:
            return await self._understand()
        # While it waits the sound is kept, and the recogniser's time begins when it is asked.
        async with permits.held(Call(), note=self._tell):
            return await self._understand()

    async def _understand(self) -> Heard:
        last = ProviderError("no recogniser is available right now")
        for recognizer in self._asr.usable():
            for _ in range(self._tries):
                try:
                    heard = await self._ask(recognizer)
                except ProviderError as error:
                    last = error
                    self._asr.failed(recognizer, error)
                    if not error.retryable:
                        break
                else:
                    self._asr.succeeded(recognizer)
                    return heard
        raise last

    async def _ask(self, recognizer: Recognizer) -> Heard:
        loop = asyncio.get_running_loop()
        began, first_ms, outcome = loop.time(), None, "cancelled"
        self._tell(Requested("asr", recognizer.name))
        stream = recognizer.transcribe(self._audio(recognizer.streams), self._hints)
        try:
            async with provided(stream, recognizer.name) as results:
                while True:
                    due = None if self._ended_at is None else max(began, self._ended_at) + self._patience
                    try:
                        async with asyncio.timeout_at(due) as self._scope:
                            result = await anext(results)
                    finally:
                        self._scope = None
                    if first_ms is None:
                        first_ms = round((loop.time() - began) * 1000)
                    _check(result, recognizer.name)
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
        except StopAsyncIteration:
            outcome = "failed"
            raise ProviderError(f"{recognizer.name} ended without a final text") from None
        except TimeoutError:
            outcome = "failed"
            raise StageTimeout(f"{recognizer.name} gave no text within {self._patience:g} s") from None
        except ProviderError:
            outcome = "failed"
            raise
        finally:
            ms = sum(map(len, self._sound)) // 32
            self._tell(Answered("asr", recognizer.name, outcome, first_ms=first_ms, audio_ms=ms))

    def _partial(self, text: str) -> None:
        text = text.strip()
        if text and text != self.text:
            self.text = text
            self._tell(HeardPartial(self.number, text))

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


def _check(result: object, name: str) -> None:
    """Third-party code may give anything."""
    if not isinstance(result, Partial | Final) or not isinstance(result.text, str):  # pyright: ignore
        raise ProviderError(f"{name} gave {result!r:.60} instead of text")


def joined(pieces: Sequence[str]) -> str:
    """Texts of utterances that belong together: with a space, except between CJK characters."""
    text = ""
    for piece in pieces:
        close = text and piece and text[-1].isascii() | piece[0].isascii()
        text += f" {piece}" if close else piece
    return text
