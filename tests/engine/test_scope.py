"""The tasks of a session: early, late, and at the end."""

import asyncio

from aizuchi.engine.scope import Scope
from tests.virtual import run


def test_what_is_spawned_early_runs_later_and_nothing_outlives_the_end():
    """Work of before `run` begins with it; what runs at the end is cancelled; later work never begins."""
    told: list[str] = []

    async def work(name: str) -> None:
        told.append(f"{name} began")
        try:
            await asyncio.sleep(1000)
        finally:
            told.append(f"{name} ended")

    async def main() -> None:
        scope = Scope()
        scope.spawn(work("early"))
        await asyncio.sleep(1)
        assert not told
        async with asyncio.TaskGroup() as group:
            life = group.create_task(scope.run())
            await asyncio.sleep(1)
            scope.spawn(work("other"))
            await asyncio.sleep(1)
            assert told == ["early began", "other began"]
            scope.end()
            scope.spawn(work("late"))
            await life
        assert sorted(told[2:]) == ["early ended", "other ended"]

    run(main())
