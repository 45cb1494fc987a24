"""How far the ear has come in one turn, and what it therefore could have heard. Sans-I/O.

Two clocks: the *natural* one plays every slice as it is put on the timeline, without pause; a
reporting ear moves the *anchored* one. The natural one bounds the other: nothing is heard before it
was made, and a silent or lying ear never holds a turn, or its synthesis, longer than the sound plus a
grace. `now` is seconds of any monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aizuchi.events import Answered, Event, Fault, Played, Sentence, WordTime


@dataclass(slots=True)
class _Said:
    """One sentence and its place in the turn's sound."""

    sentence: Sentence
    start_ms: float = 0.0
    ms: float = 0.0
    sounded: bool = False
    whole: bool = False
    words: list[WordTime] = field(default_factory=list[WordTime])

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.ms


class Playback:
    """One turn at the reference ear.

    `at_end`: this ear gets all sound in one piece when the reply is complete, so its clock starts then.
    """

    def __init__(self, *, at_end: bool = False) -> None:
        self.at_end = at_end
        """Nothing is played yet, since the sound is not complete."""
        self.total_ms = 0.0
        self.reported = False
        """The ear has said at least once how far it is."""
        self.finished = False
        """The ear has said that it played everything."""
        self.voiced = False
        """Somebody listens: text counts as heard by its sound. Else it is read."""
        self.mute = False
        """The voice has failed: what has no sound will have none, and is read instead."""
        self._broken_off = False
        self._told_all = False
        self._said: dict[int, _Said] = {}
        self._loose = ""
        self._natural_end: float | None = None
        self._anchored_end: float | None = None
        self._held_at: float | None = None
        self._held_since = 0.0
        self._held_most = 0.0
        self._held_natural = 0.0
        self._coasts = False
        self._least = 0.0

    # -- what goes in

    def text(self, delta: str) -> None:
        self._loose += delta

    def sentence(self, sentence: Sentence) -> None:
        self._said[sentence.index] = _Said(sentence, start_ms=self.total_ms)

    def sound(self, index: int, ms: float, last: bool, now: float) -> None:
        """A slice was put on the timeline."""
        said = self._said[index]
        if not said.sounded:
            said.sounded, said.start_ms = True, self.total_ms
        said.ms += ms
        said.whole = said.whole or last
        self.total_ms += ms
        self.finished = self.finished and ms == 0
        self._told_all = self._told_all and ms == 0
        if self._held_at is None and not self.at_end:
            self._natural_end = max(now, self._natural_end or now) + ms / 1000
            self._anchored_end = max(now, self._anchored_end or now) + ms / 1000

    def complete(self, now: float) -> None:
        """All sound is there."""
        if self.at_end:
            self.at_end = False
            self._natural_end = self._anchored_end = now + self.total_ms / 1000

    def note(self, event: Event) -> None:
        """A voice's request has ended, or its stage has given up: after that nothing more will sound.

        A voice that began its sentence and broke off is asked for the next one all the same.
        """
        match event:
            case Answered(stage="tts", first_ms=first_ms):
                self._broken_off = first_ms is not None
            case Fault(stage="tts"):
                self.mute = self.mute or not self._broken_off
                self._broken_off = False
            case _:
                pass

    def word(self, word: WordTime) -> None:
        if word.sentence in self._said:
            self._said[word.sentence].words.append(word)

    def report(self, played: Played, now: float) -> None:
        """The ear tells its position; contradictory and foreign reports do no harm."""
        self.reported = True
        if played.at_ms is not None:
            position = float(played.at_ms)
        elif played.sentence is not None and played.sentence in self._said:
            said = self._said[played.sentence]
            position = said.end_ms if played.whole else said.start_ms
        elif played.sentence is None and played.whole:
            position = self.total_ms
        else:
            return
        position = max(position, self._least)
        self._told_all = played.whole and position >= self.total_ms
        if self._held_at is not None:
            self._held_at, self._held_since = min(position, self._held_most), now
        else:
            position = min(position, self._natural(now))
            self.finished = self._told_all and position >= self.total_ms
            self._anchored_end = now + (self.total_ms - position) / 1000

    def hold(self, now: float, coast_ms: float = 0.0) -> int:
        """Stop both clocks; returns the position in ms from which the turn will go on.

        `coast_ms`: an ear that can't pause plays so much further, for that is what it had been sent.
        """
        if self._held_at is None:
            self._held_at, self._held_since = self.position(now), now
            self._held_natural = self._natural(now)
            self._held_most = min(self.total_ms, self._held_natural + coast_ms)
            self._coasts = coast_ms > 0
        return int(self._held_most if self._coasts else self._held_at)

    def stop(self, now: float) -> None:
        """Nothing of the turn is played any more, by whatever ear."""
        self._held_at, self._coasts = self.position(now), False

    def resume(self, now: float, *, again: bool = False, rewind: bool = False) -> int:
        """Go on; returns the position. `again`: the ear threw away what it had and gets it anew, with
        `rewind` from the beginning of the sentence it was in."""
        if self._held_at is None:
            return int(self.position(now))
        position = self.position(now)
        natural = max(position, min(self._held_most, self._coasted(self._held_natural, now)))
        if again:
            position = natural = self._held_most if self._coasts else position
            if rewind:
                position = natural = self._sentence_at(position)
            self._least = position  # A report from before may have been on its way for long.
        self._held_at = None
        self._anchored_end = now + (self.total_ms - position) / 1000
        self._natural_end = now + (self.total_ms - natural) / 1000
        return int(position)

    def _sentence_at(self, position: float) -> float:
        """Where the sentence that was being said at a position begins; after its end it stays as it is."""
        for said in self._said.values():
            if said.sounded and said.start_ms <= position and (position < said.end_ms or not said.whole):
                return said.start_ms
        return position

    def _coasted(self, from_ms: float, now: float) -> float:
        """Where an ear that was at `from_ms` is now, in a pause."""
        return from_ms + (now - self._held_since) * 1000 if self._coasts else from_ms

    # -- what comes out

    def position(self, now: float) -> float:
        """Milliseconds of the turn's sound that have been played."""
        if self._held_at is not None:
            return max(self._held_at, min(self._held_most, self._coasted(self._held_at, now)))
        if self.at_end:
            return 0.0
        if self.finished or self._anchored_end is None:
            return self.total_ms
        return max(0.0, self.total_ms - max(0.0, self._anchored_end - now) * 1000)

    def moving(self, now: float) -> float | None:
        """The position while something is played; None while the ear is silent."""
        position = self.position(now)
        end = self.total_ms if self._held_at is None else self._held_most if self._coasts else 0.0
        return position if position < end else None

    def _natural(self, now: float) -> float:
        """What an ear can have played at most, in ms."""
        if self._natural_end is None:
            return 0.0
        return self.total_ms - max(0.0, self._natural_end - now) * 1000

    def ahead(self, now: float, grace: float) -> float:
        """Seconds of sound made and not yet played; an ear is waited for `grace` seconds at most."""
        ahead = (self.total_ms - self.position(now)) / 1000
        if self._held_at is not None or self._natural_end is None:
            return ahead
        return min(ahead, max(0.0, self._natural_end + grace - now))

    def over_at(self, grace: float, reporting: bool) -> float:
        """When the ear will have played everything there is now; 0.0 when it already has.

        `reporting`: the reference ear is known to report, so its word is awaited, up to `grace`
        seconds past the natural end.
        """
        if self.finished or self._natural_end is None or self._anchored_end is None:
            return 0.0
        if reporting and not self._told_all:
            return self._natural_end + grace
        return min(self._anchored_end, self._natural_end + grace)

    def heard(self, now: float) -> str:
        """The text that could have been heard, always a beginning of what was shown.

        A sentence counts when all of it was played, or by its words where the voice gives their times,
        or when more than half of its known sound was. Where no sound can come, what was shown was read.
        """
        if self.total_ms == 0 and (self.mute or not self.voiced):
            return self._loose
        position = self.position(now)
        parts: list[str] = []
        for index in sorted(self._said):
            said = self._said[index]
            if not said.sounded:
                awaited = said.sentence.spoken and not self.mute
                if awaited or position < said.start_ms:
                    break
                parts.append(said.sentence.shown)
            elif said.whole and position >= said.end_ms - 1:
                parts.append(said.sentence.shown)
            else:
                parts.append(_begun(said, position - said.start_ms))
                break
        return "".join(parts)


def _begun(said: _Said, position: float) -> str:
    """The part of a sentence that was heard when its sound had come to `position` ms."""
    if position <= 0:
        return ""
    shown, spoken = said.sentence.shown, said.sentence.spoken
    words = [word for word in said.words if word.at_ms + word.ms <= position]
    if not said.words:
        return shown if said.whole and position * 2 >= said.ms else ""
    if not words:
        return ""
    end = 0
    for word in sorted(words, key=lambda each: each.at_ms):
        start = word.start if word.start >= 0 else spoken.find(word.text, end)
        if start >= 0:
            end = max(end, start + len(word.text))
    spoken_part = spoken[:end]
    at = shown.find(spoken_part)
    if at >= 0:
        return shown[: at + len(spoken_part)]
    # Shown and spoken differ (Markdown, replacements): take the same share of what was shown.
    return shown[: len(shown) * end // max(1, len(spoken))]
