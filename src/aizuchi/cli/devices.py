"""Microphone and loudspeaker of this machine, as the talks of the command line use them.

`library` is the module `sounddevice` (see `talk_mic.sound_library`); the sound card calls from a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

RATE: Final = 16_000
SLICE_MS: Final = 20
WAITING: Final = 100
"""Slices of 20 ms that may wait to be sent."""


class Microphone:
    """16 kHz mono s16le in slices of 20 ms. Making it opens the device: raises the library's PortAudioError.

    Enter it to begin; needs the running loop.
    """

    def __init__(self, library: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._slices: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self.lost_ms = 0
        """Sound that nobody took in time."""
        self._stream = library.RawInputStream(
            samplerate=RATE,
            channels=1,
            dtype="int16",
            blocksize=RATE * SLICE_MS // 1000,
            callback=self._captured,
        )

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.__exit__(kind, error, trace)

    async def slice(self) -> bytes:
        """The next one; the oldest are dropped if they are taken too slowly."""
        return await self._slices.get()

    def _captured(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        self._loop.call_soon_threadsafe(self._keep, bytes(data))

    def _keep(self, pcm: bytes) -> None:
        if self._slices.full():
            self._slices.get_nowait()
            self.lost_ms += SLICE_MS
        self._slices.put_nowait(pcm)


class Loudspeaker:
    """The device's output, at the rate that the sound has; it asks `fill` for so many bytes of it."""

    def __init__(self, library: Any, fill: Callable[[int], bytes]) -> None:
        self._library = library
        self._fill = fill
        self._rate = 0
        self._stream: Any = None

    def at(self, rate: int) -> None:
        """Play at this rate. Raises the library's PortAudioError."""
        if rate == self._rate:
            return
        # The first sound, or another voice: the device is opened anew.
        self.close()
        self._stream = self._library.RawOutputStream(
            samplerate=rate, channels=1, dtype="int16", callback=self._played
        )
        self._rate = rate
        self._stream.start()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._rate = None, 0

    def _played(self, data: Any, frames: int, _time: Any, _status: Any) -> None:
        data[:] = self._fill(frames * 2)


class Pending:
    """Sound that waits to be played. Filled by the loop, emptied by the sound card's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pcm = bytearray()

    def put(self, pcm: bytes) -> None:
        with self._lock:
            self._pcm += pcm

    def clear(self) -> None:
        """Silence, now."""
        with self._lock:
            self._pcm.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._pcm)

    def fill(self, size: int) -> bytes:
        """The next `size` bytes, padded with silence."""
        with self._lock:
            out = bytes(self._pcm[:size])
            del self._pcm[:size]
        return out + bytes(size - len(out))
