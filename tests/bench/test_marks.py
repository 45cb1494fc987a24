"""The counter in the bench's sound: what was lost or came twice must be seen, and nothing else."""

import numpy as np
import pytest
from marks import BLOCK, Block, Reader, compare, marked


def sound(blocks: int, identity: int = 7, first: int = 0) -> bytes:
    noise = np.random.default_rng(identity).normal(0, 3000, blocks * BLOCK).astype(np.int16)
    return marked(noise, identity, first).astype("<i2").tobytes()


@pytest.mark.parametrize("size", [2, 118, 640, 962, 100_000])
def test_every_block_is_read_however_the_stream_is_cut(size: int):
    """A counter that is only found on frame borders would call every hold a loss."""
    reader, pcm = Reader(), sound(50, first=1000)
    blocks = [block for at in range(0, len(pcm), size) for block in reader.feed(pcm[at : at + size])]
    assert blocks == [Block(7, 1000 + place) for place in range(50)]


def test_sound_without_marks_reads_as_nothing():
    """Noise and silence have no counter."""
    noise = np.random.default_rng(1).normal(0, 3000, 200_000).astype("<i2").tobytes()
    assert Reader().feed(noise) == []
    assert Reader().feed(bytes(100_000)) == []


def test_marks_change_a_sample_by_one_at_most():
    """Nobody hears them."""
    plain = np.array([32767, -32768, 0, 1, -1] * 24, np.int16)
    assert np.abs(marked(plain, 3).astype(int) - plain).max() <= 1


def test_reading_goes_on_after_a_cut_inside_a_block():
    """A frame that was dropped costs its blocks and no more."""
    pcm = sound(20)
    places = [block.place for block in Reader().feed(pcm[: 5 * 120 + 30] + pcm[9 * 120 :])]
    assert places == [*range(5), *range(9, 20)]


def blocks(*spans: tuple[int, int, int]) -> list[Block]:
    return [Block(identity, place) for identity, first, end in spans for place in range(first, end)]


@pytest.mark.parametrize(
    "received, lost, unsaid, repeated, disordered",
    [
        (blocks((1, 0, 10), (2, 0, 5)), 0, 0, 0, 0),
        (blocks((1, 0, 4), (1, 6, 10), (2, 0, 5)), 2, 0, 0, 0),
        (blocks((1, 0, 6), (1, 4, 10), (2, 0, 5)), 0, 0, 2, 1),
        (blocks((1, 0, 10)), 0, 5, 0, 0),
        (blocks((1, 0, 8), (2, 0, 5)), 2, 0, 0, 0),
        (blocks((2, 0, 5), (1, 0, 10)), 0, 0, 0, 1),
        (blocks((1, 0, 10), (9, 0, 3), (2, 0, 5)), 0, 0, 0, 0),
        ([], 0, 15, 0, 0),
    ],
)
def test_difference(received: list[Block], lost: int, unsaid: int, repeated: int, disordered: int):
    """What is missing in the middle is lost, at the end unsaid; what came twice is counted once."""
    told = compare(received, {1: 10, 2: 5})
    assert (told.lost, told.unsaid, told.repeated, told.disordered) == (lost, unsaid, repeated, disordered)
