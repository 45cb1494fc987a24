"""What may leave on one link, now. Sans-I/O; `now` is seconds of a monotonic clock.

Two lanes. *Ready* leaves at once: text, states, questions. *Sound* is paced: at most `lead_ms` of it
is ever ahead of real time, because bytes handed to a transport can't be taken back. What closes a
reply (its end, the state after it) waits in the sound lane behind the last frame, and once something
waits there everything that follows waits too, so that a slow link still sees one order.

The cut is synchronous: an `Interrupted` entry throws away everything of older generations in both
lanes before it is queued itself, so nothing of a dead turn can leave after it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from aizuchi.engine.encoding import Cut, Encoding
from aizuchi.engine.floor import SHOWS
from aizuchi.events import (
    Annotated,
    Cue,
    Entry,
    Event,
    Interrupted,
    Packet,
    Sentence,
    Slide,
    Speech,
    SpeechDone,
    StateChanged,
    TextDelta,
    TextDone,
    Thought,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
    WordTime,
)
from aizuchi.ports import Delivery

REPLY = (TextDelta, Thought, Sentence, Annotated, Slide, TextDone, Speech, SpeechDone, WordTime, Cue, Packet)
"""Reply material: dies with its generation."""
CLOSERS = (SpeechDone, StateChanged, TurnBegun, TurnEnded)
"""What must not overtake the sound before it."""
KEPT_MS = 1_000
"""So much sent sound, beside what the client may have ahead, is remembered for resuming a held turn."""
LONGEST_MS = 60_000
"""Of a lecture the sentence that is being said is remembered from its beginning, if it is no longer."""


@dataclass(slots=True)
class _Frame:
    """One frame of sound waiting to leave."""

    entry: Entry
    turn: int
    sentence: int
    at_ms: float
    ms: float
    cut: Cut
    sent: bool = False


class Outbox:
    """One link's way out.

    `encoding` cuts and encodes, for this link alone or for several that want sound alike. A frame is
    encoded when it leaves, never a burst at once.
    """

    def __init__(self, delivery: Delivery, encoding: Encoding | None = None) -> None:
        self._delivery = delivery
        self._encoding = encoding or Encoding(delivery)
        self._ready: deque[Entry] = deque()
        self._sound: deque[_Frame | Entry] = deque()
        self._closing = 0
        self._parked: dict[int, deque[_Frame | Entry]] = {}
        self._ahead: dict[int, tuple[int, float, float]] = {}
        """Held turn -> in which generation and when it was held, and until when the client then had sound."""
        self._sent: deque[_Frame] = deque()
        self._placed: dict[int, float] = {}
        self._counts: dict[int, int] = {}
        self._shows: set[int] = set()
        """Turns that may be resumed from the beginning of a sentence."""
        self._sentence: tuple[int, int] | None = None
        self._buffered_until = 0.0
        self._not_before = 0.0
        self._least = 0
        self.last_sound: float | None = None
        """When the latest frame of sound left."""

    @property
    def waiting(self) -> int:
        """Entries and frames that have not left yet."""
        return len(self._ready) + len(self._sound) + sum(map(len, self._parked.values()))

    # -- in

    def put(self, entry: Entry, now: float) -> None:
        """Take one timeline entry, in order of `seq`."""
        event = entry.event
        if isinstance(event, REPLY) and entry.generation < self._least:
            return
        match event:
            case Interrupted():
                self.cut(entry.generation)
                self._queue(entry)
            case Speech():
                self._speech(entry, event)
            case TurnHeld(turn=turn, at_ms=at_ms):
                self._hold(entry, turn, at_ms, now)
                self._queue(entry)
            case TurnResumed(turn=turn, at_ms=at_ms):
                self._queue(entry)
                self._resume(entry, turn, at_ms, now)
            case TurnBegun(turn=turn, cause=cause):
                self._shows |= {turn} if cause in SHOWS else set()
                self._not_before = now + self._delivery.start_gap_ms / 1000
                self._queue(entry)
            case TurnEnded(turn=turn):
                self._queue(entry)
                self._encoding.over(turn)
                self._shows.discard(turn)
                for memory in (self._parked, self._ahead, self._placed):
                    memory.pop(turn, None)
            case SpeechDone(turn=turn) if turn in self._parked:
                self._parked[turn].append(entry)
            case StateChanged(reason="resumed"):
                self._before_sound_of(entry.turn, entry)
            case _:
                self._queue(entry)

    def _queue(self, entry: Entry) -> None:
        if self._sound and (self._closing or isinstance(entry.event, CLOSERS)):
            self._sound.append(entry)
            # The end of the sound alone does not keep later text waiting.
            self._closing += not isinstance(entry.event, SpeechDone)
        else:
            self._ready.append(entry)

    def _before_sound_of(self, turn: int | None, entry: Entry) -> None:
        """A turn goes on: that is told before its sound, and after what others still have to say."""
        for place, item in enumerate(self._sound):
            if isinstance(item, _Frame) and item.turn == turn:
                if place == 0:
                    self._ready.append(entry)
                else:
                    self._sound.insert(place, entry)
                    self._closing += 1
                return
        self._queue(entry)

    def _speech(self, entry: Entry, speech: Speech) -> None:
        if self._delivery.codec == "none":
            return
        at = self._placed.get(speech.turn, float(speech.at_ms))
        lane = self._parked.get(speech.turn, self._sound)
        for cut in self._encoding.cut(entry, speech):
            lane.append(_Frame(entry, speech.turn, speech.sentence, at, cut.ms, cut))
            at += cut.ms
        self._placed[speech.turn] = at

    # -- out

    def take(self, now: float) -> Entry | None:
        """The next entry that may leave, sound as `Packet`; None if nothing is due.

        Call it right before each single send: a cut between two sends must be seen.
        """
        if self._ready:
            return self._ready.popleft()
        if not self._sound or self._due() > now:
            return None
        head = self._sound.popleft()
        if isinstance(head, Entry):
            self._closing -= not isinstance(head.event, SpeechDone)
            return head
        return self._packet(head, now)

    def deadline(self, now: float) -> float | None:
        """When `take` will have something; `now` if it already has, None if only `put` can tell."""
        if self._ready:
            return now
        return max(now, self._due()) if self._sound else None

    def _due(self) -> float:
        head = self._sound[0]
        delivery = self._delivery
        if isinstance(head, Entry):
            return self._buffered_until + delivery.tail_ms / 1000 if delivery.tail_ms else 0.0
        if not delivery.paced:
            return 0.0
        gap = delivery.sentence_gap_ms / 1000 if self._is_next_sentence(head) else 0.0
        lead = max(0.0, delivery.lead_ms - head.ms) / 1000
        return max(self._not_before, self._buffered_until + gap - lead)

    def _is_next_sentence(self, frame: _Frame) -> bool:
        return self._sentence is not None and self._sentence != (frame.turn, frame.sentence)

    def _packet(self, frame: _Frame, now: float) -> Entry:
        if self._is_next_sentence(frame) and self._buffered_until > now:
            self._buffered_until += self._delivery.sentence_gap_ms / 1000
        self._sentence = (frame.turn, frame.sentence)
        self._buffered_until = max(now, self._buffered_until) + frame.ms / 1000
        frame.sent = True
        self._remember(frame)
        cut = frame.cut
        if cut.pcm:
            self.last_sound = now
        index = self._counts.get(frame.turn, 0)
        self._counts = {frame.turn: index + 1}
        codec = "opus" if self._delivery.codec == "opus" else "pcm_s16le"
        packet = Packet(
            frame.turn,
            frame.sentence,
            index,
            round(frame.at_ms),
            round(frame.ms),
            cut.packet(),
            codec,
            cut.rate,
            cut.first,
            cut.last,
        )
        entry = frame.entry
        return Entry(entry.seq, entry.at, entry.turn, entry.generation, packet)

    def _remember(self, frame: _Frame) -> None:
        self._sent.append(frame)
        oldest = frame.at_ms - KEPT_MS - self._delivery.lead_ms
        if frame.turn in self._shows:
            # The whole sentence, of which the ear may only just have heard the end.
            firsts = (each.at_ms for each in self._sent if each.turn == frame.turn and each.cut.first)
            oldest = max((at for at in firsts if at <= oldest), default=oldest - LONGEST_MS)
        while self._sent[0].turn != frame.turn or self._sent[0].at_ms < oldest:
            self._sent.popleft()

    # -- the cut, the pause

    def cut(self, generation: int) -> int:
        """Drop all reply material of generations below; returns the dropped milliseconds of sound."""
        self._least = max(self._least, generation)
        dropped = 0.0
        kept: list[Entry] = [entry for entry in self._ready if self._lives(entry, generation)]
        for item in self._sound:
            if isinstance(item, _Frame):
                dropped += item.ms
            elif self._lives(item, generation):
                kept.append(item)
        self._ready = deque(kept)
        self._sound.clear()
        self._closing = 0
        self._sent.clear()
        self._thrown_away()
        return round(dropped)

    def _thrown_away(self) -> None:
        """The client has nothing of the sound before, unless it can't help playing it."""
        if self._delivery.discards:
            self._buffered_until = 0.0

    @staticmethod
    def _lives(entry: Entry, generation: int) -> bool:
        event: Event = entry.event
        return entry.generation >= generation or not isinstance(event, REPLY)

    def _hold(self, entry: Entry, turn: int, at_ms: int, now: float) -> None:
        least = 0.0 if turn in self._shows else at_ms
        parked: deque[_Frame | Entry] = deque(
            frame for frame in self._sent if frame.turn == turn and frame.at_ms + frame.ms > least
        )
        rest: deque[_Frame | Entry] = deque()
        for item in self._sound:
            mine = item.turn == turn and (isinstance(item, _Frame) or isinstance(item.event, SpeechDone))
            (parked if mine else rest).append(item)
        # What a slow link has not yet heard of the turn before stays in its order.
        self._sound = rest
        self._closing = sum(isinstance(i, Entry) and not isinstance(i.event, SpeechDone) for i in rest)
        self._parked[turn] = parked
        self._ahead[turn] = (entry.generation, now, self._buffered_until)
        self._sent.clear()
        self._thrown_away()

    def _resume(self, entry: Entry, turn: int, at_ms: int, now: float) -> None:
        parked = self._parked.pop(turn, None)
        if parked is None:
            return
        for item in parked:
            if isinstance(item, Entry):
                self._sound.append(replace(item, generation=entry.generation))
                continue
            # Sound of the same generation is still in the client's own buffer, or was played from there.
            still_there = item.entry.generation == entry.generation
            if item.sent and (still_there or item.at_ms + item.ms <= at_ms):
                if still_there:
                    self._sent.append(item)
                continue  # what a slow link had not got yet is sent, whatever the reference ear heard
            item.entry, item.sent = replace(item.entry, generation=entry.generation), False
            self._sound.append(item)
        # A client that paused has what it had; any other has played on meanwhile.
        generation, since, until = self._ahead.pop(turn)
        waited = now - since if self._delivery.can_hold else 0.0
        left = now if self._delivery.discards else max(now, self._buffered_until)
        self._buffered_until = until + waited if generation == entry.generation else left
