"""A character's lecture within a conversation: begins its pages' turns, obeys, makes room and goes on.

Each page is a turn of its own (`recital.py`), begun whenever nobody else has or wants the floor. A question
over it holds that turn as the floor's table says; afterwards the sentence that was cut is said again.
`course.py` knows where it stands. Nothing here waits for a client: a page is over when the ear, or the clock
that stands in for a silent one, has come to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from aizuchi.character import Character
from aizuchi.engine.chain import Chain
from aizuchi.engine.commands import command
from aizuchi.engine.course import Course, Do
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.recital import MEMORY, Recital, cut
from aizuchi.engine.rules import Rules
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.turn import Claim, Turn
from aizuchi.engine.turns import Turns
from aizuchi.events import (
    Context,
    Entry,
    Interrupted,
    LectureMoved,
    Obeyed,
    Sentence,
    StateChanged,
    Steering,
    TurnBegun,
    TurnEnded,
    TurnResumed,
)
from aizuchi.lectures import Lecture
from aizuchi.ports import Animator, Voice

SKIPPED: Final = "skipped"
"""Why a page's turn is cut off when somebody goes to another page."""
PAUSED: Final = "paused"
LOST: Final = "lost"
"""Why everything is cut off when the last client is lost."""


class Lecturing:
    """One session's. Everything is synchronous. `turns` knows nothing of it but `claim`, which it calls when
    the floor is free."""

    def __init__(
        self,
        lecture: Lecture,
        scribe: Scribe,
        turns: Turns,
        character: Character,
        tts: Chain[Voice],
        rules: Rules,
        animator: Callable[[], Animator] | None = None,
        *,
        present: Callable[[], bool] = lambda: True,
    ) -> None:
        """`present` tells whether anybody is there to be told something."""
        self.lecture = lecture
        self._scribe = scribe
        self._turns = turns
        self._tts = tts
        self._rules = rules
        self._animator = animator
        self._present = present
        self._lost = False
        """It stopped because nobody was there any more."""
        marks = tuple(each for each in lecture.tags if each not in character.emotion_tags)
        speaker = replace(character, marks=(*character.marks, *marks))
        self._told = [cut(page, lecture.url(page.number), speaker, rules) for page in lecture.pages]
        self._course = Course([page.number for page in lecture.pages])
        self._memory = Phrases(MEMORY)
        self._turn: Turn | None = None
        """Of the page that is being told; None between two, and once it was cut off."""
        self._began_at = 0
        """The sentence of the page with which that turn began."""
        self._shown: list[int] = []
        """How far the text of that turn had come after each of its sentences, in characters."""
        self._said: LectureMoved | None = None

    # ------------------------------------------------------------------ what it is told

    def start(self) -> None:
        """A listener has come: the first one, or one who was lost."""
        if self.lecture.auto_start and self._course.state == "waiting":
            self.steer("play", gently=True)
        elif self._lost:
            self.steer("resume", gently=True)
        self._turns.go_on()

    def steer(self, action: Steering, page: int | None = None, *, gently: bool = False) -> bool:
        """Do what somebody says; False if there is nothing to do. `gently`: after the reply that runs."""
        do = self._course.steer(action, page)
        if do is None:
            return False
        self._lost = False
        self._act(do, gently=gently)
        self._tell()
        self._turns.go_on()
        return True

    def obeys(self, text: str) -> bool:
        """What the user has said was a command, and is done."""
        found = command(text)
        if found is None or not self._sensible(found[0]):
            return False
        action, page = found
        do = self._course.steer(action, page)
        # Where it is only asked it goes on by itself: the command was all that stood over it.
        if do is None and not (action == "resume" and self._course.playing):
            return False
        turns = self._turns
        turns.attempts.drop("other_words")
        self._scribe.append(Obeyed(text, action, page))
        if turns.stage.active is not None and turns.stage.active is not self._turn:
            turns.silence("superseded", close_mic=False)
        if do is not None:
            self._act(do, gently=False)
        self._tell()
        self._turns.rest("obeyed")
        self._turns.go_on()
        return True

    def _sensible(self, action: Steering) -> bool:
        """Whether it would mean the lecture: a begun one, or, for its beginning, one that is not going on."""
        on = self._course.state in ("playing", "asked", "paused")
        return not on if action == "play" else on

    def _act(self, do: Do, *, gently: bool) -> None:
        turns, turn = self._turns, self._turn
        match do:
            case "hold":
                if turn is not None:
                    turns.shelve(turn, PAUSED)
            case "go_on":
                if turn is not None:
                    turns.unshelve(turn)
                    if turns.stage.active is not None:
                        self._course.asked()
            case "begin" | "jump":
                self._turn = None
                if turn is not None:
                    turns.withdraw(turn, SKIPPED)
                if not gently:
                    self._course.answered()
                    if turns.stage.active is not None:
                        turns.silence(SKIPPED, close_mic=False)

    # ------------------------------------------------------------------ what it gives

    def claim(self) -> Claim | None:
        """The next page's turn, if one is due; asked when the floor is free."""
        course = self._course
        if not course.playing or self._turn is not None or not self._present():
            return None
        told = self._told[course.page]
        first = min(course.sentence, max(0, len(told.sentences) - 1))
        self._began_at = first
        following = self._told[course.page + 1] if course.page + 1 < len(self._told) else None
        recital = Recital(
            told,
            first,
            then=next((each for each in following.sentences if each.spoken), None) if following else None,
            tts=self._tts,
            rules=self._rules,
            memory=self._memory,
            animator=self._animator,
        )
        return Claim("lecture", recital)

    @property
    def context(self) -> Context | None:
        """The page it stands at, for the model; None before it has begun."""
        if self._course.state == "waiting":
            return None
        page = self.lecture.pages[self._course.page]
        return Context("lecture", "page", page.text, page.title or self.lecture.title, page.number)

    @property
    def now(self) -> LectureMoved:
        course = self._course
        page = self.lecture.pages[course.page]
        return LectureMoved(course.state, page.number, course.page + 1, len(self.lecture.pages))

    def dump(self) -> dict[str, Any]:
        return {"page": self._course.page, "sentence": self._course.sentence, "stand": self._course.state}

    def load(self, saved: object) -> None:
        """Stand where `dump` was made, paused; what can't be read is passed over."""
        if not isinstance(saved, Mapping):
            return
        fields = cast("Mapping[str, object]", saved)
        page, sentence, stand = fields.get("page"), fields.get("sentence"), fields.get("stand")
        if isinstance(page, int) and isinstance(sentence, int) and isinstance(stand, str):
            self._course.at(page, sentence, "playing" if stand == "asked" else stand)

    # ------------------------------------------------------------------ what happens

    def read(self, entry: Entry) -> None:
        """A timeline reader."""
        mine = self._turn is not None and entry.turn == self._turn.number
        match entry.event:
            case TurnBegun(cause="lecture"):
                active = self._turns.stage.active
                if active is not None and isinstance(active.claim.responder, Recital):
                    self._turn, self._shown = active, []
                    self._course.answered()
                    self._tell()
            case Sentence(shown=shown) if mine:
                self._shown.append((self._shown[-1] if self._shown else 0) + len(shown))
            case StateChanged(reason="held", state="idle" | "listening") if mine and not self._shelved:
                self._course.asked()
                self._tell()
            case TurnResumed() if mine:
                self._course.answered()
                self._tell()
            case Interrupted(heard=heard, reason=reason) if mine:
                self._stopped(heard, reason)
            case TurnEnded() if mine:
                self._over(entry.event)
            case _:
                pass

    @property
    def _shelved(self) -> bool:
        return self._turn is not None and self._turn.shelved

    def _stopped(self, heard: str, reason: str) -> None:
        """Cut off by somebody who wanted silence."""
        self._turn = None
        self._lost = reason == LOST and self._course.playing
        self._course.answered()
        self._course.stopped(self._began_at + sum(end <= len(heard) for end in self._shown))
        self._tell()

    def _over(self, ended: TurnEnded) -> None:
        if ended.outcome in ("interrupted", "superseded"):
            self._stopped(ended.heard, ended.reason)
            return
        self._turn = None
        self._course.answered()
        self._course.told()
        if not self._course.playing:
            self._tell()

    def _tell(self) -> None:
        """Say where it stands, if that is news."""
        if self.now != self._said:
            self._said = self.now
            self._scribe.append(self._said)
