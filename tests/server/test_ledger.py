"""Places are counted once, given back once, and never lost with whoever held them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aizuchi.server.ledger import ACQUIRE, RELEASE, Book, Local, Remote


async def test_local_counts_by_kind_and_key():
    """Each key of each kind has its own places; what nobody holds is not given back."""
    ledger = Local()
    assert await ledger.acquire("llm", "a", 1)
    assert not await ledger.acquire("llm", "a", 1)
    assert await ledger.acquire("llm", "b", 1) and await ledger.acquire("tts", "a", 1)
    assert ledger.count("llm", "a") == 1 and ledger.count("llm") == 0
    ledger.release("llm", "a")
    ledger.release("llm", "a")
    assert ledger.count("llm", "a") == 0
    assert await ledger.acquire("llm", "a", 1)


async def test_watchers_hear_of_a_free_place():
    """Whoever waits is told kind and key, until they watch no more."""
    ledger, heard = Local(), list[tuple[str, str]]()
    stop = ledger.watch(lambda kind, key: heard.append((kind, key)))
    await ledger.acquire("llm", "", 5)
    ledger.release("llm", "")
    ledger.release("llm", "")
    stop()
    await ledger.acquire("llm", "", 5)
    ledger.release("llm", "")
    assert heard == [("llm", "")]


class Desk:
    """A counting process for several workers, without processes."""

    def __init__(self) -> None:
        self.book = Book()
        self.answers = asyncio.Event()
        self.answers.set()
        self.broken = False

    def worker(self, number: int) -> Remote:
        async def ask(what: str, **fields: Any) -> dict[str, Any]:
            assert what == ACQUIRE
            given = self.book.acquire(number, **fields)
            await self.answers.wait()
            if self.broken:
                raise TimeoutError
            return {"given": given}

        def tell(what: str, **fields: Any) -> None:
            assert what == RELEASE
            self.book.release(number, **fields)

        return Remote(ask, tell)


async def test_a_limit_holds_over_all_workers():
    """What one holds another can't get, until it is given back."""
    desk = Desk()
    one, two = desk.worker(1), desk.worker(2)
    assert await one.acquire("session", "", 2) and await two.acquire("session", "", 2)
    assert not await one.acquire("session", "", 2) and not await two.acquire("session", "", 2)
    assert one.count("session") == two.count("session") == 1
    two.release("session", "")
    two.release("session", "")
    assert await one.acquire("session", "", 2) and desk.book.count("session") == 2


async def test_a_dead_worker_gives_everything_back():
    """The places of a process that is no more are free, and only those."""
    desk = Desk()
    one, two = desk.worker(1), desk.worker(2)
    await one.acquire("session", "", 9)
    await one.acquire("token", "x", 9)
    await two.acquire("session", "", 9)
    assert sorted(desk.book.gone(1)) == [("session", ""), ("token", "x")]
    assert desk.book.gone(1) == []
    assert desk.book.count("session") == 1


def cancelled(desk: Desk, asking: asyncio.Task[bool]) -> None:
    asking.cancel()


def unanswered(desk: Desk, asking: asyncio.Task[bool]) -> None:
    desk.broken = True
    desk.answers.set()


@pytest.mark.parametrize("happens", [cancelled, unanswered])
@pytest.mark.parametrize("most", [1, 9])
async def test_an_answer_nobody_took_holds_nothing(
    happens: Callable[[Desk, asyncio.Task[bool]], None], most: int
):
    """Cancelled or without an answer: the place is free again, whether it had been given or not."""
    desk = Desk()
    one = desk.worker(1)
    assert await one.acquire("session", "", 9)
    desk.answers.clear()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(one.acquire("session", "", most))
        await asyncio.sleep(0)
        happens(desk, asking)
    assert asking.cancelled() or not asking.result()
    assert desk.book.count("session") == one.count("session") == 1
