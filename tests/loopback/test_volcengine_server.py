"""The loopback server against a client of its own, written from Volcengine's document and nothing of ours.

There is no official package for this service. This client writes frames in the document's first style, with
no sequence numbers, or in its second one, and reads whatever comes.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.loopback.volcengine_server import ACCESS, APP, LOG_ID, ONE, VolcengineServer, spoken

pytestmark = pytest.mark.network

DURATION = "volc.bigasr.sauc.duration"
PAIR = {"X-Api-App-Key": APP, "X-Api-Access-Key": ACCESS, "X-Api-Resource-Id": DURATION}
CONFIG: dict[str, Any] = {
    "user": {"uid": "a test"},
    "audio": {"format": "pcm", "rate": 16000, "bits": 16, "channel": 1, "codec": "raw"},
    "request": {"model_name": "bigmodel", "show_utterances": True},
}


class Reply(NamedTuple):
    """A frame from the server, its bytes read one field after the other."""

    type: str
    flags: str
    number: int | None
    code: int
    body: Any


def zipped(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=31)
    return squeeze.compress(data) + squeeze.flush()


def message(bits: str, data: bytes, number: int | None = None) -> bytes:
    """A client's frame from the bits of its header's second and third byte, as the document writes them."""
    head = int("0001" + "0001" + bits.replace(" ", "") + "00000000", 2).to_bytes(4, "big")
    counted = b"" if number is None else number.to_bytes(4, "big", signed=True)
    data = zipped(data) if bits.endswith("0001") else data
    return head + counted + len(data).to_bytes(4, "big") + data


def reading(data: bytes) -> Reply:
    bits = "".join(f"{byte:08b}" for byte in data[:4])
    assert bits[:8] == "00010001" and bits[24:] == "00000000"
    kind, flags, rest = bits[8:12], bits[12:16], data[4:]
    number, code = None, 0
    if flags in ("0001", "0011"):
        number, rest = int.from_bytes(rest[:4], "big", signed=True), rest[4:]
    if kind == "1111":
        code, rest = int.from_bytes(rest[:4], "big"), rest[4:]
    size, rest = int.from_bytes(rest[:4], "big"), rest[4:]
    assert size == len(rest)
    if bits[20:24] == "0001":
        rest = zlib.decompress(rest, wbits=31)
    return Reply(kind, flags, number, code, json.loads(rest))


async def replies(link: ClientConnection) -> list[Reply]:
    """Everything until the last one, or an error."""
    got: list[Reply] = []
    async with asyncio.timeout(10):
        while not got or not (got[-1].flags in ("0010", "0011") or got[-1].code):
            frame = await link.recv()
            assert isinstance(frame, bytes)
            got.append(reading(frame))
    return got


def dial(server: VolcengineServer, **headers: str) -> connect:
    return connect(server.url, additional_headers=PAIR | headers, compression=None)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[VolcengineServer]:
    async with VolcengineServer() as server:
        yield server


async def test_plain_frames_without_numbers(server: VolcengineServer):
    """The document's own style: nothing counted, here nothing zipped; answers come in the same style."""
    sound = spoken(1, 2, *[0] * 8, 3)
    async with dial(server, **{"X-Api-Connect-Id": "abc"}) as link:
        assert link.response is not None and link.response.headers["X-Tt-Logid"] == LOG_ID
        assert link.response.headers["X-Api-Connect-Id"] == "abc"
        await link.send(message("0001 0000 0001 0000", json.dumps(CONFIG).encode()))
        for at in range(0, len(sound), 6400):
            await link.send(message("0010 0000 0000 0000", sound[at : at + 6400]))
        await link.send(message("0010 0010 0000 0000", b""))
        got = await replies(link)
    assert {(reply.type, reply.number) for reply in got} == {("1001", None)}
    assert got[0].body == {} and got[-1].flags == "0010"
    texts = [reply.body["result"]["text"] for reply in got[1:]]
    assert texts[0] == "one two" and "one two." in texts and texts[-1] == "one two. three."
    last = got[-1].body["result"]["utterances"]
    assert [(each["start_time"], each["definite"]) for each in last] == [(0, True), (1000, True)]


async def test_zipped_frames_with_numbers(server: VolcengineServer):
    """The demonstration's style: numbers from 1, the last one negative; so are the server's."""
    async with dial(server) as link:
        await link.send(message("0001 0001 0001 0001", json.dumps(CONFIG).encode(), 1))
        await link.send(message("0010 0001 0001 0001", spoken(4, 5), 2))
        await link.send(message("0010 0011 0001 0001", spoken(6), -3))
        got = await replies(link)
    assert [reply.number for reply in got] == [1, 2, -3]
    assert got[-1].body["result"]["text"] == "four five six."


async def test_the_document_s_odd_last_number(server: VolcengineServer):
    """Its example ends with a positive number all the same."""
    server.faults = ["positive"]
    async with dial(server) as link:
        await link.send(message("0001 0001 0001 0001", json.dumps(CONFIG).encode(), 1))
        await link.send(message("0010 0011 0001 0001", spoken(1), -2))
        assert (await replies(link))[-1].number == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Api-Access-Key": "wrong"}, 401),
        ({"X-Api-App-Key": "", "X-Api-Access-Key": "", "X-Api-Key": ONE}, 101),
        ({"X-Api-Resource-Id": "volc.other"}, 403),
    ],
)
async def test_the_door(server: VolcengineServer, headers: dict[str, str], status: int):
    """Both forms of credentials are let in, and nothing else; a refusal has its log id, too."""
    if status == 101:
        async with dial(server, **headers):
            return
    with pytest.raises(InvalidStatus) as refused:
        await dial(server, **headers)
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["X-Tt-Logid"] == LOG_ID


PLAIN = message("0001 0000 0001 0000", json.dumps(CONFIG).encode())
COUNTED = message("0001 0001 0001 0000", json.dumps(CONFIG).encode(), 1)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([message("0010 0000 0000 0000", spoken(1))], 45000001),
        ([message("0001 0000 0001 0000", b"no json")], 45000001),
        (
            [message("0001 0000 0001 0000", json.dumps(CONFIG | {"audio": {"format": "flac"}}).encode())],
            45000001,
        ),
        ([message("0001 0000 0001 0001", b"")[:-4] + b"nope"], 45000001),
        ([b"\x21" + PLAIN[1:]], 45000001),
        ([PLAIN[:-1]], 45000001),
        ([PLAIN, message("0010 0000 0000 0000", b"odd")], 45000151),
        ([PLAIN, message("0010 0010 0000 0000", b"")], 45000002),
        ([PLAIN, message("0010 0001 0000 0000", spoken(1), 2)], 45000001),
        ([COUNTED, message("0010 0001 0000 0000", spoken(1), 3)], 45000001),
        ([COUNTED, message("0010 0011 0000 0000", spoken(1), 2)], 45000001),
        ([COUNTED], 45000081),
    ],
)
async def test_what_is_wrong_gets_the_vendor_s_error(server: VolcengineServer, sent: list[bytes], code: int):
    """An error frame with the documented code, in plain JSON; the connection stays open."""
    server.patience = 0.2
    async with dial(server) as link:
        for frame in sent:
            await link.send(frame)
        last = (await replies(link))[-1]
        assert (last.type, last.flags, last.code) == ("1111", "0000", code)
        assert isinstance(last.body["error"], str)
        await link.ping()
