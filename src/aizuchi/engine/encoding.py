"""A reply's sound as a delivery wants it: resampled, cut into frames, encoded. Sans-I/O.

Links of one session that want codec, rate and frame alike share an `Encoding`: each slice is resampled and
cut once, and each frame encoded once, when the first of them sends it; the others get the same bytes. A frame
that nobody sends, because the reply was cut off, is not encoded.

A codec remembers: packet n can only be made after packet n-1, and is best decoded after it. So

* every sentence is a stream with an encoder of its own; what was dropped before it does not matter to it;
* within a sentence frames are encoded in their order, whichever link asks first;
* a sentence that was said before with the same sound, a greeting or an apology, gets the packets it had then
  (`Phrases`, for all sessions). Should it differ after all, its encoder is fed what it was spared;
* who joins in mid-sentence gets the rest of the stream that runs. To its decoder that is like lost packets
  before, from which it has recovered after a frame or two;
* when a held turn goes on and frames are sent again, they are the very packets that were sent before. To a
  decoder that jump back is again like a loss. No encoder is turned back, so the other links' streams stay
  whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, Protocol
from weakref import WeakValueDictionary

from aizuchi.events import Entry, Speech
from aizuchi.ports import Delivery

KEPT_PACKETS: Final = 10_000
"""Of phrases, for all sessions: over three minutes of 20 ms, about 1.5 MB."""
KEPT_ANNOUNCED: Final = 1_000
KEPT_BEGINNINGS: Final = 2_000
"""So many sentences' beginnings are remembered, to know a phrase when it comes again."""


class Encoder(Protocol):
    """Turns PCM of the delivery's rate into a packet's payload; one stream's, in order."""

    def __call__(self, pcm: bytes) -> bytes: ...


class Resampler(Protocol):
    """Streaming change of rate; `last` flushes."""

    def __call__(self, pcm: bytes, last: bool) -> bytes: ...


class Phrases:
    """Packets of what is said again and again, for all sessions.

    A sentence whose first slice of sound has come before, or was announced, is taken for a phrase: most
    sentences never come again and are not kept. A packet is known by all sound of its sentence up to it, and
    by how it was made.
    """

    def __init__(self) -> None:
        self._announced: OrderedDict[bytes, None] = OrderedDict()
        self._beginnings: OrderedDict[bytes, None] = OrderedDict()
        self._packets: OrderedDict[bytes, bytes] = OrderedDict()

    def announce(self, pcm: bytes) -> None:
        """A sentence that begins with this slice will be said more than once."""
        key = blake2b(pcm, digest_size=16).digest()
        self._announced[key] = None
        self._announced.move_to_end(key)
        if len(self._announced) > KEPT_ANNOUNCED:
            self._announced.popitem(last=False)

    def begins(self, made: str, pcm: bytes) -> bytes | None:
        """A sentence begins with this slice: the key it starts from if it may be a phrase, else None."""
        key = blake2b(pcm, digest_size=16, key=made.encode()[:64]).digest()
        known = key in self._beginnings or blake2b(pcm, digest_size=16).digest() in self._announced
        self._beginnings[key] = None
        self._beginnings.move_to_end(key)
        if len(self._beginnings) > KEPT_BEGINNINGS:
            self._beginnings.popitem(last=False)
        return blake2b(made.encode(), digest_size=16).digest() if known else None

    def packet(self, key: bytes) -> bytes | None:
        packet = self._packets.get(key)
        if packet is not None:
            self._packets.move_to_end(key)
        return packet

    def keep(self, key: bytes, packet: bytes) -> None:
        self._packets[key] = packet
        if len(self._packets) > KEPT_PACKETS:
            self._packets.popitem(last=False)


class Cut:
    """One frame of a sentence: `pcm` at `rate` Hz, `ms` long. Shared by all links that send it."""

    __slots__ = ("_before", "_packet", "_stream", "first", "key", "last", "ms", "pcm", "rate")

    def __init__(
        self, pcm: bytes, rate: int, stream: _Stream | None, before: Cut | None, *, first: bool
    ) -> None:
        self.pcm = pcm
        self.rate = rate
        self.ms = len(pcm) / 2 / rate * 1000
        self.first = first
        """The first of its sentence."""
        self.last = False
        """The last of its sentence; `pcm` may then be empty."""
        self.key: bytes | None = None
        """Of its packet among the phrases."""
        self._stream = stream
        """Whose encoder has not seen it yet; None when it has, or when there is nothing to encode."""
        self._before = before
        self._packet: bytes | None = pcm if stream is None else None

    def packet(self) -> bytes:
        """The payload. The first call encodes, the frames before it as well if that was not done yet."""
        if self._packet is None:
            assert self._stream is not None
            self._packet = self._stream.known(self) or self._encoded()
        return self._packet

    def _encoded(self) -> bytes:
        owed: list[Cut] = []
        cut: Cut | None = self
        while cut is not None and cut._stream is not None:
            owed.append(cut)
            cut = cut._before
        for each in reversed(owed):
            assert each._stream is not None
            # One that had its packet from the phrases keeps it: it is the same.
            each._packet = each._stream.encoded(each)
            each._stream = each._before = None
        assert self._packet is not None
        return self._packet


class _Stream:
    """One sentence's sound at one rate."""

    def __init__(
        self,
        sentence: int,
        rate_in: int,
        delivery: Delivery,
        encode: Encoder | None,
        resampler: Resampler | None,
        phrases: Phrases | None,
    ) -> None:
        self.sentence = sentence
        self.rate_in = rate_in
        self._rate = delivery.rate or rate_in
        self._size = self._rate * delivery.frame_ms // 1000 * 2
        self._encode = encode
        self._resampler = resampler
        self._phrases = phrases
        self._made = f"{delivery.codec} {self._rate} {delivery.frame_ms} of {rate_in}"
        self._key: bytes | None = None
        """Stands for all sound of the sentence so far, if it may be a phrase."""
        self._rest = b""
        self._newest: Cut | None = None
        self._heard = False
        self.begun = False
        """A frame of this sentence was cut, here or in the stream that this one continues."""

    def cut(self, pcm: bytes, last: bool) -> list[Cut]:
        if self._phrases is not None and self._encode is not None and not self.begun and not self._heard:
            self._key = self._phrases.begins(self._made, pcm)
        self._heard = True
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
        cuts = [self._frame(pcm) for pcm in frames]
        if last:
            cuts[-1].last = True
        return cuts

    def _frame(self, pcm: bytes) -> Cut:
        stream = self if self._encode is not None and pcm else None
        cut = Cut(pcm, self._rate, stream, self._newest, first=not self.begun)
        self.begun = True
        if stream is not None:
            self._newest = cut
            if self._key is not None:
                cut.key = self._key = blake2b(pcm, digest_size=16, key=self._key).digest()
        return cut

    def known(self, cut: Cut) -> bytes | None:
        """The packet that a phrase had at this place."""
        return None if self._phrases is None or cut.key is None else self._phrases.packet(cut.key)

    def encoded(self, cut: Cut) -> bytes:
        """The packet of the frame that is next."""
        assert self._encode is not None
        packet = self._encode(cut.pcm)
        if self._phrases is not None and cut.key is not None:
            self._phrases.keep(cut.key, packet)
        return packet


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
        phrases: Phrases | None = None,
    ) -> None:
        self._delivery = delivery
        self._phrases = phrases
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
        fresh = _Stream(speech.sentence, speech.rate, self._delivery, encode, resampler, self._phrases)
        fresh.begun = stream is not None and stream.sentence == speech.sentence and stream.begun
        self._streams[speech.turn] = fresh
        return fresh


class Encodings:
    """One session's: who wants sound alike gets the same `Encoding`, as long as anybody has it."""

    def __init__(
        self,
        encoder: Callable[[int], Encoder] | None = None,
        resampler: Callable[[int, int], Resampler] | None = None,
        phrases: Phrases | None = None,
    ) -> None:
        self._encoder = encoder
        self._resampler = resampler
        self._phrases = phrases
        self._shared: WeakValueDictionary[tuple[str, int | None, int], Encoding] = WeakValueDictionary()

    def of(self, delivery: Delivery) -> Encoding:
        key = (delivery.codec, delivery.rate, delivery.frame_ms)
        encoding = self._shared.get(key)
        if encoding is None:
            encoding = self._shared[key] = Encoding(delivery, self._encoder, self._resampler, self._phrases)
        return encoding

    def __len__(self) -> int:
        return len(self._shared)
