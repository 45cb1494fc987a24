"""Work in the background, told with a fake summariser: it gets what is left, and makes way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aizuchi.engine.background import MOST, Background
from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.priority import Priority
from aizuchi.engine.rules import StageLimits
from aizuchi.errors import Busy, ProviderError
from aizuchi.events import Answered, Event, Requested
from aizuchi.ports import LanguageModel, Message, Prompt
from tests.fakes import FakeModel, Script, tokens
from tests.virtual import run

SUMMARY = "They talked about the weather."


class Office:
    """A summariser, its models, and somebody who replies."""

    def __init__(
        self, *, limit: int | None = 1, smaller: bool = False, patience: float = 60.0, seconds: float = 2.0
    ) -> None:
        self.big = FakeModel(lambda prompt: tokens(SUMMARY, first=seconds))
        self.small = FakeModel(lambda prompt: tokens("Weather.", first=seconds))
        self.small.name = "small"  # type: ignore[misc]
        self.permits = Permits("llm", limit) if limit else None
        chain: Chain[LanguageModel] = Chain("llm", [self.big, self.small], permits=self.permits)
        name = "small" if smaller else ""
        self.work = Background(chain, limits=StageLimits(), smaller=name, patience=patience)
        self.notes: list[Event] = []
        self.waited: list[float] = []

    async def summarise(self) -> str:
        return await self.work.think(Prompt((Message("user", "Sum up."),)), note=self.notes.append)

    async def reply(self, seconds: float, of: Priority = "interactive") -> None:
        """One reply that needs a place; how long it had to wait is kept."""
        assert self.permits is not None
        began = asyncio.get_running_loop().time()
        async with self.permits.held(Call(of), note=lambda event: None):
            self.waited.append(asyncio.get_running_loop().time() - began)
            await asyncio.sleep(seconds)


def day(office: Office, act: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> float:
    """What happens in an office; returns how long it took. Nothing is left open."""

    async def main() -> float:
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            await act(group)
        return asyncio.get_running_loop().time() - began

    took = run(main())
    assert not office.big.open and not office.small.open
    assert office.permits is None or not office.permits.running
    return took


@pytest.mark.parametrize("limit", [None, 1])
def test_with_nobody_else(limit: int | None):
    """The first model of the chain serves it, and whoever is to be billed hears of it."""
    office = Office(limit=limit, smaller=True)

    async def act(_group: asyncio.TaskGroup) -> None:
        assert await office.summarise() == SUMMARY

    day(office, act)
    assert [type(note) for note in office.notes] == [Requested, Answered]


def test_it_waits_behind_replies():
    """While a reply has the only place it is paused, also behind replies that come after it."""
    office = Office()

    async def act(group: asyncio.TaskGroup) -> None:
        group.create_task(office.reply(3.0))
        await asyncio.sleep(0.1)
        summary = group.create_task(office.summarise())
        await asyncio.sleep(0.1)
        group.create_task(office.reply(3.0))
        assert await summary == SUMMARY

    assert day(office, act) == pytest.approx(6.0 + 2.04, abs=0.1)
    assert office.big.requests == 1


@pytest.mark.parametrize("of", ["interactive", "lecture"])
def test_it_makes_way_at_once(of: Priority):
    """A reply or a lecture finds it in the only place and gets that once it is closed; it begins again."""
    office = Office()

    async def act(group: asyncio.TaskGroup) -> None:
        summary = group.create_task(office.summarise())
        await asyncio.sleep(1.0)
        group.create_task(office.reply(3.0, of))
        assert await summary == SUMMARY

    assert day(office, act) == pytest.approx(1.0 + 3.0 + 2.04, abs=0.1)
    assert office.waited == [0.0]
    assert (office.big.requests, office.big.closed_early) == (2, 1)


def test_it_goes_to_the_smaller_model():
    """With a smaller model named it does not wait for the others: it is served there at once."""
    office = Office(smaller=True)

    async def act(group: asyncio.TaskGroup) -> None:
        group.create_task(office.reply(30.0))
        await asyncio.sleep(0.1)
        assert await office.summarise() == "Weather."

    day(office, act)
    assert (office.big.requests, office.small.requests) == (0, 1)


def test_it_is_dropped_in_the_end():
    """What finds no time within its patience is dropped, and whoever wanted it is told."""
    office = Office(patience=10.0)

    async def act(group: asyncio.TaskGroup) -> None:
        group.create_task(office.reply(30.0))
        await asyncio.sleep(0.1)
        with pytest.raises(Busy):
            await office.summarise()

    day(office, act)
    assert office.big.requests == 0


@pytest.mark.parametrize("limit", [None, 1])
def test_overload_stops_it(limit: int | None):
    """Paused, what runs is closed and nothing begins; afterwards it begins again, limit or no limit."""
    office = Office(limit=limit)

    async def act(group: asyncio.TaskGroup) -> None:
        summary = group.create_task(office.summarise())
        await asyncio.sleep(1.0)
        office.work.pause(True)
        office.work.pause(True)
        await asyncio.sleep(5.0)
        assert not office.big.open and office.work.paused
        office.work.pause(False)
        assert await summary == SUMMARY

    assert day(office, act) == pytest.approx(6.0 + 2.04, abs=0.1)


def test_it_is_bounded():
    """More than a handful at a time is refused at once."""
    office = Office(limit=None)

    async def act(group: asyncio.TaskGroup) -> None:
        for _ in range(MOST):
            group.create_task(office.summarise())
        await asyncio.sleep(0.1)
        with pytest.raises(Busy):
            await office.summarise()

    day(office, act)
    assert office.big.requests == MOST


def test_its_models_may_fail():
    """A failing chain is its owner's to hear of."""
    broken = FakeModel(lambda prompt: Script([(0, ProviderError("no"))]))
    work = Background(Chain("llm", [broken]), limits=StageLimits())
    with pytest.raises(ProviderError, match="no"):
        run(work.think(Prompt(())))
