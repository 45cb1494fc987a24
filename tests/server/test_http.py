"""A request's head has to come soon and be small; real sockets on loopback."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from websockets.frames import Opcode

from aizuchi.server import serve as serving_module
from aizuchi.server.http import Http
from tests.server.fakes import ToyWire, make_house
from tests.server.sockets import masked, read_frame, serving, upgraded, ws

pytestmark = pytest.mark.network

ASK = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Hasty(Http):
    """Patient for a twentieth of a second."""

    head_timeout = 0.05
    head_bytes = 2_000


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serving_module, "Http", Hasty)


@asynccontextmanager
async def connected():
    """A raw connection to a server in no mood to wait."""
    async with serving(make_house(), ToyWire) as base, asyncio.timeout(10):
        host, _, port = base.removeprefix("http://").rstrip("/").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        yield reader, writer
        writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The status line of an answer, its body read away."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "begun", [b"", b"G", ASK, b"\r\n\r\n"], ids=["silence", "a letter", "half", "blanks"]
)
async def test_a_head_that_never_ends(begun: bytes):
    """Who connects and does not ask is not waited for, however slowly they go on."""
    async with connected() as (reader, writer):
        writer.write(begun)
        assert await reader.read() == b""


async def test_a_second_head_that_never_ends():
    """A connection that was served once is held to the same limit."""
    async with connected() as (reader, writer):
        writer.write(ASK + b"\r\n")
        assert await answer(reader) == b"HTTP/1.1 200 OK"
        writer.write(ASK)
        assert await reader.read() == b""


async def test_a_head_without_end():
    """A head is not collected for ever: 431, and the connection is closed."""
    async with connected() as (reader, writer):
        writer.write(ASK)
        writer.write(b"X-More: and more\r\n" * 150)
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")


async def test_several_requests_on_one_connection():
    """The limits are of each head, not of the connection."""
    async with connected() as (reader, writer):
        for _ in range(4):
            writer.write(ASK + b"X-Long: " + b"x" * 1_000 + b"\r\n\r\n")
            assert await answer(reader) == b"HTTP/1.1 200 OK"


async def test_a_body_is_no_head():
    """What is posted may be larger than a head, and come later than one."""
    async with connected() as (reader, writer):
        writer.write(b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n")
        for _ in range(10):
            writer.write(b"x" * 2_000)
            await writer.drain()
        assert await answer(reader) == b"HTTP/1.1 405 Method Not Allowed"
        writer.write(ASK + b"\r\n")
        assert await answer(reader) == b"HTTP/1.1 200 OK"


async def test_an_open_websocket_is_not_timed():
    """Once a WebSocket is open its own wire's limits hold."""
    async with serving(make_house(), ToyWire) as base, asyncio.timeout(10):
        open_reader, open_writer = await upgraded(ws(base))
        host, _, port = base.removeprefix("http://").rstrip("/").partition(":")
        # Whoever came later and said nothing is gone, so the limit is over for the first one, too.
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
        open_writer.write(masked(Opcode.CLOSE, b"\x03\xe8"))
        assert await read_frame(open_reader) == (Opcode.CLOSE, b"\x03\xe8")
        open_writer.close()
