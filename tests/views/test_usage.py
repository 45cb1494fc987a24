"""Usage is counted per provider and day, survives a restart and a failing store, and may be capped."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from aizuchi.events import Answered, AttemptBegun, AttemptEnded, Entry, Event, Requested
from aizuchi.server.store import MemoryStore
from aizuchi.views.usage import Cap, Usage, table
from tests.views.stories import Tale, whole


def answered(usage: Usage, event: Event) -> None:
    usage.read(Entry(0, 0.0, 1, 1, event))


def talked(provider: str = "openai", **figures: Any) -> Answered:
    return Answered("llm", provider, figures.pop("outcome", "done"), **figures)


async def test_counts_reach_the_store():
    """A session's requests are stored under the day and the provider."""
    store, tale = MemoryStore(), Tale()
    usage = Usage(store, today=lambda: "2026-11-21")
    stop = usage(tale)
    whole(tale)
    stop()
    await usage.flush()
    assert await table(store) == [
        ("2026-11-21", "model", {"requests": 2, "tokens_in": 40, "tokens_out": 3}),
        ("2026-11-21", "voice", {"requests": 2, "characters": 31, "audio_seconds": pytest.approx(0.12)}),
    ]


async def test_what_was_prepared_in_vain_is_paid_for():
    """An attempt's requests count like a turn's, dropped or not."""
    store, tale = MemoryStore(), Tale()
    usage = Usage(store, today=lambda: "2026-11-21")
    stop = usage(tale)
    tale.say(1.0, AttemptBegun(1, 1, "go"))
    tale.say(1.1, Requested("llm", "model", attempt=1))
    tale.say(1.2, AttemptEnded(1, reason="went_on"))
    tale.say(1.2, Answered("llm", "model", "cancelled", tokens_in=40, tokens_out=2, attempt=1))
    stop()
    await usage.flush()
    assert await table(store) == [
        ("2026-11-21", "model", {"requests": 1, "tokens_in": 40, "tokens_out": 2}),
    ]


@pytest.mark.parametrize(
    ("cap", "figures", "allowed"),
    [
        (Cap(), {"tokens_out": 10_000}, True),
        (Cap(tokens=100), {"tokens_in": 60, "tokens_out": 39}, True),
        (Cap(tokens=100), {"tokens_in": 60, "tokens_out": 40}, False),
        (Cap(characters=10), {"characters": 9}, True),
        (Cap(characters=10), {"characters": 11}, False),
        (Cap(audio_seconds=1.5), {"audio_ms": 1499}, True),
        (Cap(audio_seconds=1.5), {"audio_ms": 1500}, False),
        (Cap(tokens=0), {}, False),
    ],
)
def test_cap(cap: Cap, figures: dict[str, Any], allowed: bool):
    """A cap holds as soon as it is reached, before anything was written."""
    usage = Usage(MemoryStore(), {"openai": cap}, today=lambda: "d")
    answered(usage, talked(**figures))
    assert usage.allowed("openai") is allowed
    assert usage.allowed("another")


async def test_cap_survives_a_restart_and_ends_with_the_day(caplog: pytest.LogCaptureFixture):
    """What was used before counts on; tomorrow begins at nothing; the refusal is said once a day."""
    store, day = MemoryStore(), "2026-11-21"
    first = Usage(store, today=lambda: day)
    answered(first, talked(tokens_out=100))
    await first.flush()
    second = Usage(store, {"openai": Cap(tokens=100)}, today=lambda: day)
    assert second.allowed("openai")
    await second.load()
    assert not second.allowed("openai") and not second.allowed("openai")
    assert len([each for each in caplog.records if "cap" in each.getMessage()]) == 1
    day = "2026-11-22"
    assert second.allowed("openai")


class Stubborn(MemoryStore):
    """Refuses a few times."""

    refusals = 1

    async def add(self, kind: str, key: str, amounts: Mapping[str, float]) -> dict[str, float]:
        if self.refusals:
            self.refusals -= 1
            raise OSError("disk full")
        return await super().add(kind, key, amounts)


async def test_nothing_is_lost_or_doubled_by_a_failing_store():
    """What could not be written is written with the next, once."""
    store = Stubborn()
    usage = Usage(store, today=lambda: "d")
    answered(usage, talked("a", tokens_out=1))
    answered(usage, talked("b", tokens_out=2))
    await usage.flush()
    assert usage.used("a")["tokens_out"] == 1
    answered(usage, talked("a", tokens_out=10, outcome="failed"))
    await usage.flush()
    await usage.flush()
    assert await table(store) == [
        ("d", "a", {"requests": 2, "tokens_out": 11, "failed": 1}),
        ("d", "b", {"requests": 1, "tokens_out": 2}),
    ]


async def test_the_last_counts_are_written_at_the_end():
    """Cancelling the task writes what was pending."""
    store = MemoryStore()
    usage = Usage(store, today=lambda: "d", every=3600)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(usage.run())
        await asyncio.sleep(0)
        answered(usage, talked(tokens_out=7))
        task.cancel()
    assert await table(store) == [("d", "openai", {"requests": 1, "tokens_out": 7})]


async def test_a_cap_that_another_process_used_up():
    """Whoever shares the store looks into it now and then; whoever does not share it has no need to."""
    store = MemoryStore()
    caps = {"openai": Cap(tokens=100)}
    alone = Usage(store, caps, today=lambda: "d", every=0.0)
    shared = Usage(store, caps, today=lambda: "d", every=0.0, shared=True)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = [group.create_task(each.run()) for each in (alone, shared)]
        await store.add("usage", "d/openai", {"tokens_out": 100})
        while shared.allowed("openai"):  # noqa: ASYNC110 - the other task runs by itself
            await asyncio.sleep(0)
        assert alone.allowed("openai")
        for each in running:
            each.cancel()
