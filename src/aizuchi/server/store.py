"""The embedded stores: memory for a trial, SQLite for a server that is started again.

Both keep small JSON documents by kind and key, some with a time to live, and both hold the same
contract tests. SQLite has one writer thread that gathers what has come in meanwhile into one
transaction (a commit per document costs twenty times as much); reads go through the same thread and so
see every write before them, and the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aizuchi.ports import Store

log = logging.getLogger(__name__)


class MemoryStore(Store):
    """Documents in this process, gone when it ends.

    `limit` bounds them: beyond it those unused for longest are forgotten. `clock` gives seconds of any
    kind that only grow.
    """

    def __init__(self, *, limit: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._documents: OrderedDict[tuple[str, str], tuple[str, float | None]] = OrderedDict()

    async def get(self, kind: str, key: str) -> dict[str, Any] | None:
        text = self._text(kind, key)
        return None if text is None else json.loads(text)

    async def put(self, kind: str, key: str, value: Mapping[str, Any], *, ttl: float | None = None) -> None:
        self._keep(kind, key, json.dumps(dict(value)), None if ttl is None else self._clock() + ttl)

    async def add(self, kind: str, key: str, amounts: Mapping[str, float]) -> dict[str, float]:
        text = self._text(kind, key)
        until = self._documents[kind, key][1] if text is not None else None
        sums = _sum(json.loads(text) if text is not None else {}, amounts)
        self._keep(kind, key, json.dumps(sums), until)
        return sums

    async def delete(self, kind: str, key: str) -> bool:
        there = self._text(kind, key) is not None
        self._documents.pop((kind, key), None)
        return there

    async def keys(self, kind: str, prefix: str = "") -> list[str]:
        now = self._clock()
        return sorted(
            key
            for (its_kind, key), (_, until) in self._documents.items()
            if its_kind == kind and key.startswith(prefix) and (until is None or until > now)
        )

    def _text(self, kind: str, key: str) -> str | None:
        found = self._documents.get((kind, key))
        if found is None:
            return None
        if found[1] is not None and found[1] <= self._clock():
            del self._documents[kind, key]
            return None
        self._documents.move_to_end((kind, key))
        return found[0]

    def _keep(self, kind: str, key: str, text: str, until: float | None) -> None:
        self._documents[kind, key] = (text, until)
        self._documents.move_to_end((kind, key))
        while len(self._documents) > self._limit:
            self._documents.popitem(last=False)


def _sum(have: Mapping[str, Any], amounts: Mapping[str, float]) -> dict[str, float]:
    numbers: dict[str, float] = {name: each for name, each in have.items() if isinstance(each, int | float)}
    return numbers | {name: numbers.get(name, 0) + amount for name, amount in amounts.items()}


SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, until REAL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_until ON documents (until) WHERE until IS NOT NULL;
"""
BATCH = 500
"""At most so many jobs in one transaction."""
WAITING = 10_000
"""Jobs that may wait for the disk; more are refused, which their callers see as an OSError."""
BUSY = 5.0
"""Seconds to wait for another process that writes the same file."""
PATIENCE = 30.0
"""Seconds a caller waits for the disk."""


@dataclass(slots=True)
class _Job:
    """One question to the database; the answer goes back to the loop it came from."""

    run: Callable[[sqlite3.Connection], Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = field(default=None)
    error: Exception | None = field(default=None)

    def tell(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            log.debug("the event loop closed before a store's answer came")

    def _set(self) -> None:
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class SqliteStore(Store):
    """Documents in one SQLite file, which several processes of one machine may share.

    The thread starts with the first use. Methods raise OSError when the disk does not do its part.
    `clock` gives wall-clock seconds, since times to live outlast the process.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._broken: Exception | None = None
        self._gate = threading.Lock()
        self.transactions = 0
        """Committed so far; for those who measure."""

    async def get(self, kind: str, key: str) -> dict[str, Any] | None:
        now = self._clock()

        def job(base: sqlite3.Connection) -> dict[str, Any] | None:
            found = self._read(base, kind, key, now)
            return json.loads(found[0]) if found else None

        return await self._do(job)

    async def put(self, kind: str, key: str, value: Mapping[str, Any], *, ttl: float | None = None) -> None:
        text, now = json.dumps(dict(value)), self._clock()
        until = None if ttl is None else now + ttl

        def job(base: sqlite3.Connection) -> None:
            base.execute("REPLACE INTO documents VALUES (?, ?, ?, ?)", (kind, key, text, until))
            base.execute("DELETE FROM documents WHERE until <= ?", (now,))

        await self._do(job)

    async def add(self, kind: str, key: str, amounts: Mapping[str, float]) -> dict[str, float]:
        now, amounts = self._clock(), dict(amounts)

        def job(base: sqlite3.Connection) -> dict[str, float]:
            found = self._read(base, kind, key, now)
            sums = _sum(json.loads(found[0]) if found else {}, amounts)
            until = found[1] if found else None
            base.execute("REPLACE INTO documents VALUES (?, ?, ?, ?)", (kind, key, json.dumps(sums), until))
            return sums

        return await self._do(job)

    async def delete(self, kind: str, key: str) -> bool:
        now = self._clock()

        def job(base: sqlite3.Connection) -> bool:
            there = self._read(base, kind, key, now) is not None
            base.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))
            return there

        return await self._do(job)

    async def keys(self, kind: str, prefix: str = "") -> list[str]:
        now = self._clock()

        def job(base: sqlite3.Connection) -> list[str]:
            rows = base.execute(
                "SELECT key FROM documents WHERE kind = ? AND substr(key, 1, ?) = ?"
                " AND (until IS NULL OR until > ?) ORDER BY key",
                (kind, len(prefix), prefix, now),
            )
            return [row[0] for row in rows]

        return await self._do(job)

    async def close(self) -> None:
        """Write out what is pending; the store is of no use afterwards."""
        with self._gate:
            self._closed = True
        if self._thread is not None:
            await asyncio.to_thread(self._stop, self._thread)

    def _stop(self, thread: threading.Thread) -> None:
        try:
            self._jobs.put(None, timeout=PATIENCE)
        except queue.Full:
            log.error("%s did not take what was waiting within %.0f s", self._path.name, PATIENCE)
        else:
            thread.join(PATIENCE)

    # -- between the loop and the thread

    async def _do(self, run: Callable[[sqlite3.Connection], Any]) -> Any:
        if self._closed:
            raise self._refusal()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="aizuchi-store", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        job = _Job(run, loop.create_future(), loop)
        with self._gate:
            if self._closed:
                raise self._refusal()
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                raise OSError(f"{WAITING} jobs wait for {self._path.name}; the disk can't follow") from None
        async with asyncio.timeout(PATIENCE):
            return await job.answer

    def _refusal(self) -> OSError:
        if self._broken is not None:
            return OSError(f"{self._path.name}: {self._broken}")
        return OSError("the store is closed")

    def _work(self) -> None:
        try:
            with closing(self._open()) as base:
                while self._batch(base):
                    pass
        except (sqlite3.Error, OSError) as error:
            # From here on nothing more comes in, so nobody is left waiting for a thread that is gone.
            with self._gate:
                self._broken = error
                self._closed = True
            self._refuse_all(error)

    def _open(self) -> sqlite3.Connection:
        """Processes that open a new file at the same time are turned away without the usual wait."""
        limit = time.monotonic() + BUSY
        while True:
            try:
                return self._opened()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                    raise
                time.sleep(0.01)

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        base = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=NORMAL")
            # Deleted means gone; not every build of SQLite overwrites by itself what is let go.
            base.execute("PRAGMA secure_delete=ON")
            base.executescript(SCHEMA)
        except sqlite3.Error:
            base.close()
            raise
        return base

    def _batch(self, base: sqlite3.Connection) -> bool:
        """Do what waits, in one transaction; False when asked to stop."""
        first = self._jobs.get()
        if first is None:
            return False
        jobs, go_on = [first], True
        while go_on and len(jobs) < BATCH:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                go_on = False
            else:
                jobs.append(job)
        try:
            base.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._run(base, job)
            base.execute("COMMIT")
            self.transactions += 1
        except sqlite3.Error as error:
            if base.in_transaction:
                base.execute("ROLLBACK")
            for job in jobs:
                job.error = OSError(f"{self._path.name}: {error}")
        for job in jobs:
            job.tell()
        return go_on

    def _run(self, base: sqlite3.Connection, job: _Job) -> None:
        # A value that is no JSON spoils only its own question; an error of the database spoils the batch.
        try:
            job.result = job.run(base)
        except ValueError as error:
            job.error = OSError(f"{self._path.name}: {error}")

    def _read(
        self, base: sqlite3.Connection, kind: str, key: str, now: float
    ) -> tuple[str, float | None] | None:
        return base.execute(
            "SELECT value, until FROM documents WHERE kind = ? AND key = ? AND (until IS NULL OR until > ?)",
            (kind, key, now),
        ).fetchone()

    def _refuse_all(self, error: Exception) -> None:
        log.error("the store %s can't be used: %s", self._path.name, error)
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job.error = OSError(f"{self._path.name}: {error}")
                job.tell()
