"""Each route's socket has the manners its wire states; real sockets on loopback."""

import asyncio
import logging
import socket
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.frames import Opcode

from aizuchi.ports import Limits
from aizuchi.server.pipe import Gone, SocketPipe
from aizuchi.server.socket import SCOPE_KEY, UNTAKEN, Socket, socket_class
from tests.server.sockets import masked, read_frame, stop_reading, upgraded

pytestmark = pytest.mark.network

ROUTES: dict[str, Limits] = {
    "/quiet": Limits(ping_interval=None, max_message=1_000, close_timeout=0.2),
    "/pinging": Limits(ping_interval=0.05, ping_timeout=5.0, max_message=100_000),
    "/strict": Limits(ping_interval=0.05, ping_timeout=0.1, close_timeout=0.1),
    "/narrow": Limits(ping_interval=None, high_water=4 << 10, drain_timeout=0.3),
    "/wide": Limits(ping_interval=None, high_water=256 << 10),
}


@dataclass
class Stand:
    """A bare server with the routes above, and what its handlers saw."""

    url: str
    seen: asyncio.Queue[Any]
    going: asyncio.Event
    """What a handler that was told to wait waits for."""


@asynccontextmanager
async def stand():
    seen: asyncio.Queue[Any] = asyncio.Queue(100)
    going = asyncio.Event()

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        pipe = SocketPipe(websocket, ROUTES[websocket.url.path].drain_timeout)
        seen.put_nowait(websocket.scope[SCOPE_KEY])
        try:
            while True:
                message = await pipe.receive()
                if message == "close":
                    await pipe.close(1000, "as asked")
                elif message == "wait":
                    seen.put_nowait("waiting")
                    await going.wait()
                elif message == "flood":
                    await flood(pipe, websocket.scope[SCOPE_KEY], seen)
                else:
                    await pipe.send(message)
        except Gone as gone:
            seen.put_nowait(gone)

    app = Starlette(routes=[WebSocketRoute(path, handler) for path in ROUTES])
    config = uvicorn.Config(
        app,
        ws=socket_class(ROUTES),
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        loop="asyncio",
    )
    server = uvicorn.Server(config)
    server.capture_signals = nothing  # type: ignore[method-assign]
    listening = socket.create_server(("127.0.0.1", 0))
    started = asyncio.Event()
    startup = server.startup

    async def announced(sockets: Any = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = announced  # type: ignore[method-assign]
    running = asyncio.ensure_future(server.serve([listening]))
    try:
        async with asyncio.timeout(10):
            await started.wait()
        yield Stand(f"ws://127.0.0.1:{listening.getsockname()[1]}", seen, going)
    finally:
        server.should_exit = True
        async with asyncio.timeout(20):
            await running


async def flood(pipe: SocketPipe, transport: Socket, seen: asyncio.Queue[Any]) -> None:
    """Send to a client that does not read, noting how much waited before each frame."""
    most = 0
    try:
        while True:
            await pipe.room()
            most = max(most, transport.waiting)
            await pipe.send(b"x" * 1000)
    except Gone as gone:
        seen.put_nowait(most)
        raise gone


def nothing():
    import contextlib

    return contextlib.nullcontext()


async def test_pings_where_wanted():
    """A route with an interval pings; its client's pongs keep the connection."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/pinging")
        for _ in range(3):
            opcode, payload = await read_frame(reader)
            assert opcode == Opcode.PING
            writer.write(masked(Opcode.PONG, payload))
        writer.close()


async def test_no_pings_where_unwanted():
    """A route without an interval has no ping timer at all."""
    async with stand() as server, asyncio.timeout(10):
        async with websockets.connect(server.url + "/quiet", compression=None) as client:
            transport: Socket = await server.seen.get()
            await client.send("hello")
            assert await client.recv() == "hello"
            assert transport.ping_interval is None and transport.ping_timer is None
        async with websockets.connect(server.url + "/pinging", compression=None):
            assert (await next_socket(server)).ping_timer is not None


async def test_missing_pongs_close():
    """A client that never answers pings is closed with 1011, and its handler is told."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/strict")
        while (frame := await read_frame(reader))[0] == Opcode.PING:
            pass
        assert frame[0] == Opcode.CLOSE and frame[1][:2] == struct.pack("!H", 1011)
        await server.seen.get()
        assert isinstance(await server.seen.get(), Gone)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(("path", "size", "fits"), [("/quiet", 1000, True), ("/quiet", 1001, False)])
async def test_message_limit(path: str, size: int, fits: bool):
    """A message of exactly the limit passes, one byte more closes with 1009."""
    async with stand() as server, asyncio.timeout(10), websockets.connect(server.url + path) as client:
        await client.send("x" * size)
        if fits:
            assert len(await client.recv()) == size
        else:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


async def test_a_huge_message_still_learns_why():
    """A client in the middle of sending megabytes gets the close frame with 1009 and not a reset."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/quiet")
        writer.write(masked(Opcode.BINARY, bytes(8 << 20)))
        await writer.drain()
        opcode, payload = await read_frame(reader)
        assert (opcode, payload[:2]) == (Opcode.CLOSE, struct.pack("!H", 1009))
        assert await reader.read() == b"", "a clean end"
        writer.close()


@pytest.mark.parametrize("frames", [[b"\xff\xfe"], [b"\xe4", b"\xb8"]], ids=["whole", "in pieces"])
async def test_text_that_is_none(frames: list[bytes], caplog: pytest.LogCaptureFixture):
    """Text that is no UTF-8 is closed with 1007; the client's fault is worth no traceback."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/quiet")
        for number, data in enumerate(frames):
            last = number == len(frames) - 1
            writer.write(masked(Opcode.CONT if number else Opcode.TEXT, data, fin=last))
        opcode, payload = await read_frame(reader)
        assert (opcode, payload[:2]) == (Opcode.CLOSE, struct.pack("!H", 1007))
        await next_socket(server)
        gone = await server.seen.get()
        assert isinstance(gone, Gone) and gone.code == 1007
        writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_character_in_two_frames():
    """A message cut in the middle of a character is whole again when its last piece has come."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/quiet")
        writer.write(masked(Opcode.TEXT, b"\xe4", fin=False) + masked(Opcode.CONT, b"\xb8\xad"))
        assert await read_frame(reader) == (Opcode.TEXT, "中".encode())
        writer.close()


async def test_routes_differ():
    """What is too much on one route is welcome on another, in the same server."""
    url = "/pinging"
    async with stand() as server, asyncio.timeout(10), websockets.connect(server.url + url) as client:
        await client.send("x" * 50_000)
        assert len(await client.recv()) == 50_000


@pytest.mark.parametrize("path", ["/narrow", "/wide"])
async def test_high_water_mark(path: str):
    """To a client that does not read, no more than the mark and one frame ever waits in the transport."""
    async with stand() as server, asyncio.timeout(20):
        reader, writer = await upgraded(server.url + path)
        stop_reading(writer)
        transport = await next_socket(server)
        mark = ROUTES[path].high_water
        assert transport.transport.get_write_buffer_limits()[1] == mark
        if path == "/narrow":
            writer.write(masked(Opcode.TEXT, b"flood"))
            most = await server.seen.get()
            assert 0 < most <= mark + 1100
            gone = await server.seen.get()
            assert gone.reason == "slow", "it was cut off after the drain timeout"
        writer.close()
        del reader


async def test_close_timeout():
    """A client that never answers the close frame is cut off after the route's close timeout."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/quiet")
        writer.write(masked(Opcode.TEXT, b"close"))
        assert (await read_frame(reader))[0] == Opcode.CLOSE
        asked = asyncio.get_running_loop().time()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(1)
        assert asyncio.get_running_loop().time() - asked > 0.1
        writer.close()


async def test_close_answered_is_quick():
    """A client that answers the close frame does not wait for the timeout."""
    async with stand() as server, asyncio.timeout(10):
        async with websockets.connect(server.url + "/wide") as client:
            await client.send("close")
            with pytest.raises(websockets.ConnectionClosedOK):
                await client.recv()
        transport: Socket = await server.seen.get()
        assert transport.close_timeout == 5.0
        assert isinstance(await server.seen.get(), Gone)


async def test_no_compression_and_no_delay():
    """Compression is not negotiated even if offered; small frames are not held back; little is buffered."""
    async with (
        stand() as server,
        asyncio.timeout(10),
        websockets.connect(server.url + "/quiet", compression="deflate") as client,
    ):
        assert "Sec-WebSocket-Extensions" not in client.response.headers  # type: ignore[union-attr]
        raw = (await next_socket(server)).transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        # Linux reports twice what was asked for.
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 4 * Limits().send_buffer


async def next_socket(server: Stand) -> Socket:
    while True:
        item = await server.seen.get()
        if isinstance(item, Socket):
            return item


def test_unlisted_paths_get_the_defaults():
    """A path that no wire states has `Limits()`."""
    made: Any = socket_class({"/a": Limits(max_message=5)})
    assert made.manners["/a"].max_message == 5
    assert made.otherwise == Limits()


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
async def test_lengths_of_written_messages(size: int):
    """Messages of every length class come out as they were given, as text and as bytes."""
    async with (
        stand() as server,
        asyncio.timeout(10),
        websockets.connect(server.url + "/wide", max_size=None) as client,
    ):
        for message in ("中"[: size % 2] + "x" * size, b"\x00" * size):
            await client.send(message)
            assert await client.recv() == message


async def test_reading_stops_when_nobody_takes():
    """A client that sends more than is taken is read no further, and is read again once it was taken."""
    async with stand() as server, asyncio.timeout(10):
        reader, writer = await upgraded(server.url + "/wide")
        transport = await next_socket(server)
        paused, pause = asyncio.Event(), transport.transport.pause_reading
        transport.transport.pause_reading = lambda: (pause(), paused.set())  # type: ignore[method-assign]
        writer.write(masked(Opcode.TEXT, b"wait"))
        assert await server.seen.get() == "waiting"
        for _ in range(UNTAKEN[1] + 10):
            writer.write(masked(Opcode.BINARY, b"x"))
        await paused.wait()
        assert UNTAKEN[1] < transport.queue.qsize() <= UNTAKEN[1] + 10
        server.going.set()
        for _ in range(UNTAKEN[1] + 10):
            assert await read_frame(reader) == (Opcode.BINARY, b"x")
        assert not transport.read_paused
        writer.close()
