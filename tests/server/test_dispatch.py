"""The door with real sockets: slow, large, garbled and vanishing callers; a worker that takes nothing."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Sequence

import pytest

from aizuchi.ports import Shard
from aizuchi.server.dispatch import HEAD, Door
from aizuchi.server.routing import Key

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform == "win32", reason="sockets can't be handed over there"),
]

SHARDS = {"/agent": Shard(query=("token",))}
REQUEST = b"GET /agent?token=t HTTP/1.1\r\nHost: x\r\n\r\n"


class Hall:
    """Where the door leads: what was handed over, with the keys it was routed by."""

    def __init__(self) -> None:
        self.worker: int | None = 7
        self.takes = True
        self.came: list[tuple[tuple[Key, ...], socket.socket]] = []
        self.offered = 0
        self.changed = asyncio.Event()
        self._keys: tuple[Key, ...] = ()

    def pick(self, keys: Sequence[Key]) -> int | None:
        self._keys = tuple(keys)
        self.offered += 1
        self.changed.set()
        return self.worker

    def give(self, worker: int, connection: socket.socket) -> bool:
        assert worker == 7
        if self.takes:
            self.came.append((self._keys, connection.dup()))
        return self.takes

    async def until(self, count: int = 1, offered: int = 0) -> None:
        async with asyncio.timeout(10):
            while len(self.came) < count or self.offered < offered:
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def opened(**more: float) -> AsyncIterator[tuple[Hall, Door, int]]:
    """An open door on a free port."""
    hall = Hall()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        listening.setblocking(False)
        door = Door([listening], hall.pick, hall.give, **more)  # type: ignore[arg-type]
        door.open(SHARDS)
        try:
            yield hall, door, listening.getsockname()[1]
        finally:
            door.close()
            assert not door.waiting
            for _, each in hall.came:
                each.close()


async def caller(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(5):
        return await asyncio.open_connection("127.0.0.1", port)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side hung up, which it does within ten seconds or never."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read() == b""
        return True


async def test_the_head_stays_in_the_socket():
    """The worker finds every byte, with the keys that the door read."""
    async with opened() as (hall, door, port):
        _, writer = await caller(port)
        writer.write(REQUEST + b"more")
        await hall.until()
        keys, connection = hall.came[0]
        assert keys == (Key("same", "t"),)
        assert connection.recv(1000) == REQUEST + b"more"
        assert not door.waiting
        writer.close()


async def test_a_head_in_pieces():
    """Letter by letter is fine while it is quick enough."""
    async with opened() as (hall, _, port):
        _, writer = await caller(port)
        for index in range(0, len(REQUEST), 7):
            writer.write(REQUEST[index : index + 7])
            await writer.drain()
            await asyncio.sleep(0)
        await hall.until()
        assert hall.came[0][0] == (Key("same", "t"),)
        writer.close()


@pytest.mark.parametrize("said", [b"", b"GET /agent?token=t HTTP/1.1\r\nHo"])
async def test_a_slow_head(said: bytes):
    """Who says nothing, or not enough, is cut off; others are served meanwhile."""
    async with opened(slow=1.0) as (hall, door, port):
        reader, writer = await caller(port)
        writer.write(said)
        _, other = await caller(port)
        other.write(REQUEST)
        await hall.until()
        assert await ended(reader) and len(hall.came) == 1 and not door.waiting
        writer.close()
        other.close()


async def test_many_slow_heads():
    """They are bounded: the one that waits longest makes way."""
    async with opened(waiting=2) as (hall, door, port):
        callers = [await caller(port) for _ in range(3)]
        assert await ended(callers[0][0]) and door.waiting == 2
        callers[2][1].write(REQUEST)
        await hall.until()
        assert door.waiting == 1
        for _, writer in callers:
            writer.close()


async def test_an_oversized_head():
    """It is routed by its beginning; the worker then refuses it."""
    async with opened() as (hall, _, port):
        _, writer = await caller(port)
        writer.write(REQUEST[:-2] + b"X-Large: " + b"x" * 2 * HEAD)
        await hall.until()
        assert hall.came[0][0] == (Key("same", "t"),)
        writer.close()


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x00", b"\x00", b"\r\n"])
async def test_garbage(garbage: bytes):
    """It goes to any worker at once."""
    async with opened() as (hall, _, port):
        _, writer = await caller(port)
        writer.write(garbage)
        await hall.until()
        assert hall.came[0][0] == ()
        writer.close()


async def test_hung_up_before_a_word():
    """Nobody is troubled with a connection that is over already."""
    async with opened() as (hall, door, port):
        reader, writer = await caller(port)
        writer.write_eof()
        assert await ended(reader) and not hall.came and not door.waiting
        writer.close()


async def test_half_closed_behind_the_head():
    """A client that has said all it has to say still wants its answer."""
    async with opened() as (hall, _, port):
        reader, writer = await caller(port)
        writer.write(REQUEST)
        writer.write_eof()
        await hall.until()
        hall.came[0][1].sendall(b"answer")
        assert await reader.readexactly(6) == b"answer"
        writer.close()


async def test_half_closed_within_the_head():
    """Half a request and no more: over when its time is."""
    async with opened(slow=1.0) as (hall, door, port):
        reader, writer = await caller(port)
        writer.write(REQUEST[:-2])
        writer.write_eof()
        assert await ended(reader) and not hall.came and not door.waiting
        writer.close()


@pytest.mark.parametrize("why", ["nobody", "full"])
async def test_nobody_takes_it(why: str):
    """While no worker lives, or the one it belongs to takes nothing, a connection waits a little."""
    async with opened() as (hall, door, port):
        hall.worker, hall.takes = (None, True) if why == "nobody" else (7, False)
        _, writer = await caller(port)
        writer.write(REQUEST)
        await hall.until(count=0, offered=2)
        assert door.waiting == 1 and not hall.came
        hall.worker, hall.takes = 7, True
        await hall.until()
        assert not door.waiting
        writer.close()


async def test_nobody_takes_it_for_long():
    """Then it is refused by hanging up."""
    async with opened(slow=0.1) as (hall, _, port):
        hall.worker = None
        reader, writer = await caller(port)
        writer.write(REQUEST)
        assert await ended(reader)
        writer.close()


async def test_closing_drops_who_waits():
    """A closed door accepts nobody and holds nobody."""
    async with opened() as (hall, door, port):
        reader, writer = await caller(port)
        _, other = await caller(port)
        other.write(REQUEST)
        await hall.until()
        door.close()
        assert await ended(reader)
        writer.close()
        other.close()
        door.open(SHARDS)
