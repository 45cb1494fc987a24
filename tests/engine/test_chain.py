"""Providers in order, their limits, their breaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.engine.chain import Chain
from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.events import Answered, Event, Requested
from aizuchi.ports import Provider
from tests.fakes import Script, play
from tests.virtual import run


class Part(Provider):
    def __init__(self, name: str, script: Script) -> None:
        self.name = name  # type: ignore[misc]
        self.script = script
        self.closed = 0

    async def give(self) -> AsyncIterator[Any]:
        try:
            async for item in play(self.script):
                yield item
        finally:
            self.closed += 1


GOOD = Script([(0.1, "a"), (0.1, "b")])


def ask(*parts: Part, chain: Chain[Part] | None = None, take: int = 99) -> tuple[list[Any], list[Event]]:
    """Everything the chain yields as (name, item), and the facts it noted; errors come last."""
    notes: list[Event] = []

    async def main() -> list[Any]:
        got: list[Any] = []
        stream = (chain or Chain("llm", parts)).stream(
            lambda part: part.give(), first=1.0, gap=2.0, note=notes.append
        )
        try:
            async for part, item in stream:
                got.append((part.name, item))
                if len(got) >= take:
                    break
        except ProviderError as error:
            got.append(error)
        finally:
            await stream.aclose()
        return got

    return run(main()), notes


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Script([(0, ProviderError("no"))]), "ProviderError"),
        (Script(hang=True), "StageTimeout"),
        (Script([(5.0, "late")]), "StageTimeout"),
        (Script([(0, KeyError("bug"))]), "ProviderError"),
    ],
)
def test_the_next_one_takes_over_before_the_first_item(script: Script, error: str):
    """Nothing was yielded yet, so nobody notices."""
    first, second = Part("first", script), Part("second", GOOD)
    got, notes = ask(first, second)
    assert got == [("second", "a"), ("second", "b")]
    assert [type(note) for note in notes] == [Requested, Answered, Requested, Answered]
    assert isinstance(notes[1], Answered)
    assert notes[1].outcome == "failed"
    assert first.closed == second.closed == 1
    got, _ = ask(first)
    assert type(got[0]).__name__ == error


@pytest.mark.parametrize(
    "script",
    [Script([(0.1, "a"), (0.1, ProviderError("broke"))]), Script([(0.1, "a")], hang=True)],
)
def test_after_the_first_item_there_is_no_other_try(script: Script):
    """Half an answer by one and half by another would be nonsense."""
    second = Part("second", GOOD)
    got, _ = ask(Part("first", script), second)
    assert got[0] == ("first", "a")
    assert isinstance(got[1], ProviderError)
    assert second.closed == 0


def test_leaving_early_closes_the_stream_and_says_so():
    """What was begun is billed: Answered tells that it was cancelled."""
    part = Part("first", GOOD)
    got, notes = ask(part, take=1)
    assert got == [("first", "a")]
    assert part.closed == 1
    assert isinstance(notes[-1], Answered)
    assert (notes[-1].outcome, notes[-1].first_ms) == ("cancelled", 100)


def test_the_breaker_leaves_a_failing_provider_alone():
    """Three failures in a row, then a pause, then another try."""
    bad, good = Part("bad", Script([(0, ProviderError("no"))])), Part("good", GOOD)
    now = [0.0]
    chain = Chain("tts", [bad, good], failures=3, pause=30.0, clock=lambda: now[0])
    for _ in range(3):
        ask(chain=chain)
    assert bad.closed == 3
    assert chain.degraded
    ask(chain=chain)
    assert bad.closed == 3
    now[0] = 31.0
    assert not chain.degraded
    ask(chain=chain)
    assert bad.closed == 4


def test_a_request_that_can_never_work_says_nothing_of_the_provider():
    """A voice that lacks a language is not a broken voice."""
    part = Part("p", Script([(0, ProviderError("no Klingon", retryable=False))]))
    chain = Chain("tts", [part], failures=1, clock=lambda: 0.0)
    ask(chain=chain)
    assert not chain.degraded


def test_with_nobody_left_there_is_an_error():
    """An empty chain fails at once instead of waiting."""
    got, notes = ask(chain=Chain("llm", []))
    assert isinstance(got[0], ProviderError)
    assert notes == []


def test_a_capped_provider_is_passed_over():
    """Usage caps are asked before a provider is."""
    chain = Chain("llm", [Part("dear", GOOD), Part("cheap", GOOD)], allowed=lambda name: name != "dear")
    got, _ = ask(chain=chain)
    assert got[0] == ("cheap", "a")


def test_cancelling_the_reader_closes_before_the_first_item():
    """An interrupt that comes before the first token closes the vendor's stream too."""
    part = Part("slow", Script(hang=True))

    async def main() -> None:
        async def read() -> None:
            async for _ in Chain("llm", [part]).stream(
                lambda each: each.give(), first=8.0, gap=8.0, note=lambda _event: None
            ):
                pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        assert part.closed == 1

    run(main())
    assert issubclass(StageTimeout, ProviderError)
