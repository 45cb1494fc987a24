"""The sound of a chat: played if there is something to play it on, and kept for saving."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aizuchi.cli.devices import Loudspeaker, Pending


class Sound:
    """Plays replies and saves them. `library` is `sounddevice`, or None for silence."""

    def __init__(self, library: Any, *, save_each: bool = False, folder: Path | None = None) -> None:
        self._library = library
        self._pending = Pending()
        self._loudspeaker = Loudspeaker(library, self._pending.fill)
        self._folder = folder or Path()
        self._rate = 16_000
        self._last: tuple[bytes, int] = (b"", 16_000)
        self.on = True
        """Replies are played."""
        self.each = save_each
        """Every reply is saved."""
        self.trouble = ""
        """Why nothing is played although it should be."""

    @property
    def plays(self) -> bool:
        return self.on and self._library is not None

    def play(self, pcm: bytes, rate: int) -> None:
        library: Any = self._library
        if not self.plays:
            return
        try:
            self._loudspeaker.at(rate)
        except library.PortAudioError as error:
            self._library, self.trouble = None, str(error)
            return
        self._rate = rate
        self._pending.put(pcm)

    def cut(self) -> bool:
        """Silence, now; whether there was anything to play."""
        playing = len(self._pending) > 0
        self._pending.clear()
        return playing

    @property
    def left(self) -> float:
        """Seconds still to be played."""
        return len(self._pending) / 2 / self._rate

    async def played(self, limit: float = 60.0) -> None:
        """Return when all was played."""
        loop = asyncio.get_running_loop()
        until = loop.time() + limit
        while self.left > 0 and loop.time() < until:  # noqa: ASYNC110 - the sound card's thread has no event
            await asyncio.sleep(min(self.left, 0.05))

    def keep(self, pcm: bytes, rate: int) -> None:
        """A reply is complete; one without sound changes nothing."""
        if pcm:
            self._last = (pcm, rate)

    async def save(self, name: str = "") -> tuple[Path, float] | None:
        """Write the last reply as WAV; the file and its seconds, None if there was no reply with sound.

        Without a name the first `response_NNN.wav` that is free. Raises ConfigError.
        """
        pcm, rate = self._last
        if not pcm:
            return None
        return await asyncio.to_thread(self._write, name, pcm, rate), len(pcm) / 2 / rate

    def _write(self, name: str, pcm: bytes, rate: int) -> Path:
        from aizuchi.audio import write_wav

        path = self._folder / name
        if not name:
            number = 1
            while (path := self._folder / f"response_{number:03}.wav").exists():
                number += 1
        write_wav(path, pcm, rate)
        return path

    def close(self) -> None:
        self._pending.clear()
        self._loudspeaker.close()
