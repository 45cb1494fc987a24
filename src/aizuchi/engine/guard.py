"""Keeps the character from answering itself: what an utterance is, by its sound and by its words. Sans-I/O.

`echo.py` compares sounds; here it is fed with the running reply, in step with the microphone, and asked at
each stretch of an utterance. Where the sound says nothing yet the words decide: an echo says what is being
said. For the first `adapt_ms` of a session's sound, in which a client's own canceller still adapts and no
path is known, nothing but words counts.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from aizuchi.engine.echo import DELAYS, FLOOR, STEP_MS, Echo, Verdict, heard_track, silent, track
from aizuchi.engine.scripts import is_cjk

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE: Final = 16_000
JUMP_MS: Final = 200.0
"""Further off than that, the ear is elsewhere; nearer, sound came in a burst."""
BEHIND_MS: Final = 2_000
"""So much of the reply that was played is kept."""
MOST_MS: Final = 120_000
"""So much of a reply is kept at all: where no microphone sends, nothing is known to have been played."""
SAID: Final = 12
"""Sentences that may still come back."""
HEARD_WORDS, SAID_WORDS = 60, 400
"""The newest words, or CJK characters, that are compared: it takes time by the product of both."""
LATELY: Final = 20
"""Steps of 10 ms that are judged at once."""
BLOCK_MS: Final = 120
"""Sound is looked at in pieces of this length, or sooner if somebody asks: numpy's price is per call."""
BYTES_PER_MS: Final = RATE * 2 // 1000
LONGEST_MS: Final = DELAYS * STEP_MS + 2 * BLOCK_MS
"""After so long a silence of the ear nothing of it comes back."""


@dataclass(slots=True)
class Tally:
    """What the stretches of one utterance were taken for."""

    echo: int = 0
    voice: int = 0
    unsure: int = 0


class Guard:
    """One session's. `position` everywhere is milliseconds of the running turn's sound, None for silence."""

    def __init__(self, adapt_ms: float) -> None:
        self.echo = Echo()
        self._adapt_ms = adapt_ms
        self._played_ms = 0.0
        self._turn = -1
        self._rows: deque[NDArray[Any]] = deque()
        self._steps = 0
        self._from_ms = 0
        self._place = 0.0
        self._pending = bytearray()
        """Microphone sound that was not looked at yet, with the ear at one stretch of the reply or silent."""
        self._playing = False
        self._quiet_ms = 0.0
        """How long the ear has been silent."""
        self._said: deque[str] = deque(maxlen=SAID)

    # -- what goes in

    def sentence(self, spoken: str) -> None:
        """The voice is going to say this."""
        self._said.append(spoken)

    def speech(self, turn: int, at_ms: int, pcm: bytes, rate: int) -> None:
        """A slice of a reply's sound, in order; it is played later."""
        if turn != self._turn:
            self._turn, self._rows, self._steps, self._from_ms, self._place = turn, deque(), 0, at_ms, 0.0
        rows = track(pcm, rate)
        # Slices are no whole steps; by their own places the track never drifts.
        missing = at_ms // STEP_MS - self._from_ms // STEP_MS - self._steps
        if missing > 0:
            rows = _joined([silent(missing), rows])
        elif missing < 0:
            rows = rows[-missing:]
        self._rows.append(rows)
        self._steps += len(rows)
        while self._steps * STEP_MS > MOST_MS and len(self._rows) > 1:
            self._leave()

    def heard(self, pcm: bytes, turn: int, position: float | None) -> None:
        """A stretch of the microphone, 16 kHz, and where the ear is meanwhile."""
        playing = position is not None and turn == self._turn
        ms = len(pcm) / BYTES_PER_MS
        self._quiet_ms = 0.0 if playing else self._quiet_ms + ms
        if self._quiet_ms > LONGEST_MS:
            self._pending.clear()
            return  # nothing can come back
        if position is not None and playing:
            off = position - (self._place + ms)
            jumps = abs(off) > JUMP_MS
            if jumps or not self._playing:
                self._look()
            self._place = position if jumps else position - off * 0.95
        elif self._playing:
            self._look()
        self._playing = playing
        self._pending += pcm
        if len(self._pending) >= BLOCK_MS * BYTES_PER_MS:
            self._look()

    def _look(self) -> None:
        """Bring the two tracks up to the present; half a step stays for later."""
        whole = len(self._pending) // (STEP_MS * BYTES_PER_MS) * STEP_MS * BYTES_PER_MS
        if not whole:
            return
        mic = heard_track(bytes(self._pending[:whole]), RATE)
        del self._pending[:whole]
        ear = self._reference(len(mic)) if self._playing else silent(len(mic))
        self._played_ms += STEP_MS * float((ear[:, 0] > FLOOR).sum())
        self.echo.heard(mic, ear)

    def _reference(self, steps: int) -> NDArray[Any]:
        """What is played in the steps before the present place."""
        while self._rows and self._from_ms + len(self._rows[0]) * STEP_MS < self._place - BEHIND_MS:
            self._leave()
        end = round((self._place - self._from_ms) / STEP_MS)
        at, found = 0, list[Any]()
        for rows in self._rows:
            if at >= end:
                break
            if at + len(rows) > end - steps:
                found.append(rows[max(0, end - steps - at) : end - at])
            at += len(rows)
        rows = _joined([silent(0), *found])
        return _joined([rows, silent(steps - len(rows))]) if len(rows) < steps else rows[-steps:]

    def _leave(self) -> None:
        """The oldest slice is not wanted any more."""
        steps = len(self._rows.popleft())
        self._steps -= steps
        self._from_ms += steps * STEP_MS

    # -- what comes out

    @property
    def adapting(self) -> bool:
        return self._played_ms < self._adapt_ms

    def judge(self, tally: Tally) -> Verdict:
        """What is heard just now, counted for its utterance."""
        self._look()
        verdict = self.echo.verdict(LATELY)
        if verdict == "voice" and self.adapting and self.echo.sounds:
            verdict = "unsure"
        tally.echo += verdict == "echo"
        tally.voice += verdict == "voice"
        tally.unsure += verdict == "unsure"
        return verdict

    def own(self, tally: Tally, text: str) -> bool:
        """Whether an utterance with this text, or none yet, is the character's own voice."""
        if tally.echo > tally.voice:
            return True
        return tally.unsure > tally.voice and repeats(text, self._said)


def repeats(text: str, said: Iterable[str]) -> bool:
    """Whether a text is, but for some words misheard, a run of what is being said; CJK by characters."""
    heard, words = _tokens(text)[-HEARD_WORDS:], _tokens(" ".join(said))[-SAID_WORDS:]
    if not heard or not words:
        return False
    blocks = SequenceMatcher(None, words, heard, autojunk=False).get_matching_blocks()
    same = [block.size for block in blocks if block.size]
    if len(heard) <= 2:
        return bool(same) and max(same) == len(heard)
    return sum(same) >= 0.6 * len(heard) and max(same) >= 2


def _tokens(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).lower()
    spaced = "".join(f" {c} " if is_cjk(c) else c if c.isalnum() or c == "'" else " " for c in text)
    return spaced.split()


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    import numpy as np

    return np.concatenate(parts)
