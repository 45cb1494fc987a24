"""Which sound was sent under which number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aizuchi.events import Played
from aizuchi.wire.native.ledger import Ledger

Chunk = tuple[int, int, int, int]


@st.composite
def chunks(draw: st.DrawFn) -> list[Chunk]:
    """What a connection may send: numbers rise with gaps, generations rise, chunks differ in length."""
    seq, generation, turn, end, made = 0, 1, 1, 0, list[Chunk]()
    for _ in range(draw(st.integers(0, 40))):
        seq += draw(st.sampled_from([1, 1, 1, 1, 2, 5]))
        if draw(st.integers(0, 9)) == 0:
            generation, turn, end = generation + 1, turn + draw(st.integers(0, 1)), 0
        end += draw(st.sampled_from([20, 20, 20, 20, 0, 7]))
        made.append((seq, generation, turn, end))
    return made


@given(chunks(), st.integers(0, 6), st.integers(0, 150))
def test_done_is_the_chunk_before(sent: list[Chunk], generation: int, seq: int):
    """A report stands for the newest chunk of its generation with that number or a lower one."""
    ledger = Ledger()
    for chunk in sent:
        ledger.sent(*chunk)
    wanted = next((each for each in reversed(sent) if each[1] == generation and each[0] <= seq), None)
    meant = None if wanted is None else Played(wanted[2], at_ms=wanted[3])
    assert ledger.done(generation, seq) == meant


@given(chunks())
def test_whole_once_it_ended(sent: list[Chunk]):
    """After the end of a turn's sound its last chunk means all of it, and an earlier one does not."""
    ledger = Ledger()
    for chunk in sent:
        ledger.sent(*chunk)
    if not sent:
        return
    last = sent[-1]
    ledger.ended(last[2])
    assert ledger.done(last[1], last[0] + 3) == Played(last[2], whole=True)
    before = [each for each in sent[:-1] if each[1] == last[1]]
    if before:
        assert ledger.done(last[1], before[-1][0]) == Played(before[-1][2], at_ms=before[-1][3])


def test_a_minute_of_sound_is_little_to_remember():
    """Frames of one sentence are one line in the book."""
    ledger = Ledger()
    for number in range(3_000):
        ledger.sent(100 + number, 2, 1, 20 + number * 20)
    assert len(ledger._runs) == 1  # pyright: ignore[reportPrivateUsage]
    assert ledger.done(2, 1_100) == Played(1, at_ms=20_020)
    assert ledger.started(2, 5) == Played(1, sentence=5)
    assert ledger.done(3, 1_100) is None
