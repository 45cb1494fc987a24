"""A reply's sound as a delivery wants it: resampled, cut into frames, encoded. Sans-I/O.

Links of one session that want codec, rate and frame alike share an `Encoding`: each slice is resampled and
cut once, and each frame encoded once, when the first of them sends it; the others get the same bytes. A frame
that nobody sends, because the reply was cut off, is not encoded.

A codec remembers: packet n can only be made after packet n-1, and is best decoded after it. So

* every sentence is a stream with an encoder of its own; what was dropped before it does not matter to it;
* within a sentence frames are encoded in their order, whichever link asks first;
* who joins in mid-sentence gets the rest of the stream that runs. To its decoder that is like lost packets
  before, from which it has recovered after a frame or two;
* when a held turn goes on and frames are sent again, they are the very packets that were sent before. To a
  decoder that jump back is again like a loss. No encoder is turned back, so the other links' streams stay
  whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from weakref import WeakValueDictionary

from aizuchi.events import Entry, Speech
from aizuchi.ports import Delivery


class Encoder(Protocol):
    """Turns PCM of the delivery's rate into a packet's payload; one stream's, in order."""

    def __call__(self, pcm: bytes) -> bytes: ...


class Resampler(Protocol):
    """Streaming change of rate; `last` flushes."""

    def __call__(self, pcm: bytes, last: bool) -> bytes: ...


class Cut:
    """One frame of a sentence: `pcm` at `rate` Hz, `ms` long. Shared by all links that send it."""

    __slots__ = ("_before", "_encode", "_packet", "first", "last", "ms", "pcm", "rate")

    def __init__(
        self, pcm: bytes, rate: int, encode: Encoder | None, before: Cut | None, *, first: bool
    ) -> None:
        self.pcm = pcm
        self.rate = rate
        self.ms = len(pcm) / 2 / rate * 1000
        self.first = first
        """The first of its sentence."""
        self.last = False
        """The last of its sentence; `pcm` may then be empty."""
        self._encode = encode
        self._before = before
        """The frame before it in the stream, until this one is encoded."""
        self._packet: bytes | None = None if encode is not None and pcm else pcm

    def packet(self) -> bytes:
        """The payload. The first call encodes, the frames before it as well if that was not done yet."""
        if self._packet is None:
            owed: list[Cut] = []
            cut: Cut | None = self
            while cut is not None and cut._packet is None:
                owed.append(cut)
                cut = cut._before
            for each in reversed(owed):
                assert each._encode is not None
                each._packet, each._encode, each._before = each._encode(each.pcm), None, None
        return self._packet if self._packet is not None else b""


class _Stream:
    """One sentence's sound at one rate."""

    def __init__(
        self,
        sentence: int,
        rate_in: int,
        delivery: Delivery,
        encode: Encoder | None,
        resampler: Resampler | None,
    ) -> None:
        self.sentence = sentence
        self.rate_in = rate_in
        self._rate = delivery.rate or rate_in
        self._size = self._rate * delivery.frame_ms // 1000 * 2
        self._encode = encode
        self._resampler = resampler
        self._rest = b""
        self._newest: Cut | None = None
        self.begun = False
        """A frame of this sentence was cut, here or in the stream that this one continues."""

    def cut(self, pcm: bytes, last: bool) -> list[Cut]:
        if self._resampler is not None:
            pcm = self._resampler(pcm, last)
        data, size = self._rest + pcm, self._size
        whole = len(data) // size * size
        frames = [data[i : i + size] for i in range(0, whole, size)]
        self._rest = data[whole:]
        if last and self._rest:
            # A codec takes whole frames only.
            frames.append(self._rest if self._encode is None else self._rest.ljust(size, b"\0"))
            self._rest = b""
        if last and not frames:
            frames = [b""]
        cuts = [self._made(pcm) for pcm in frames]
        if last:
            cuts[-1].last = True
        return cuts

    def _made(self, pcm: bytes) -> Cut:
        cut = Cut(pcm, self._rate, self._encode, self._newest, first=not self.begun)
        self.begun = True
        if self._encode is not None:
            self._newest = cut
        return cut


class Encoding:
    """What links with equal codec, rate and frame share.

    `encoder(rate)` makes the encoder of one stream (None: PCM as it is), `resampler(rate_in, rate_out)` a
    streaming resampler; the latter is needed only when the delivery fixes a rate.
    """

    def __init__(
        self,
        delivery: Delivery,
        encoder: Callable[[int], Encoder] | None = None,
        resampler: Callable[[int, int], Resampler] | None = None,
    ) -> None:
        self._delivery = delivery
        self._encoder = encoder if delivery.codec == "opus" else None
        self._resampler = resampler
        self._streams: dict[int, _Stream] = {}
        """By turn: that of the sentence which is being spoken."""
        self._entry: Entry | None = None
        self._cuts: list[Cut] = []

    def cut(self, entry: Entry, speech: Speech) -> list[Cut]:
        """The frames that a slice completes. All links ask for the same entry one after the other."""
        if entry is not self._entry:
            self._cuts = self._stream(speech).cut(speech.pcm, speech.last)
            self._entry = entry
        return self._cuts

    def over(self, turn: int) -> None:
        """Nothing more of the turn will come. May be told by each link."""
        self._streams.pop(turn, None)

    def _stream(self, speech: Speech) -> _Stream:
        stream = self._streams.get(speech.turn)
        if stream is not None and (stream.sentence, stream.rate_in) == (speech.sentence, speech.rate):
            return stream
        wanted = self._delivery.rate
        resampler = None
        if wanted is not None and wanted != speech.rate and self._resampler is not None:
            resampler = self._resampler(speech.rate, wanted)
        encode = None if self._encoder is None else self._encoder(wanted or speech.rate)
        fresh = _Stream(speech.sentence, speech.rate, self._delivery, encode, resampler)
        fresh.begun = stream is not None and stream.sentence == speech.sentence and stream.begun
        self._streams[speech.turn] = fresh
        return fresh


class Encodings:
    """One session's: who wants sound alike gets the same `Encoding`, as long as anybody has it."""

    def __init__(
        self,
        encoder: Callable[[int], Encoder] | None = None,
        resampler: Callable[[int, int], Resampler] | None = None,
    ) -> None:
        self._encoder = encoder
        self._resampler = resampler
        self._shared: WeakValueDictionary[tuple[str, int | None, int], Encoding] = WeakValueDictionary()

    def of(self, delivery: Delivery) -> Encoding:
        key = (delivery.codec, delivery.rate, delivery.frame_ms)
        encoding = self._shared.get(key)
        if encoding is None:
            encoding = self._shared[key] = Encoding(delivery, self._encoder, self._resampler)
        return encoding

    def __len__(self) -> int:
        return len(self._shared)
