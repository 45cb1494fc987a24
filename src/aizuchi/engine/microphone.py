"""One opening of the microphone: sound in, utterances out.

From `Listen(on)` to `Listen(off)` all sound goes through one VAD stream, one end-pointer and a ring of
pre-roll. In push mode everything between the two is one utterance; else the end-pointer cuts. The
session is told by three callbacks and decides alone what an utterance over a running reply means.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from aizuchi.audio import Resampler
from aizuchi.engine.endpointing import Began, Endpointing, Over, Paused, WentOn
from aizuchi.engine.rules import Hearing
from aizuchi.engine.streams import provided
from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.events import ListenMode
from aizuchi.ports import Score, Vad

RATE = 16_000
BYTES_PER_MS = RATE * 2 // 1000
EndReason = Literal["silence", "client", "maximum", "closed"]


class Ear(Protocol):
    """Who is told. All calls are synchronous and quick."""

    def sounded(self, mic: Microphone, pcm: bytes) -> None:
        """Every stretch of sound, speech or not, before anything else is told of it."""

    def speech_began(self, mic: Microphone, onset: float, preroll: bytes) -> None: ...
    def speech_goes_on(self, mic: Microphone, pcm: bytes) -> None: ...
    def speech_paused(self, mic: Microphone, silence_ms: float) -> None:
        """Silence within the utterance, told again each time it has doubled."""

    def speech_went_on(self, mic: Microphone, pause_ms: float) -> None:
        """The speaker goes on after a pause that was told."""

    def speech_over(self, mic: Microphone, voice_end: float, silence: float, reason: EndReason) -> None: ...
    def noted(self, mic: Microphone, ms: int, pcm: bytes, dropped_ms: int) -> None: ...


@dataclass(slots=True)
class _Note:
    """What came in since the last note on the timeline."""

    ms: float = 0.0
    dropped_ms: float = 0.0
    pcm: bytearray | None = None


class Microphone:
    """Fed synchronously; `run` is a task of the session and ends when the microphone is closed.

    Sound is 16 kHz mono s16le. More than `queue_ms` of waiting sound is dropped and counted. `patience`
    is how many seconds the VAD may leave sound that it has taken without a score.
    """

    NOTE_MS = 1_000
    UNSCORED_MS = 200
    """So much sound a VAD may keep back: its stretch, its batch, the rest of a stretch."""

    def __init__(
        self,
        link: str,
        mode: ListenMode,
        hearing: Hearing,
        ear: Ear,
        *,
        queue_ms: int,
        record: bool,
        patience: float,
    ) -> None:
        self.link = link
        self.mode: ListenMode = mode
        self.endpointing = Endpointing(hearing)
        self._hearing = hearing
        self._ear = ear
        self._queue_bytes = queue_ms * BYTES_PER_MS
        self._record = record
        self._patience = patience
        self._watch: asyncio.Timeout | None = None
        self._unscored = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._closed: EndReason | None = None
        self._abandoned = False
        self._resampler: Resampler | None = None
        self._resampler_rate = RATE
        self._ring: deque[bytes] = deque()
        self._ring_bytes = 0
        self._open = False
        self._quiet_since = 0.0
        self._note = _Note(pcm=bytearray() if record else None)
        self.utterances = 0
        """How many it has begun."""

    @property
    def closed(self) -> bool:
        return self._closed is not None

    @property
    def closed_by(self) -> EndReason | None:
        return self._closed

    def feed(self, pcm: bytes, rate: int = RATE) -> None:
        """More sound, of any rate."""
        if self.closed:
            return
        if rate != RATE:
            if self._resampler is None or self._resampler_rate != rate:
                self._resampler, self._resampler_rate = Resampler(rate, RATE), rate
            pcm = self._resampler.push(pcm)
        self._note.ms += len(pcm) / BYTES_PER_MS
        if self._waiting_bytes + len(pcm) > self._queue_bytes:
            self._note.dropped_ms += len(pcm) / BYTES_PER_MS
        else:
            if self._note.pcm is not None:
                self._note.pcm += pcm
            self._waiting.append(pcm)
            self._waiting_bytes += len(pcm)
            self._more.set()
            self._look_at_the_clock()
        if self._note.ms >= self.NOTE_MS:
            self.tell_note()

    def begin(self) -> None:
        """Push mode: all sound from here on is one utterance."""
        self._begin(0.0)

    def close(self, reason: EndReason) -> None:
        """No more sound; what is queued is still heard, then an open utterance ends."""
        if self._closed is None:
            self._closed = reason
            self._more.set()
            self._look_at_the_clock()
            self.tell_note()

    def abandon(self) -> None:
        """Forget the present utterance and, if closed, everything still queued."""
        self._open = False
        self._ring.clear()
        self._ring_bytes = 0
        self.endpointing = Endpointing(self._hearing)
        if self.closed:
            self._abandoned = True
            self._waiting.clear()
            self._more.set()

    def tell_note(self) -> None:
        note = self._note
        if note.ms:
            self._ear.noted(self, round(note.ms), bytes(note.pcm or b""), round(note.dropped_ms))
            self._note = _Note(pcm=bytearray() if self._record else None)

    async def run(self, vad: Vad) -> None:
        """Hear until closed. Raises ProviderError when the VAD fails."""
        async with provided(vad.scores(self._sound()), vad.name) as stream:
            try:
                # One limit for all scores: it is moved whenever what it measures begins anew.
                async with asyncio.timeout(None) as self._watch:
                    self._look_at_the_clock()
                    async for score in stream:
                        self._hear(self._checked(score, vad.name))
            except TimeoutError:
                raise StageTimeout(f"{vad.name} gave no score within {self._patience:g} s") from None
            finally:
                self._watch = None
        if self._open and not self._abandoned:
            self._end(self._closed or "closed")

    def _checked(self, score: Score, name: str) -> Score:
        """A score that has come. Time runs only while sound waits for the next one."""
        if not isinstance(score, Score):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ProviderError(f"{name} gave {type(score).__name__} instead of a score")
        self._unscored -= len(score.pcm)
        if self._watch is not None and self._watch.when() is not None:
            self._watch.reschedule(None)
            self._look_at_the_clock()
        return score

    def _look_at_the_clock(self) -> None:
        behind = self._waiting_bytes + self._unscored
        due = self.closed or behind > self.UNSCORED_MS * BYTES_PER_MS
        if due and self._watch is not None and self._watch.when() is None:
            self._watch.reschedule(asyncio.get_running_loop().time() + self._patience)

    async def _sound(self) -> AsyncIterator[bytes]:
        while True:
            while self._waiting:
                pcm = self._waiting.popleft()
                self._waiting_bytes -= len(pcm)
                self._unscored += len(pcm)
                yield pcm
            if self.closed:
                return
            self._more.clear()
            await self._more.wait()

    def _hear(self, score: Score) -> None:
        if self._abandoned:
            return
        ms = len(score.pcm) / BYTES_PER_MS
        self._ear.sounded(self, score.pcm)
        decisions = self.endpointing.feed(ms, score.probability, score.quiet_ms)
        if self.mode != "push":
            self._remember(score.pcm)
            if decisions and isinstance(first := decisions[0], Began):
                self._begin(first.at)
                return
        if self._open:
            self._ear.speech_goes_on(self, score.pcm)
            for decision in decisions:
                self._decided(decision)
            if self.mode == "push" and self.endpointing.at * 1000 >= self._hearing.max_utterance_ms:
                self._end("maximum")

    def _decided(self, decision: Began | Paused | WentOn | Over) -> None:
        match decision:
            case Paused(silence_ms=silence_ms):
                self._ear.speech_paused(self, silence_ms)
            case WentOn(pause_ms=pause_ms):
                self._ear.speech_went_on(self, pause_ms)
            case Over(reason=reason) if self.mode != "push":
                self._end(reason)
            case Over():
                self._quiet_since = self.endpointing.last_voiced
            case Began(at=at):  # within one push: what seemed over was a pause
                self._ear.speech_went_on(self, (at - self._quiet_since) * 1000)

    def _begin(self, onset: float) -> None:
        self._open = True
        self.utterances += 1
        since = onset - self._hearing.preroll_ms / 1000
        ring = b"".join(self._ring)
        wanted = round((self.endpointing.at - since) * 1000) * BYTES_PER_MS
        self._ear.speech_began(self, onset, ring[-wanted:] if wanted else b"")

    def _end(self, reason: EndReason) -> None:
        self._open = False
        end = self.endpointing
        voice_end = end.last_voiced or end.at
        self._ear.speech_over(self, voice_end, end.at - voice_end, reason)

    def _remember(self, pcm: bytes) -> None:
        keep = (self._hearing.preroll_ms + self._hearing.min_speech_ms + 200) * BYTES_PER_MS
        self._ring.append(pcm)
        self._ring_bytes += len(pcm)
        while self._ring_bytes - len(self._ring[0]) >= keep:
            self._ring_bytes -= len(self._ring.popleft())
