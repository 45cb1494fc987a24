"""One contract, two stores; and what is SQLite's own business."""

import asyncio
import contextlib
import functools
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aizuchi.ports import Store
from aizuchi.server.store import MemoryStore, SqliteStore


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Made = tuple[Store, Clock]


@contextlib.asynccontextmanager
async def make(kind: str, folder: Path) -> AsyncIterator[Made]:
    clock = Clock()
    store = (
        MemoryStore(clock=clock) if kind == "memory" else SqliteStore(folder / "a" / "b.sqlite3", clock=clock)
    )
    try:
        yield store, clock
    finally:
        await store.close()


@pytest.fixture(params=["memory", "sqlite"])
async def made(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Made]:
    async with make(request.param, tmp_path) as both:
        yield both


async def test_put_get_delete(made: Made):
    """What is put is got, an overwritten document is the new one, a deleted one is gone."""
    store, _ = made
    assert await store.get("kind", "key") is None
    await store.put("kind", "key", {"a": 1, "text": "语音 \ud800", "deep": {"list": [1, None, True]}})
    await store.put("other", "key", {"b": 2})
    assert await store.get("kind", "key") == {
        "a": 1,
        "text": "语音 \ud800",
        "deep": {"list": [1, None, True]},
    }
    await store.put("kind", "key", {"c": 3})
    assert await store.get("kind", "key") == {"c": 3}
    assert await store.delete("kind", "key") and not await store.delete("kind", "key")
    assert await store.get("kind", "key") is None and await store.get("other", "key") == {"b": 2}


async def test_a_document_is_a_copy(made: Made):
    """Changing what was put or got changes nothing in the store."""
    store, _ = made
    document: dict[str, Any] = {"list": [1]}
    await store.put("kind", "key", document)
    document["list"].append(2)
    got: Any = await store.get("kind", "key")
    assert got == {"list": [1]}
    got["list"].append(3)
    assert await store.get("kind", "key") == {"list": [1]}


async def test_time_to_live(made: Made):
    """A document is there until its time is over, and an overwriting without one keeps it for good."""
    store, clock = made
    await store.put("kind", "short", {}, ttl=10)
    await store.put("kind", "kept", {}, ttl=10)
    await store.put("kind", "kept", {})
    clock.now += 9.9
    assert await store.get("kind", "short") == {}
    clock.now += 0.1
    assert await store.get("kind", "short") is None
    assert not await store.delete("kind", "short")
    assert await store.keys("kind") == ["kept"]


async def test_add(made: Made):
    """Counters begin at nothing, are summed, and told whole; other fields that are no numbers give way."""
    store, clock = made
    assert await store.add("usage", "day", {"tokens": 5, "seconds": 0.5}) == {"tokens": 5, "seconds": 0.5}
    assert await store.add("usage", "day", {"tokens": 2}) == {"tokens": 7, "seconds": 0.5}
    assert await store.get("usage", "day") == {"tokens": 7, "seconds": 0.5}
    await store.put("usage", "mixed", {"text": "x", "tokens": 1}, ttl=5)
    assert await store.add("usage", "mixed", {"tokens": 1}) == {"tokens": 2}
    clock.now += 5
    assert await store.add("usage", "mixed", {"tokens": 1}) == {"tokens": 1}


async def test_add_is_atomic(made: Made):
    """A hundred additions at once lose nothing."""
    store, _ = made
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(store.add("usage", "day", {"n": 1}))
    assert await store.get("usage", "day") == {"n": 100}


async def test_keys(made: Made):
    """Keys are told in order, of one kind, by prefix; wildcards of SQL are ordinary characters."""
    store, _ = made
    for key in ("b", "a/2", "a/1", "a%", "a_", "A/1"):
        await store.put("kind", key, {})
    await store.put("other", "a/3", {})
    assert await store.keys("kind", "a/") == ["a/1", "a/2"]
    assert await store.keys("kind", "a%") == ["a%"] and await store.keys("kind", "a_") == ["a_"]
    assert len(await store.keys("kind")) == 6 and await store.keys("nothing") == []


async def test_memory_forgets_what_is_unused_longest():
    """Beyond its limit the memory store drops what nobody has asked for longest."""
    store = MemoryStore(limit=3)
    for key in "abc":
        await store.put("kind", key, {})
    await store.get("kind", "a")
    await store.put("kind", "d", {})
    assert await store.keys("kind") == ["a", "c", "d"]


async def test_sqlite_outlives_its_process(tmp_path: Path):
    """A second store on the same file finds what the first one wrote."""
    path = tmp_path / "store.sqlite3"
    first = SqliteStore(path)
    await first.put("kind", "key", {"a": 1})
    await first.close()
    second = SqliteStore(path)
    assert await second.get("kind", "key") == {"a": 1}
    await second.close()
    with contextlib.closing(sqlite3.connect(path)) as base:
        assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_sqlite_gathers_writes(tmp_path: Path):
    """What comes in together is committed together, in far fewer transactions than documents."""
    store = SqliteStore(tmp_path / "store.sqlite3")
    async with asyncio.TaskGroup() as group:
        for number in range(1000):
            group.create_task(store.put("kind", str(number), {"n": number}))
    assert len(await store.keys("kind")) == 1000
    assert store.transactions < 100
    await store.close()


async def test_sqlite_writes_out_at_close(tmp_path: Path):
    """What was asked for before `close` is written, even if nobody waited for it."""
    path = tmp_path / "store.sqlite3"
    store = SqliteStore(path)
    writing = [asyncio.ensure_future(store.put("kind", str(number), {})) for number in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)
    other = SqliteStore(path)
    assert len(await other.keys("kind")) == 50
    await other.close()


async def test_sqlite_expired_documents_leave_the_file(tmp_path: Path):
    """The next write removes what is over, so that the file does not grow for ever."""
    clock = Clock()
    path = tmp_path / "store.sqlite3"
    store = SqliteStore(path, clock=clock)
    await store.put("kind", "old", {}, ttl=1)
    clock.now += 2
    await store.put("kind", "new", {})
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as base:
        assert base.execute("SELECT key FROM documents").fetchall() == [("new",)]


def test_what_is_deleted_is_nowhere_in_the_file(tmp_path: Path):
    """Neither in the database nor beside it does a word remain of what was deleted."""

    async def come_and_go() -> None:
        store = SqliteStore(tmp_path / "store.sqlite3")
        await store.put("kind", "mine", {"said": "zanzibar " * 1_000})
        await store.put("kind", "other", {})
        await store.delete("kind", "mine")
        await store.close()

    asyncio.run(come_and_go())
    assert not [file for file in tmp_path.iterdir() if b"zanzibar" in file.read_bytes()]


async def test_one_bad_document_spoils_only_its_own_question(tmp_path: Path):
    """A value that is no JSON is an OSError to whoever asks for it, and nobody else notices."""
    path = tmp_path / "store.sqlite3"
    store = SqliteStore(path)
    await store.put("kind", "good", {"a": 1})
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("INSERT INTO documents VALUES ('kind', 'bad', 'no json', NULL)")
        base.commit()
    good, bad = await asyncio.gather(
        store.get("kind", "good"), store.get("kind", "bad"), return_exceptions=True
    )
    assert good == {"a": 1} and isinstance(bad, OSError)
    await store.close()


def _a_folder(path: Path) -> None:
    path.mkdir()


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


@pytest.mark.parametrize("spoil", [_a_folder, _garbage])
async def test_an_unusable_file_is_an_error_and_not_a_hang(tmp_path: Path, spoil: Callable[[Path], None]):
    """A path that holds no database fails at the first use, again later, and closes all the same."""
    path = tmp_path / "store.sqlite3"
    spoil(path)
    store = SqliteStore(path)
    for _ in range(2):
        with pytest.raises(OSError, match=r"store\.sqlite3|closed"):
            await store.put("kind", "key", {})
    await store.close()


async def test_a_closed_store_says_so(tmp_path: Path):
    """After `close` questions are refused; closing one that was never used is fine."""
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.close()
    with pytest.raises(OSError, match="closed"):
        await store.get("kind", "key")


class Contended(sqlite3.Connection):
    """A connection that is told at first that another process is just making the same file."""

    refusals = 0

    def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
        if "journal_mode" in sql and Contended.refusals:
            Contended.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *more)


async def test_several_processes_make_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who opens a new file while another does waits, where SQLite itself would not."""
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Contended))
    Contended.refusals = 3
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.put("kind", "key", {"a": 1})
    assert await store.get("kind", "key") == {"a": 1} and Contended.refusals == 0
    await store.close()


async def test_a_broken_store_says_what_is_broken(tmp_path: Path):
    """Also to those who come after its thread has ended."""
    (tmp_path / "store.sqlite3").write_bytes(b"no database" * 1000)
    store = SqliteStore(tmp_path / "store.sqlite3")
    for _ in range(2):
        with pytest.raises(OSError, match=r"store\.sqlite3: "):
            await store.get("kind", "key")
        if store._thread is not None:
            store._thread.join()


async def test_two_stores_share_a_file(tmp_path: Path):
    """What one process writes another reads, and neither loses what both count."""
    one, two = SqliteStore(tmp_path / "store.sqlite3"), SqliteStore(tmp_path / "store.sqlite3")
    async with asyncio.TaskGroup() as group:
        for store in (one, two) * 50:
            group.create_task(store.add("usage", "today", {"tokens": 1}))
    await one.put("parked", "a", {"x": 1})
    assert await two.get("parked", "a") == {"x": 1}
    assert await two.get("usage", "today") == {"tokens": 100}
    await two.delete("parked", "a")
    assert await one.get("parked", "a") is None
    await one.close()
    await two.close()
