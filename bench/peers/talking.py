"""The same user for every system: speaks, listens, interrupts, and judges by sound alone.

    python bench/peers/talking.py < job.json

Two dialects: ours, with its `hello` and its header, and a bare socket of PCM. Sound that is all zero is
silence. A reply is known by its tone, so the last byte of an interrupted one is found whatever follows it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from client import HEADER, PATIENCE, Job, Talker, Turn, connect, main
from words import FRAME, heard

SILENT = 0.4
"""Seconds without sound after which a reply is over."""


@dataclass
class Visit(Job):
    dialect: str = "bare"


class Visitor(Talker):
    """One session, in either dialect."""

    def __init__(self, visit: Visit, number: int, clips: list[bytes], quiet: list[bytes]) -> None:
        super().__init__(visit, number, clips, quiet)
        self.bare = visit.dialect == "bare"
        self.sounds: list[tuple[float, int | None]] = []
        """(when, whose tone)."""

    async def open(self) -> None:
        if not self.bare:
            await super().open()
            return
        self.socket = await connect(
            self.job.url, compression=None, max_size=None, ping_interval=None, open_timeout=PATIENCE
        )
        self.generation = 0

    async def send(self, message: dict[str, Any]) -> None:
        if not self.bare:
            await super().send(message)

    def framed(self, pcm: bytes) -> bytes:
        return pcm if self.bare else super().framed(pcm)

    def _sound(self, message: bytes, now: float) -> None:
        pcm = message if self.bare else message[HEADER.size :]
        if not any(pcm):
            return
        word = heard(pcm[: FRAME * 2])
        self.sounds.append((now, word))
        if self.turn.first_audio is None and word != self.turn.word:
            self.turn.first_audio = now
        self.changed.set()

    def _word(self, message: dict[str, Any], now: float) -> None:
        self.generation = max(self.generation, message.get("generation_id", -1))
        self.changed.set()

    async def _silence(self) -> None:
        limit = time.perf_counter() + PATIENCE
        while time.perf_counter() < limit:
            last = self.sounds[-1][0] if self.sounds else 0.0
            wait = last + SILENT - time.perf_counter()
            if wait <= 0:
                return
            await asyncio.sleep(wait)

    async def talk(self) -> None:
        """Speak, hear the reply to its end, again."""
        await asyncio.sleep(1.0 + self.random.random() * 2.0 * (self.job.sessions > 1))
        for _ in range(self.job.turns):
            turn = self.next_turn()
            self.speak()
            await self.until(lambda turn=turn: turn.first_audio is not None)
            await self._silence()
            self.turns.append(turn)
            await asyncio.sleep(0.3 + self.random.random() * 0.3)

    async def barge(self) -> None:
        """Speak, and speak again into each reply."""
        await asyncio.sleep(1.0)
        turn = self.next_turn()
        self.speak()
        for _ in range(self.job.turns):
            await self.until(lambda turn=turn: turn.first_audio is not None)
            await asyncio.sleep(0.4 + self.random.random() * 0.5)
            said = [word for _, word in self.sounds[-5:] if word is not None]
            following = Turn(word=said[-1] if said else -1)
            self.turn, self.voice_began = following, None
            self.speak()
            await self.until(lambda following=following: following.first_audio is not None)
            turn.asked = self.voice_began
            after = [at for at, word in self.sounds if word == following.word and at >= (turn.asked or 0)]
            turn.last_audio = max(after, default=turn.asked)
            turn.acknowledged = following.first_audio
            self.turns.append(turn)
            turn = following


if __name__ == "__main__":
    given = Visit(**json.load(sys.stdin))
    spoken = [Path(clip).read_bytes() for clip in given.clips]
    main(given, lambda number, quiet: Visitor(given, number, spoken, quiet))
