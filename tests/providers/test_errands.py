"""A provider's own tasks: whatever happens in one stays with its request."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from aizuchi.errors import ProviderError
from aizuchi.providers.errands import Errands


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ProviderError("the vendor is down"), "the vendor is down"),
        (ValueError("a bug"), "voice failed in an unforeseen way: ValueError"),
    ],
)
async def test_a_failure_is_told_and_harms_nobody(error: Exception, told: str):
    """Its request is woken; the group and whoever entered it go on."""
    woken = asyncio.Event()

    async def fails() -> None:
        raise error

    async with Errands() as errands, asyncio.timeout(5):
        errand = errands.start("voice", fails(), failed=woken.set)
        await woken.wait()
        assert str(errand.failure) == told
        await errand.end()
    assert not errands.open


async def test_one_that_is_ended_has_not_failed():
    """Cancelling is how a request usually stops."""
    woken = asyncio.Event()
    gone = asyncio.Event()

    async def lasts() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            gone.set()

    async with Errands() as errands, asyncio.timeout(5):
        errand = errands.start("voice", lasts(), failed=woken.set)
        await asyncio.sleep(0)
        await errand.end()
        assert gone.is_set()
    assert errand.failure is None and not woken.is_set()


@pytest.mark.filterwarnings("error")
async def test_one_that_never_began_leaves_nothing_open():
    """Ended in the same breath as it was started: its work is closed, which Python would else complain of."""
    began: list[bool] = []

    async def work() -> None:
        began.append(True)

    async with Errands() as errands, asyncio.timeout(5):
        coroutine = work()
        errand = errands.start("voice", coroutine, failed=lambda: None)
        await errand.end()
        assert not began and inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
