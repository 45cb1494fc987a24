"""From what one listener saw to manners: was the speaker cut off, did the reply wait, did it go on?

Pure arithmetic over times in seconds of one clock; the sounds' marks say what was lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from marks import Block, Difference, compare

GAP_S = 0.12
"""A reply that sends nothing for so long is silent; its frames come every 20 ms."""


AFTER_S = 0.5
"""A silence that begins later than this after the disturbing sound has another cause."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One utterance and what came of it."""

    cut_off: bool
    """A turn began before the last voiced sample."""
    over_ms: float
    """So much of a reply came while the user was still speaking."""
    dead_air_ms: float | None
    """From the last voiced sample to the reply's first sound; None if it was cut off or never answered."""


def answered(begin: float, end: float, begun: Sequence[float], frames: Sequence[float]) -> Answered:
    """`begun` are the moments at which a turn began; `frames` those at which 20 ms of sound came."""
    over = sum(begin < at < end for at in frames)
    cut = over > 0 or any(begin < at < end for at in begun)
    after = min((at for at in frames if at >= end), default=None)
    return Answered(cut, over * 20.0, None if cut or after is None else (after - end) * 1000)


@dataclass(frozen=True, slots=True)
class Disturbed:
    """One reply into which something sounded; ms from that sound's onset unless said otherwise."""

    held_ms: float | None
    """Until the last byte before the reply fell silent; None when it never did."""
    told_ms: float | None
    """Until the client was told to pause or to stop."""
    ended_ms: float | None
    """Until the reply was ended; None when it went on."""
    resumed_ms: float | None
    """From the end of the disturbing sound until the reply's next sound."""
    silent_ms: float | None
    """How long it was silent in between."""
    sound: Difference


def disturbed(seen: Mapping[str, Any], made: Mapping[int, int]) -> Disturbed:
    """`seen` as `speakers.Speaker.case` reports it; `made` as the voice does.

    The reply's frames are those it sent until it was ended. Frames within `GAP_S` of each other are one
    stretch of sound.
    """
    onset, over, ended = seen["onset"], seen["over"], seen["ended"]
    frames = [at for at in seen["frames"] if ended is None or at <= ended]
    last, again = None, None
    for earlier, later in pairwise(frames):
        if later > onset and later - earlier > GAP_S and onset - GAP_S < earlier < over + AFTER_S:
            last, again = earlier, later
            break
    if last is None and ended is not None and frames:
        last = frames[-1]
    told = min((at for at in (*seen["pauses"], ended) if at is not None and at >= onset), default=None)

    def since(moment: float, at: float | None) -> float | None:
        return None if at is None else (at - moment) * 1000

    blocks = [Block(identity, place) for identity, first, end in seen["runs"] for place in range(first, end)]
    return Disturbed(
        held_ms=since(onset, None if last is None else max(onset, last)),
        told_ms=since(onset, told),
        ended_ms=since(onset, ended),
        resumed_ms=since(over, again),
        silent_ms=None if again is None or last is None else (again - last) * 1000,
        sound=compare(blocks, made),
    )


def runs(blocks: Sequence[Block]) -> list[tuple[int, int, int]]:
    """Blocks as (identity, first, end), for the way from a client's process."""
    told: list[tuple[int, int, int]] = []
    for block in blocks:
        if told and told[-1][0] == block.identity and told[-1][2] == block.place:
            told[-1] = (block.identity, told[-1][1], block.place + 1)
        else:
            told.append((block.identity, block.place, block.place + 1))
    return told
