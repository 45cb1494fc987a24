"""A session on virtual time, and the few gestures the tests of the engine are told in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aizuchi.character import Character
from aizuchi.engine.rules import BargeIn, Hearing, Rules
from aizuchi.engine.session import Session
from aizuchi.events import Entry, Event, Listen, MicAudio, StateChanged, Typed
from aizuchi.ports import Role
from tests import fakes
from tests.virtual import run

E = TypeVar("E", bound=Event)


class Scene:
    """One session, everything it wrote, and one client called "me"."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.log: list[Entry] = []
        session.timeline.follow(self.log.append)

    def type(self, text: str, **more: Any) -> None:
        self.session.feed(Typed(text, link="me", **more))

    def listen(self, on: bool = True, mode: Any = None) -> None:
        self.session.feed(Listen(on, mode, link="me"))

    async def hear(self, *sounds: bytes) -> None:
        """Microphone sound in real (virtual) time, 20 ms a piece."""
        for sound in sounds:
            for at in range(0, len(sound), 640):
                self.session.feed(MicAudio(sound[at : at + 640], link="me"))
                await asyncio.sleep(0.02)

    async def until(self, kind: type[E], count: int = 1, seconds: float = 120.0) -> E:
        """Wait until so many events of a kind are on the timeline; returns the last of them."""
        deadline = asyncio.get_running_loop().time() + seconds
        while len(found := self.all(kind)) < count:
            assert asyncio.get_running_loop().time() < deadline, f"no {kind.__name__}: {self.names()}"
            await asyncio.sleep(0.01)
        return found[count - 1]

    def all(self, kind: type[E]) -> list[E]:
        return [entry.event for entry in self.log if isinstance(entry.event, kind)]

    def names(self) -> list[str]:
        return [type(entry.event).__name__ for entry in self.log]

    @property
    def states(self) -> list[str]:
        return [change.state for change in self.all(StateChanged)]

    def turn_text(self, turn: int) -> str:
        from aizuchi.events import TextDelta

        return "".join(e.event.text for e in self.log if isinstance(e.event, TextDelta) and e.turn == turn)


def play(
    act: Callable[[Scene], Awaitable[None]],
    *,
    rules: Rules | None = None,
    roles: tuple[Role, ...] = ("mouth", "ear"),
    restored: Any = None,
    tools: Any = (),
    character: Character = fakes.HERO,
    **parts: Any,
) -> Scene:
    """Run one scene to its end and return it; the session is closed and all its tasks are gone."""

    async def main() -> Scene:
        session = Session(
            id="s",
            person="p",
            character=character,
            parts=fakes.parts(**parts),
            rules=rules,
            restored=restored,
        )
        scene = Scene(session)
        async with asyncio.TaskGroup() as group:
            life = group.create_task(session.run())
            await asyncio.sleep(0)
            if roles:
                session.join("me", roles, tools=tools)
            await act(scene)
            session.close("over")
            await life
        return scene

    return run(main())


LONG = "One two three four five. Six seven eight nine ten. Eleven twelve thirteen fourteen."


def rules(mode: Any = "continuous", policy: Any = "after_ms", **more: Any) -> Rules:
    hearing = Hearing(mode=mode, silence_ms=200)
    return Rules(hearing=hearing, barge_in=BargeIn(policy, 200), **more)


def at(scene: Scene, kind: type) -> float:
    """When the first event of a kind happened."""
    return next(entry.at for entry in scene.log if isinstance(entry.event, kind))
