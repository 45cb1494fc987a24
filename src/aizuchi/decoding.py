"""Containers decoded while they arrive: MP3, WAV, Ogg Opus, AAC, FLAC and whatever else libav knows."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aizuchi.errors import ProviderError
from aizuchi.ports import Audio
from aizuchi.wav import WavReader

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

STEP: Final = 4 << 10
"""Bytes a decoder gets at a time, so that the first sound does not wait for a large chunk."""
STEP_OUT: Final = 64 << 10
"""Bytes of sound after which a decoder pauses: a few bytes of some formats hold hours of silence."""
STEP_TIMEOUT: Final = 10.0
"""Seconds for one step of a decoder, which takes a millisecond."""
BAD_PACKETS: Final = 50
"""Broken packets in a row after which a stream is given up; single ones are skipped."""
BARE: Final = frozenset({"pcm", "l16", "raw", "x-raw", "s16le", "pcm_s16le"})


async def decode(
    chunks: AsyncIterable[bytes], format: str, *, rate: int = 24_000
) -> AsyncGenerator[Audio, None]:
    """Decode sound while it arrives: slices in order, mono s16le, at the stream's own rate.

    `format` is a name or a MIME type. `pcm`, `audio/pcm` and `audio/L16` mean bare s16le at `rate`, or at
    the type's own `rate=` parameter; anything else (MP3, WAV, Ogg Opus, AAC, FLAC, ...) is recognised by
    its content, since servers do not always send what was asked for. An empty stream gives nothing.
    Raises ProviderError for what can't be decoded. The caller closes `chunks`.
    """
    kind, _, parameters = format.lower().partition(";")
    begun = b""
    decoder: _Bare | _Wav | _Pump | None = None

    def begin() -> _Bare | _Wav | _Pump:
        if begun[:4] in (b"RIFF", b"RF64"):
            return _Wav()
        if kind.strip().rpartition("/")[2] in BARE:
            return _Bare(_rate_of(parameters, rate))
        return _Pump(kind.strip())

    try:
        async for chunk in chunks:
            if decoder is None:
                begun += chunk
                if len(begun) < 4:
                    continue
                chunk, decoder = begun, begin()
            for start in range(0, len(chunk), STEP):
                decoder.feed(chunk[start : start + STEP])
                while audio := await decoder.more():
                    yield audio
        if decoder is None and begun:
            decoder = begin()
            decoder.feed(begun)
        if decoder is not None:
            decoder.feed(b"", last=True)
            while audio := await decoder.more():
                yield audio
    finally:
        if isinstance(decoder, _Pump):
            decoder.stop()


def _rate_of(parameters: str, default: int) -> int:
    """The `rate` of a MIME type's parameters."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "rate" and value.strip().isdecimal() and 1_000 <= int(value) <= 768_000:
            return int(value)
    return default


class _Bare:
    """s16le without a container; only split samples need care."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._data = b""

    def feed(self, data: bytes, last: bool = False) -> None:
        self._data += data

    async def more(self) -> Audio | None:
        whole = len(self._data) // 2 * 2
        data, self._data = self._data[:whole], self._data[whole:]
        return Audio(data, self._rate) if data else None


class _Wav:
    """WAV needs no decoder library."""

    def __init__(self) -> None:
        self._reader = WavReader()
        self._pcm = b""

    def feed(self, data: bytes, last: bool = False) -> None:
        try:
            self._pcm += self._reader.push(data)
            if last:
                self._reader.end()
        except ValueError as error:
            raise ProviderError(str(error)) from error

    async def more(self) -> Audio | None:
        pcm, self._pcm = self._pcm, b""
        return Audio(pcm, self._reader.rate) if pcm else None


class _Pump:
    """libav's blocking decoder in a thread of its own, taking turns with the event loop.

    Either side runs while the other waits: the loop hands over some bytes and resumes the thread; the
    thread decodes until it wants more, has made enough, or has ended, and hands back. So nothing they
    share needs a lock, nothing can pile up on either side, and a stop finds the thread at a known place.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._loop = asyncio.get_running_loop()
        self._paused = asyncio.Event()
        self._resume = threading.Semaphore(0)
        self._input = b""
        self._last = False
        self._stopped = False
        self._ended = False
        self._error: Exception | None = None
        self._made: deque[Audio] = deque()
        self._size = 0
        self._resampler: AudioResampler | None = None
        self._rate = 0
        self._thread = threading.Thread(target=self._run, name="aizuchi-decode", daemon=True)

    # -- the event loop's side

    def feed(self, data: bytes, last: bool = False) -> None:
        self._input += data
        self._last = last

    async def more(self) -> Audio | None:
        """The next slice, or None when more input is wanted or all is done."""
        while not self._made and not self._ended and (self._input or self._last):
            self._size = 0
            self._paused.clear()
            if self._thread.ident is None:
                self._thread.start()
            else:
                self._resume.release()
            try:
                async with asyncio.timeout(STEP_TIMEOUT):
                    await self._paused.wait()
            except TimeoutError:
                raise ProviderError(f"decoding {self._kind} stood still for {STEP_TIMEOUT:g} s") from None
        if self._made:
            rate = self._made[0].rate
            pieces: list[bytes] = []
            while self._made and self._made[0].rate == rate:
                pieces.append(self._made.popleft().pcm)
            return Audio(b"".join(pieces), rate)
        if self._error is not None:
            reason = getattr(self._error, "strerror", None) or self._error
            raise ProviderError(f"cannot decode this as {self._kind} sound: {reason}") from self._error
        return None

    def stop(self) -> None:
        """End the thread, wherever it is."""
        self._stopped = True
        self._resume.release()

    # -- the thread's side

    def read(self, size: int) -> bytes:
        """Called by libav; blocks until there is something. Empty means the end."""
        if not self._input and not self._last and not self._stopped:
            self._pause()
        if self._stopped:
            return b""
        data, self._input = self._input[:size], self._input[size:]
        return data

    def _pause(self) -> None:
        self._tell()
        self._resume.acquire()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._paused.set)

    def _run(self) -> None:
        import av.error

        try:
            self._decode()
        except (av.error.FFmpegError, ValueError) as error:
            self._error = error
        finally:
            self._ended = True
            self._tell()

    def _decode(self) -> None:
        import av
        import av.error

        # A small probe: libav otherwise reads up to 5 MB before the first sample.
        options = {"probesize": "2048", "analyzeduration": "0"}
        bad = 0
        with av.open(self, "r", options=options, buffer_size=STEP) as container:
            if not container.streams.audio:
                raise ValueError("it holds no sound")
            for packet in container.demux(audio=0):
                if self._stopped:
                    return
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    bad += 1
                    if bad > BAD_PACKETS:
                        raise
                    continue
                for frame in frames:
                    bad = 0
                    self._keep(frame)
                if self._size > STEP_OUT:
                    self._pause()
            if self._resampler is not None:
                self._take(self._resampler.resample(None))

    def _keep(self, frame: Any) -> None:
        import av

        if self._resampler is None or self._rate != frame.sample_rate:
            self._rate = frame.sample_rate
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate)
        self._take(self._resampler.resample(frame))

    def _take(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            if frame.samples:
                pcm = frame.to_ndarray().tobytes()
                self._made.append(Audio(pcm, self._rate))
                self._size += len(pcm)
