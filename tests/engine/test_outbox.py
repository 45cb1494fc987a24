"""What may leave, when, and what never does."""

from __future__ import annotations

from typing import Any

import pytest

from aizuchi.engine.encoding import Encoding
from aizuchi.engine.outbox import Outbox
from aizuchi.events import (
    Entry,
    Event,
    Heard,
    Interrupted,
    Packet,
    Sentence,
    Speech,
    SpeechDone,
    StateChanged,
    TextDelta,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Delivery

RATE = 16_000


class Box:
    """An outbox, a clock moved by hand and a pen that numbers the entries."""

    def __init__(self, delivery: Delivery | None = None, **more: Any) -> None:
        self.box = Outbox(delivery or Delivery(), **more)
        self.now = 100.0
        self.generation = 1
        self._seq = 0

    def put(self, event: Event, generation: int | None = None, turn: int | None = None) -> None:
        turn = getattr(event, "turn", turn)
        self.box.put(Entry(self._seq, self.now, turn, generation or self.generation, event), self.now)
        self._seq += 1

    def speech(self, ms: int, *, turn: int = 1, sentence: int = 0, at_ms: int = 0, last: bool = True) -> None:
        self.put(Speech(turn, sentence, at_ms, b"\1\2" * (RATE * ms // 1000), RATE, last))

    def taken(self) -> list[Event]:
        """Everything that may leave at this instant."""
        events: list[Event] = []
        while (entry := self.box.take(self.now)) is not None:
            events.append(entry.event)
        return events

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.taken()]

    def run(self, seconds: float) -> list[tuple[float, Event]]:
        """Follow the deadlines for some seconds."""
        until, left = self.now + seconds, [(self.now, event) for event in self.taken()]
        while (due := self.box.deadline(self.now)) is not None and due <= until:
            self.now = due
            left += [(self.now, event) for event in self.taken()]
        self.now = until
        return left


def test_sound_is_cut_in_frames_and_nothing_is_lost():
    """Odd slices become frames of 20 ms; the last one is what remains."""
    box = Box(Delivery(lead_ms=100_000))
    box.put(Speech(1, 0, 0, b"ab" * 500, RATE))
    box.put(Speech(1, 0, 31, b"cd" * 500, RATE, last=True))
    packets = [event for event in box.taken() if isinstance(event, Packet)]
    assert b"".join(packet.data for packet in packets) == b"ab" * 500 + b"cd" * 500
    assert [len(packet.data) for packet in packets] == [640, 640, 640, 80]
    assert [packet.index for packet in packets] == [0, 1, 2, 3]
    assert [packet.first for packet in packets] == [True, False, False, False]
    assert [packet.last for packet in packets] == [False, False, False, True]


def test_at_most_the_lead_is_ahead_of_real_time():
    """At no moment has more sound left than time has passed, plus the lead."""
    box = Box(Delivery(lead_ms=200))
    box.speech(3000)
    sent = 0.0
    for at, event in box.run(5.0):
        assert isinstance(event, Packet)
        sent += event.ms
        assert sent <= (at - 100.0) * 1000 + 200.001
    assert sent == 3000


def test_text_overtakes_sound_and_endings_do_not():
    """Subtitles are early; the end of the reply comes after its last frame."""
    box = Box(Delivery(lead_ms=40))
    box.speech(200)
    box.put(TextDelta("later text"))
    box.put(SpeechDone(1, 200))
    box.put(TextDelta("still text"))
    box.put(StateChanged("idle", "speaking", "done"))
    box.put(TurnEnded(1, "finished"))
    box.put(Heard(2, "next"))
    assert box.names()[:2] == ["TextDelta", "TextDelta"]
    tail = [type(event).__name__ for _, event in box.run(1.0)]
    assert tail[-4:] == ["SpeechDone", "StateChanged", "TurnEnded", "Heard"]
    assert set(tail[:-4]) == {"Packet"}


def test_the_cut():
    """After an interrupt nothing of the old generation leaves, whatever lane it waited in."""
    box = Box(Delivery(lead_ms=40))
    box.speech(1000)
    box.put(SpeechDone(1, 1000))
    box.put(StateChanged("idle", "speaking", "done"))
    box.put(TextDelta("stale"))
    box.generation = 2
    box.put(Interrupted("click", 1, 1))
    box.put(StateChanged("idle", "idle", "click"))
    box.put(TextDelta("late worker"), generation=1)
    box.put(TextDelta("new"))
    names = [type(event).__name__ for _, event in box.run(5.0)]
    assert names == ["StateChanged", "Interrupted", "StateChanged", "TextDelta"]


def test_the_cut_says_how_much_it_dropped():
    """The caller learns the milliseconds that were queued."""
    box = Box(Delivery(lead_ms=40))
    box.speech(1000)
    left = sum(event.ms for event in box.taken() if isinstance(event, Packet))
    assert box.box.cut(2) == 1000 - left


def test_new_sound_after_a_cut_is_not_delayed():
    """The dead turn's pacing does not hold back the next one."""
    box = Box(Delivery(lead_ms=200))
    box.speech(5000)
    box.taken()
    box.generation = 2
    box.put(Interrupted("click", 1, 1))
    box.speech(1000, turn=2)
    assert box.names().count("Packet") == 10


@pytest.mark.parametrize("same_generation", [True, False])
def test_hold_and_resume(same_generation: bool):
    """What the client still has is not sent twice; what it threw away is, with the new generation."""
    box = Box(Delivery(lead_ms=100, can_hold=True))
    box.speech(400)
    first = [event for event in box.taken() if isinstance(event, Packet)]
    assert sum(packet.ms for packet in first) == 100
    box.put(TurnHeld(1, 40))
    assert box.names() == ["TurnHeld"]
    assert box.run(5.0) == []
    box.generation = 1 if same_generation else 3
    box.put(TurnResumed(1, 40))
    again = [event for _, event in box.run(5.0) if isinstance(event, Packet)]
    assert again[0].at_ms == (100 if same_generation else 40)
    assert again[-1].last


def test_a_reply_in_between_does_not_touch_the_held_one():
    """Music goes on after somebody else has spoken, even when that reply was cut."""
    box = Box(Delivery(lead_ms=100))
    box.put(Sentence(1, 0, "la", "la"))
    box.speech(400)
    box.run(0.1)
    box.put(TurnHeld(1, 100))
    box.generation = 2
    box.put(TurnBegun(2, "user"))
    box.speech(400, turn=2)
    box.run(0.05)
    box.generation = 3
    box.put(Interrupted("barge_in", 2, 2))
    box.generation = 4
    box.put(TurnResumed(1, 100))
    packets = [event for _, event in box.run(5.0) if isinstance(event, Packet)]
    assert {packet.turn for packet in packets} == {1}
    assert sum(packet.ms for packet in packets) == 300


def test_what_a_slow_link_has_not_got_is_not_left_out():
    """The reference ear may be ahead of it: on resuming it gets all that never left, the rest once."""
    box = Box(Delivery(lead_ms=100))
    box.put(Sentence(1, 0, "la", "la"))
    box.speech(400)
    first = [event for _, event in box.run(0.1) if isinstance(event, Packet)]
    box.put(TurnHeld(1, 300))
    box.generation = 3
    box.put(TurnResumed(1, 300))
    again = [event for _, event in box.run(5.0) if isinstance(event, Packet)]
    places = [packet.at_ms for packet in (*first, *again)]
    assert places == list(range(0, 400, 20))


def test_a_late_ear_is_resumed_where_it_was():
    """A client with much sound ahead that reports late still gets all of it again."""
    box = Box(Delivery(lead_ms=800, can_hold=True))
    box.put(Sentence(1, 0, "la", "la"))
    box.speech(4000)
    box.run(1.5)
    box.put(TurnHeld(1, 1000))
    box.generation = 3
    box.put(TurnResumed(1, 1000))
    again = [event for _, event in box.run(9.0) if isinstance(event, Packet)]
    assert [packet.at_ms for packet in again] == list(range(1000, 4000, 20))


def test_a_second_pause_finds_what_the_client_still_had():
    """Paused by a cough and at once again by a question: what was only in the client's buffer comes again."""
    box = Box(Delivery(lead_ms=800, can_hold=True))
    box.put(Sentence(1, 0, "la", "la"))
    box.speech(4000)
    box.run(1.0)
    box.put(TurnHeld(1, 1000))
    box.put(TurnResumed(1, 1000))
    box.run(0.06)
    box.put(TurnHeld(1, 1060))
    box.generation = 3
    box.put(TurnResumed(1, 1060))
    again = [event for _, event in box.run(9.0) if isinstance(event, Packet)]
    assert [packet.at_ms for packet in again] == list(range(1060, 4000, 20))


@pytest.mark.parametrize("can_hold", [True, False])
@pytest.mark.parametrize("pause", [0.05, 1.0])
def test_a_pause_keeps_the_lead(can_hold: bool, pause: float):
    """Nothing twice and nothing lost; a client that paused has what it had, any other played on meanwhile."""
    box = Box(Delivery(lead_ms=200, can_hold=can_hold))
    box.speech(2000)
    before = [event for _, event in box.run(0.5) if isinstance(event, Packet)]
    assert sum(packet.ms for packet in before) == 700
    box.put(TurnHeld(1, 500))
    assert [type(event) for _, event in box.run(pause)] == [TurnHeld]
    box.put(TurnResumed(1, 500))
    resumed, ear = box.now, 500 + (0 if can_hold else min(pause, 0.2) * 1000)
    after = [(at, event) for at, event in box.run(9.0) if isinstance(event, Packet)]
    assert [packet.at_ms for packet in (*before, *(each for _, each in after))] == list(range(0, 2000, 20))
    for at, packet in after:
        assert packet.at_ms + packet.ms <= ear + (at - resumed) * 1000 + 200.001
    # Nor does the ear run dry: each frame is there before the one before it has been played.
    for at, packet in after:
        assert packet.at_ms >= ear + (at - resumed) * 1000 - 0.001


def test_going_on_is_told_before_the_sound():
    """A client must not hear the reply and believe that it is held; what is older comes first."""
    box = Box(Delivery(lead_ms=40))
    box.speech(200)
    box.put(TurnHeld(1, 0))
    box.put(TurnResumed(1, 0))
    box.put(StateChanged("speaking", "speaking", "resumed"), turn=1)
    box.put(TextDelta("more"))
    assert box.names()[:5] == ["TurnHeld", "TurnResumed", "StateChanged", "TextDelta", "Packet"]


def test_gaps_and_tail():
    """Clients that want quiet between sentences, before the first and after the last get it."""
    box = Box(Delivery(lead_ms=0, start_gap_ms=60, sentence_gap_ms=100, tail_ms=50))
    box.put(TurnBegun(1, "user"))
    box.speech(40)
    box.speech(40, sentence=1, at_ms=40)
    box.put(TurnEnded(1, "finished"))
    left = box.run(5.0)
    times = [round((at - 100.0) * 1000) for at, event in left if isinstance(event, Packet)]
    assert times == [60, 80, 200, 220]
    assert round((left[-1][0] - 100.0) * 1000) == 290


def test_text_only_links_get_no_sound_and_do_not_wait_for_it():
    """The ends come at once when there is nothing to pace."""
    box = Box(Delivery(codec="none"))
    box.speech(1000)
    box.put(StateChanged("idle", "speaking", "done"))
    assert box.names() == ["StateChanged"]


def test_one_shot_links_get_all_sound_at_once():
    """Without pacing the queue never waits."""
    box = Box(Delivery(paced=False))
    box.speech(3000)
    box.put(SpeechDone(1, 3000))
    names = box.names()
    assert names.count("Packet") == 150
    assert names[-1] == "SpeechDone"


def test_opus_frames_are_whole_and_encoded_when_they_leave():
    """The encoder sees full frames, and only those that are really sent."""
    seen: list[int] = []

    def encode(pcm: bytes) -> bytes:
        seen.append(len(pcm))
        return b"opus"

    delivery = Delivery(codec="opus", rate=RATE, frame_ms=60, lead_ms=60)
    box = Box(delivery, encoding=Encoding(delivery, lambda _rate: encode))
    box.speech(200)
    assert box.names() == ["Packet"]
    assert seen == [1920]
    packets = [event for _, event in box.run(5.0) if isinstance(event, Packet)]
    assert seen == [1920] * 4
    assert {packet.codec for packet in packets} == {"opus"}


def test_deadline_is_when_take_has_something():
    """Following the deadlines never polls in vain and never sleeps too long."""
    box = Box(Delivery(lead_ms=40))
    assert box.box.deadline(box.now) is None
    box.speech(200)
    box.taken()
    due = box.box.deadline(box.now)
    assert due is not None and due > box.now
    assert box.box.take(due - 0.001) is None
    assert box.box.take(due) is not None


def test_a_client_that_plays_what_it_has_is_not_left_behind():
    """After each cut it still has its lead; new sound waits for room, so that the two never add up."""
    box = Box(Delivery(lead_ms=1_000, frame_ms=200, discards=False))
    behind = 0.0
    for turn in range(1, 6):
        box.speech(3_000, turn=turn)
        sent = box.run(0.3)
        behind += sum(event.ms for _, event in sent if isinstance(event, Packet)) / 1000 - 0.3
        assert behind <= 1.0 + 0.01
        box.generation += 1
        box.put(Interrupted("skipped", turn))


def test_a_lecture_is_resumed_from_the_beginning_of_a_sentence():
    """After something else was said its cut sentence comes again, and nothing of the one before."""
    box = Box()
    box.put(TurnBegun(1, "lecture"))
    box.speech(2_000, sentence=0)
    box.speech(6_000, sentence=1, at_ms=2_000)
    box.run(6.0)
    box.put(TurnHeld(1, 5_900))
    box.generation = 2
    box.speech(100, turn=2)
    box.run(1.0)
    box.generation = 3
    box.put(TurnResumed(1, 2_000))
    again = [event for _, event in box.run(10.0) if isinstance(event, Packet)]
    assert [again[0].at_ms, again[-1].at_ms + again[-1].ms] == [2_000, 8_000] and again[0].first
    assert len(again) == 300


def test_a_reply_keeps_only_a_little_of_what_it_has_sent():
    """Others are resumed from where the ear was."""
    box = Box()
    box.put(TurnBegun(1, "user"))
    box.speech(8_000)
    box.run(6.0)
    box.put(TurnHeld(1, 5_900))
    assert box.box.waiting < 2_300 // 20
