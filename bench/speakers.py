"""Users with manners to be tested: they pause in mid-sentence, cough, hum, and hear the character's echo.

    python bench/speakers.py < job.json

The sessions of `client.py` with two more kinds of job: `sayings`, whole utterances one after the other, and
`case`, a disturbance in the middle of a reply.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from client import HEADER, Job, Talker, main
from manners import runs
from marks import BLOCK, Block, Reader, marked
from words import FRAME, RATE, WORDS

MIC_FRAME = 320
ECHO_GAIN = 10 ** (-12 / 20)
ECHO_IDENTITY = 3_000
"""Plus the word's number: what a recogniser makes of the character's own voice."""
SETTLED = 0.3
"""Seconds without sound after which a reply is over, beside what the state says."""


@dataclass
class Errand(Job):
    sayings: list[list[dict[str, Any]]] = field(default_factory=list)
    """Per session: {path, tail (bytes of quiet at its end), name}."""
    case: dict[str, Any] = field(default_factory=dict)
    """{path, tail} of what sounds into the reply, or {echo: true}."""


class Speaker(Talker):
    """One session that remembers when everything came."""

    def __init__(self, errand: Errand, number: int, quiet: list[bytes]) -> None:
        super().__init__(errand, number, [], quiet)
        self.errand = errand
        said = [saying["path"] for saying in errand.sayings[number]] if errand.sayings else []
        paths = [*said, errand.case["path"]] if "path" in errand.case else said
        self._sounds = {path: Path(path).read_bytes() for path in paths}
        self.number = number
        self.frames: list[float] = []
        self.begun: list[float] = []
        self.pauses: list[float] = []
        self.resumes: list[float] = []
        self.done: float | None = None
        self.blocks: list[Block] = []
        self._reader = Reader()
        self._echoes = False
        self._playing: deque[bytes] = deque()
        self._played = 0
        self._paused = False

    # -- in

    def _sound(self, message: bytes, now: float) -> None:
        pcm = message[HEADER.size :]
        fresh = HEADER.unpack_from(message)[4] >= self.generation
        super()._sound(message, now)
        if pcm and fresh:
            self.frames.append(now)
            self.blocks += self._reader.feed(pcm)
            if self._echoes:
                self._playing.append(pcm)

    def word_of(self, pcm: bytes) -> int | None:
        """The voice may be one that speaks: then it has no tones."""
        return None

    def _word(self, message: dict[str, Any], now: float) -> None:
        super()._word(message, now)
        match message:
            case {"type": "state_update", "state": "thinking"}:
                self.begun.append(now)
            case {"type": "state_update", "state": "idle" | "listening", "reason": "done" | "empty"}:
                self.done = now
            case {"type": "state_update", "reason": "held"} | {"type": "playback_pause"}:
                self.pauses.append(now)
                self._paused |= message["type"] == "playback_pause"
            case {"type": "state_update", "reason": "resumed"} | {"type": "playback_resume"}:
                self.resumes.append(now)
                self._paused = False
            case _:
                pass

    # -- out

    def ambience(self, number: int) -> bytes:
        """The room, or what the room hears of the character: 20 ms of what it says, softer."""
        if not self._echoes or self._paused or not self._playing:
            return super().ambience(number)
        there = np.frombuffer(self._playing.popleft(), "<i2").astype(np.float64)
        here = np.interp(np.arange(MIC_FRAME) * RATE / 16_000, np.arange(len(there)), there)
        self._played += MIC_FRAME
        identity = ECHO_IDENTITY + self.turn.word
        return marked((here * ECHO_GAIN).astype(np.int16), identity, self._played // BLOCK).tobytes()

    def forget(self) -> None:
        self.next_turn()
        for log in (self.frames, self.begun, self.pauses, self.resumes, self.blocks):
            log.clear()
        self._reader, self.done = Reader(), None
        self._playing.clear()
        self._played, self._paused, self._echoes = 0, False, False

    # -- the kinds of job

    async def sayings(self) -> None:
        """Say one thing after the other; each is answered before the next."""
        await asyncio.sleep(0.5 + self.random.random() * 2.0)
        for saying in self.errand.sayings[self.number]:
            self.forget()
            sound = self._sounds[saying["path"]]
            self.utter(sound, saying["tail"])
            end = await self._voice_end()
            await self.until(lambda end=end: self.frames and self.frames[-1] > end)
            await self._quiet_again()
            self.told.append(
                {
                    "name": saying["name"],
                    "begin": self.voice_began,
                    "end": end,
                    "begun": self.begun[:],
                    "frames": self.frames[:],
                }
            )
            await asyncio.sleep(0.2 + self.random.random() * 0.3)

    async def case(self) -> None:
        """Type, let the reply begin, disturb it, and wait for what comes of it."""
        await asyncio.sleep(self.random.random())
        for number in range(self.job.turns):
            self.forget()
            turn = self.turn
            # Kept: what is heard meanwhile gives the turn another word.
            turn.word = word = (self.number * self.job.turns + number) % len(WORDS)
            self._echoes = bool(self.errand.case.get("echo"))
            await self.send({"type": "text_input", "text": f"say {WORDS[turn.word]}"})
            if not await self.until(lambda turn=turn: turn.first_audio is not None):
                continue
            onset = over = turn.first_audio or 0.0
            if not self._echoes:
                await asyncio.sleep(0.6 + self.random.random() * 0.6)
                sound = self._sounds[self.errand.case["path"]]
                self.voice_began = None
                self.utter(sound, self.errand.case["tail"])
                over = await self._voice_end()
                onset = self.voice_began or over
            await self.until(lambda turn=turn: turn.acknowledged or self.done, 20.0)
            self.told.append(
                {
                    "word": word,
                    "onset": onset,
                    "over": over,
                    "ended": turn.acknowledged,
                    "done": self.done,
                    "frames": self.frames[:],
                    "pauses": self.pauses[:],
                    "resumes": self.resumes[:],
                    "runs": runs(self.blocks),
                }
            )
            self._echoes = False
            await asyncio.sleep(0.7)  # what was said may be answered yet
            await self.send({"type": "interrupt"})
            await self.until(lambda: self.state in ("idle", "listening"))
            await asyncio.sleep(0.2)

    async def _voice_end(self) -> float:
        await self.until(lambda: self.turn.voice_end is not None, 30.0)
        assert self.turn.voice_end is not None
        return self.turn.voice_end

    async def _quiet_again(self) -> None:
        """Until the reply is over: the state says so and nothing has come for a while."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + 10.0
        while loop.time() < patience:
            count = len(self.frames)
            await asyncio.sleep(SETTLED)
            if len(self.frames) == count and self.state in ("idle", "listening"):
                return


if __name__ == "__main__":
    given = Errand(**json.load(sys.stdin))
    assert FRAME == RATE // 50
    main(given, lambda number, quiet: Speaker(given, number, quiet))
