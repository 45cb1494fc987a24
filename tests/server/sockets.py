"""A server on a free port of loopback, for tests that need a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from websockets.frames import Frame, Opcode

from aizuchi.ports import Wire
from aizuchi.server.house import House
from aizuchi.server.hub.routes import hub_mounts
from aizuchi.server.mounts import Mount, Mounted
from aizuchi.server.serve import serve


@contextlib.asynccontextmanager
async def serving(
    house: House, *makers: Callable[[], Wire], table: Sequence[Mounted] | None = None, **more: Any
) -> AsyncIterator[str]:
    """Serve a house with the wires given; yields its base URL, `http://127.0.0.1:PORT/`."""
    if table is None:
        wires = [Mount(type(make()), lambda _house, make=make: make()) for make in makers]
        table = [*wires, *hub_mounts(house.hub)]
    stop = asyncio.Event()
    ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    running = asyncio.ensure_future(
        serve(house, port=0, on_ready=ready.set_result, stop=stop, drain=1.0, table=table, **more)
    )
    try:
        async with asyncio.timeout(10):
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield ready.result()[0]
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await running


def ws(base: str, path: str = "/toy") -> str:
    """The WebSocket URL of a path below an HTTP base URL."""
    return "ws" + base.removeprefix("http").rstrip("/") + path


async def upgraded(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A raw connection after its handshake: a client that then does only what the test does."""
    host, _, rest = url.removeprefix("ws://").partition(":")
    port, _, path = rest.partition("/")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /{path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of one short unmasked frame."""
    head = await reader.readexactly(2)
    length = head[1]
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    return head[0] & 0x0F, await reader.readexactly(length)


def masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def stop_reading(writer: asyncio.StreamWriter) -> None:
    """From now on the client takes nothing; what the server sends piles up there."""
    transport: Any = writer.transport
    transport.pause_reading()


def read_on(writer: asyncio.StreamWriter) -> None:
    """Take again what comes, after `stop_reading`."""
    transport: Any = writer.transport
    transport.resume_reading()
