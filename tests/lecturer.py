"""A lecture in a random conversation: which one, and how people steer it. Has dice of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aizuchi.character import Character
from aizuchi.engine.session import Session
from aizuchi.events import Steer, Typed
from aizuchi.lectures import Lecture, Page

LINES = (
    "[happy] Welcome, everybody. Today we talk about foxes.",
    "狐狸很聪明，也很怕人。",
    "This line has a tag [nod] in it, and goes on for quite a while, so that somebody may ask something.",
    "Short.",
    "[wink]",
    "…",
)
COMMANDS = (
    "next page",
    "下一页",
    "pause",
    "continue",
    "repeat",
    "page 2",
    "第三页",
    "start",
    "what is this?",
)
ACTIONS = ("play", "pause", "resume", "next", "prev", "replay", "goto")


class Lecturer:
    """In three of ten conversations the character has a lecture; in most of these somebody steers it."""

    def __init__(self, seed: int) -> None:
        self._dice = dice = random.Random(seed ^ 0x1EC7)
        self.lecture: Lecture | None = None
        if dice.random() < 0.3:
            pages = [
                Page(number, tuple(dice.choice(LINES) for _ in range(dice.randint(1, 3))))
                for number in range(1, dice.randint(2, 6))
            ]
            self.lecture = Lecture(tuple(pages), auto_start=dice.random() < 0.7)

    def character(self, hero: Character) -> Character:
        return replace(hero, lecture=self.lecture)

    async def steered(self, session: Session, link: Callable[[], str], calm: Callable[[], bool]) -> None:
        """Keys, words of command and questions, now and then; until all is calm."""
        dice = self._dice
        hasty = dice.random() < 0.4
        while not calm():
            await asyncio.sleep(dice.uniform(0, 1 if hasty else 8))
            if calm():
                return
            for _ in range(dice.choice([1, 1, 2])):
                if dice.random() < 0.7:
                    action: Any = dice.choice(ACTIONS)
                    session.feed(Steer(action, dice.choice([None, 1, 2, 99]), link=link()))
                else:
                    session.feed(Typed(dice.choice(COMMANDS), link=link()))

    def stop(self, session: Session) -> None:
        """It stands still, whatever it was about."""
        if self.lecture is not None:
            session.feed(Steer("goto", self.lecture.pages[0].number))
            session.feed(Steer("pause"))
