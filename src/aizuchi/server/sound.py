"""Ways out with the codecs and the resampling of this house; each is loaded when it is first needed."""

from __future__ import annotations

from functools import cache

from aizuchi.engine.encoding import Encoder, Encodings, Phrases, Resampler
from aizuchi.engine.outbox import Outbox
from aizuchi.errors import ConfigError
from aizuchi.ports import Delivery


def way_out(delivery: Delivery, encodings: Encodings) -> Outbox:
    """A link's outbox; what its session's links want alike is made once. Raises ConfigError."""
    if delivery.codec == "opus":
        from aizuchi.opus import library

        if delivery.rate is None:
            raise ConfigError("a wire that wants Opus must state its rate")
        library()
    return Outbox(delivery, encodings.of(delivery))


def encodings() -> Encodings:
    """For one session; what is said again and again is encoded once for all of them."""
    return Encodings(_opus, _soxr, phrases())


@cache
def phrases() -> Phrases:
    """One for the process: a packet is known by its sound, so whose it was does not matter."""
    return Phrases()


def _opus(rate: int) -> Encoder:
    from aizuchi.opus import OpusEncoder

    return OpusEncoder(rate).encode


def _soxr(source: int, target: int) -> Resampler:
    from aizuchi.audio import Resampler as Soxr

    return Soxr(source, target)
