"""When there is too much to do, and when no longer: rows of lag and what follows."""

import asyncio

import pytest

from aizuchi.server.overload import Overload, watch
from tests.virtual import run


@pytest.mark.parametrize(
    ("lags", "on"),
    [
        ([0] * 50, False),
        ([149] * 50, False),
        ([150] * 12, False),
        ([150] * 13, True),
        (([500] * 11 + [10]) * 5, False),
        ([9000, *[0] * 5], False),
        ([200] * 13 + [100] * 50, True),
        ([200] * 13 + [70] * 20, True),
        ([200] * 13 + [70] * 21, False),
        ([200] * 13 + ([70] * 19 + [80]) * 5, True),
        ([200] * 13 + [0] * 21 + [200] * 12, False),
        ([200] * 13 + [0] * 21 + [200] * 13, True),
    ],
)
def test_table(lags: list[float], on: bool):
    """Four measurements a second: three seconds of lag turn it on, five under half of the limit off."""
    machine = Overload(150.0)
    changes = [machine.measure(lag, number * 0.25) for number, lag in enumerate(lags)]
    assert machine.on is on
    assert sum(changes) % 2 == on


def test_a_blocked_loop_is_noticed():
    """What is measured is how late the loop wakes whoever sleeps."""
    heard: list[tuple[bool, bool]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        machine = Overload(150.0)

        def late() -> None:
            loop.advance(0.4)  # type: ignore[attr-defined] # the virtual loop: something took so long
            timers.append(loop.call_later(0.01, late))

        timers = [loop.call_later(0.01, late)]
        async with asyncio.TaskGroup() as group:
            duty = group.create_task(watch(machine, lambda on, lag_ms: heard.append((on, lag_ms > 100))))
            await asyncio.sleep(10)
            assert machine.on
            timers[-1].cancel()
            await asyncio.sleep(10)
            assert not machine.on
            duty.cancel()

    run(main())
    assert [on for on, _ in heard] == [True, False]
    assert heard[0][1]
