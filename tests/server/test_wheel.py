"""One timer for all who wait."""

import asyncio
from collections.abc import Callable

import pytest

from aizuchi.server.wheel import SLOT, Wheel
from tests.virtual import run


def woken_at(wheel: Wheel, woken: list[tuple[str, float]], name: str) -> Callable[[], None]:
    return lambda: woken.append((name, asyncio.get_running_loop().time()))


def test_never_early_and_at_most_a_slot_late():
    """Everybody is woken at its moment or within one slot after it, whatever the order of asking."""

    async def scene() -> None:
        loop, wheel, woken = asyncio.get_running_loop(), Wheel(), list[tuple[str, float]]()
        began = loop.time()
        wanted = {f"{ms}": began + ms / 1000 for ms in (30.1, 7, 12.5, 0.4, 30.2, 250, 5, 10, 15)}
        for name, when in wanted.items():
            wheel.alarm(woken_at(wheel, woken, name)).set(when)
        await asyncio.sleep(0.3)
        assert sorted(float(name) for name, _ in woken) == [float(name) for name, _ in woken]
        assert len(woken) == len(wanted)
        for name, at in woken:
            assert wanted[name] - 1e-6 <= at <= wanted[name] + SLOT + 1e-6

    run(scene())


def test_the_last_moment_set_counts():
    """An alarm that is set again is woken once, then; one that is set to nothing is not woken."""

    async def scene() -> None:
        loop, wheel, woken = asyncio.get_running_loop(), Wheel(), list[tuple[str, float]]()
        began = loop.time()
        later, sooner, never = (wheel.alarm(woken_at(wheel, woken, each)) for each in "lsn")
        later.set(began + 0.02)
        later.set(began + 0.1)
        sooner.set(began + 0.2)
        sooner.set(began + 0.05)
        never.set(began + 0.03)
        never.set(None)
        await asyncio.sleep(0.5)
        assert [name for name, _ in woken] == ["s", "l"]
        assert [at - began for _, at in woken] == pytest.approx([0.05, 0.1], abs=SLOT)
        later.set(loop.time() + 0.01)
        await asyncio.sleep(0.1)
        assert [name for name, _ in woken] == ["s", "l", "l"], "it can be used again after a rest"

    run(scene())


def test_set_again_while_woken():
    """Whoever is woken may ask for its next moment at once, also a past one, and no other is missed."""

    async def scene() -> None:
        loop, wheel, times = asyncio.get_running_loop(), Wheel(), list[float]()

        def again() -> None:
            times.append(loop.time())
            if len(times) < 4:
                alarm.set(times[-1] + 0.02 if len(times) != 2 else times[-1] - 1)

        alarm = wheel.alarm(again)
        began, woken = loop.time(), list[tuple[str, float]]()
        wheel.alarm(woken_at(wheel, woken, "between")).set(began + 0.03)
        alarm.set(began + 0.02)
        await asyncio.sleep(0.2)
        assert len(times) == 4
        assert woken[0][1] == pytest.approx(began + 0.03, abs=SLOT)
        assert times[2] == pytest.approx(times[1], abs=2 * SLOT)
        assert times[3] - times[2] == pytest.approx(0.02, abs=SLOT)

    run(scene())


def test_one_timer():
    """A hundred who wait cost the loop one timer."""

    async def scene() -> None:
        loop, wheel = asyncio.get_running_loop(), Wheel()
        calls, call_at = list[float](), loop.call_at

        def counted(when: float, *rest: object, **more: object) -> asyncio.TimerHandle:
            calls.append(when)
            return call_at(when, *rest, **more)  # type: ignore[arg-type]

        loop.call_at = counted  # type: ignore[method-assign]
        alarms = [wheel.alarm(lambda: None) for _ in range(100)]
        for number, alarm in enumerate(alarms):
            alarm.set(loop.time() + 0.02 + number * 1e-5)
        assert len(calls) == 1

    run(scene())
