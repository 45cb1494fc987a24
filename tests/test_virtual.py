"""The loop on virtual time."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.virtual import Stuck, run


def test_the_clock_jumps():
    """Sleeping takes its time on the clock, to the last bit."""

    async def sleeper() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time() - began

    assert run(sleeper()) == 3600


def test_nothing_to_wait_for():
    """Who waits for what nobody will do is told so."""
    with pytest.raises(Stuck):
        run(asyncio.Event().wait())


def test_no_timer_fires_early():
    """Two that wait for moments almost the same: each is woken at its own, once."""

    async def waits_until(due: float) -> int:
        loop, tries = asyncio.get_running_loop(), 0
        while loop.time() < due:
            tries += 1
            assert tries < 5, "the clock stands still"
            try:
                async with asyncio.timeout_at(due):
                    await asyncio.Event().wait()
            except TimeoutError:
                pass
        return tries

    async def both() -> list[int]:
        due = asyncio.get_running_loop().time() + 0.1
        nearly = [due + n * math.ulp(due) for n in range(6)]
        return await asyncio.gather(*(waits_until(each) for each in nearly))

    assert run(both()) == [1] * 6
