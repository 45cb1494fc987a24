"""Keeps a silent user company: says something after a long silence, and goodbye after a longer one.

`silences.py` knows when; this is the task that waits and speaks. Off unless the rules say otherwise.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from aizuchi.character import Character
from aizuchi.engine.cascade import Say
from aizuchi.engine.chain import Chain
from aizuchi.engine.phrasebook import Phrase, nudges, phrase
from aizuchi.engine.rules import Rules
from aizuchi.engine.silences import Silences
from aizuchi.events import OWNER, SYSTEM, Author, Cause, Entry, TurnEnded
from aizuchi.ports import Responder, Voice
from aizuchi.timeline import Timeline

FAREWELL: Final = {
    "en": "I'll leave you to it for now. Goodbye!",
    "zh": "那我就先告辞了，再见！",
    "ja": "それでは、また今度お話ししましょう。",
}
NUDGE: Final = (
    "The user has said nothing for a while. Say one short, friendly sentence that fits the conversation,"
    " in their language; don't ask whether they are still there."
)
"""Put to the model as a notice when the character has no words of its own for a silence."""


class Host(Protocol):
    """What company needs of its session."""

    character: Character
    timeline: Timeline

    @property
    def now(self) -> float: ...
    def begin(
        self, cause: Cause, responder: Responder | None = None, *, text: str = "", author: Author = OWNER
    ) -> int | None: ...
    def close(self, reason: str) -> None: ...


class Company:
    """One session's. `run` is a task of the session; it returns once it has said goodbye."""

    def __init__(self, host: Host, tts: Chain[Voice], rules: Rules) -> None:
        self._with = host
        self._tts = tts
        self._rules = rules
        self._silences = Silences(rules.silences)
        self._maybe = asyncio.Event()
        self._farewell: int | None = None
        self._said: TurnEnded | None = None
        host.timeline.follow(self._read)

    def _read(self, entry: Entry) -> None:
        if self._silences.read(entry):
            self._maybe.set()
        if isinstance(entry.event, TurnEnded) and entry.event.turn == self._farewell:
            self._farewell, self._said = None, entry.event
            self._maybe.set()

    async def run(self) -> None:
        silences, host = self._silences, self._with
        while True:
            if self._said is not None and self._said.outcome in ("finished", "failed"):
                host.close("silence")
                return
            self._said = None
            self._maybe.clear()
            due = silences.deadline
            if due is None:
                await self._maybe.wait()
                continue
            match silences.due(host.now):
                case "goodbye":
                    self._farewell = self._say(phrase(host.character, host.character.farewell, FAREWELL))
                case "nudge":
                    self._nudge()
                case None:
                    # Clocks round: never wait for less than a tick.
                    await asyncio.sleep(max(due - host.now, 0.01))

    def _nudge(self) -> None:
        own = nudges(self._with.character)
        if own:
            self._say(own[self._silences.nudges % len(own)])
        else:
            self._with.begin("proactive", text=NUDGE, author=SYSTEM)

    def _say(self, words: Phrase) -> int | None:
        responder = Say(words, self._with.character, self._tts, self._rules)
        return self._with.begin("proactive", responder)
