"""The bitnp relay over real sockets: the conformance list of its document."""

import asyncio
import json
import re
import uuid
from datetime import datetime

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.bitnp_client import agent, page
from tests.server.fakes import make_house
from tests.server.sockets import serving

pytestmark = pytest.mark.network

SENT = {"type": "success", "message": "event sent"}
NO_TYPE = {"type": "error", "message": "empty message type"}


@pytest.fixture
async def base():
    async with serving(make_house()) as url:
        yield url


@pytest.mark.parametrize("side", [agent, page])
async def test_welcome(base, side):
    """The first frame confirms the connection, with an id of its own and local time."""
    async with side(base) as one:
        assert set(one.welcome) == {"type", "message", "client_id", "timestamp"}
        assert one.welcome["type"] == "system" and one.welcome["message"] == "successfully connected"
        assert uuid.UUID(one.welcome["client_id"]).version == 4
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", one.welcome["timestamp"])
        assert abs((datetime.fromisoformat(one.welcome["timestamp"]) - datetime.now()).total_seconds()) < 60


async def test_second_agent(base):
    """A name has one agent; a second one's handshake is refused with 403, and a third may come later."""
    async with agent(base):
        with pytest.raises(InvalidStatus) as refused:
            async with agent(base):
                pass
        assert refused.value.response.status_code == 403
    async with asyncio.timeout(20):
        while True:
            try:
                async with agent(base):
                    return
            except InvalidStatus:
                await asyncio.sleep(0.01)


async def test_agent_to_pages(base):
    """An agent's event reaches every page of its name and no other; the acknowledgement comes after it."""
    async with agent(base) as it, page(base) as one, page(base) as two, page(base, "other") as stranger:
        await it.event({"type": "say_aloud", "content": "你好"})
        for each in (one, two):
            message = await each.receive()
            assert list(message) == ["type", "time", "data"]
            assert message["type"] == "event" and datetime.fromisoformat(message["time"])
            assert message["data"] == {"type": "say_aloud", "content": "你好"}
        assert await it.receive() == SENT
        await stranger.send(type="is_agent_online")
        assert await stranger.receive() == {"type": "success", "message": False}


async def test_page_to_agent(base):
    """A page's event reaches the agent; without one it is acknowledged all the same."""
    async with page(base) as one:
        await one.event({"type": "user_input", "content": ""})
        assert await one.receive() == SENT
        async with agent(base) as it:
            await one.event({"type": "user_input", "content": "hi"})
            assert await it.data() == {"type": "user_input", "content": "hi"}
            assert await one.receive() == SENT


async def test_online(base):
    """`is_agent_online` is answered by a boolean, to pages alone."""
    async with page(base) as one:
        await one.send(type="is_agent_online")
        assert await one.receive() == {"type": "success", "message": False}
        async with agent(base) as it:
            await one.send(type="is_agent_online")
            assert await one.receive() == {"type": "success", "message": True}
            await it.send(type="is_agent_online")
            await it.event(1)
            assert await it.receive() == SENT


@pytest.mark.parametrize("side", [agent, page])
async def test_odd_types(base, side):
    """No type is an error; one that is unknown is not answered."""
    async with side(base) as one:
        for message in ({}, {"type": ""}, {"type": None}, {"type": 0}, {"data": 1}):
            await one.send(**message)
            assert await one.receive() == NO_TYPE
        await one.send(type="hello", data=1)
        await one.send(type=5)
        await one.send()
        assert await one.receive() == NO_TYPE


@pytest.mark.parametrize("side", [agent, page])
async def test_malformed(base, side):
    """What is no JSON object in a text frame is told so, and the connection lives on."""
    async with side(base) as one:
        bad = [
            "",
            "x",
            "[1]",
            '"event"',
            "3",
            "{",
            '{"type":"event","data":NaN}',
            '{"type":"event"} x',
            b"{}",
        ]
        for frame in [*bad, '{"type":"event","data":' + "[" * 5000 + "]" * 5000 + "}"]:
            await one.socket.send(frame)
            answer = await one.receive()
            assert answer["type"] == "error" and answer["message"], frame
        await one.event("still here")
        assert await one.receive() == SENT


async def test_disconnect(base):
    """An agent that says `disconnect` gets no answer, a close 1000, and its name is free at once."""
    async with page(base) as one, agent(base) as it:
        await it.send(type="disconnect")
        assert await it.closed() == (1000, "")
        await one.send(type="is_agent_online")
        assert await one.receive() == {"type": "success", "message": False}
        async with agent(base) as other:
            await one.send(type="disconnect")
            with pytest.raises(ConnectionClosed):
                await one.receive()
            assert (await one.closed())[0] == 1000
            await other.event(1)
            assert await other.receive() == SENT


DATA = [
    '"text"',
    "[1,[2,{}]]",
    "3",
    "1.00",
    "1e999",
    "12345678901234567890123456789",
    "null",
    "true",
    '{"a": 1, "a": 2}',
    '"\\ud83d"',
    '"\\u4f60 你好 🍓"',
    '  {"spaces" : [ ] }  ',
]


@pytest.mark.parametrize("data", DATA)
async def test_untouched(base, data):
    """`data` arrives letter for letter, both ways, but for the spaces around it."""
    async with agent(base) as it, page(base) as one:
        for sender, receiver in ((it, one), (one, it)):
            await sender.socket.send(f'{{"x": 1, "data": {data}, "type": "event"}}')
            frame = await receiver.raw()
            while '"data":' not in frame:
                frame = await receiver.raw()
            assert frame.partition('"data":')[2] == data.strip() + "}"


async def test_large(base):
    """Sound of 900 kB passes, and whatever else fits a frame of 16 MiB; a longer one closes with 1009."""
    async with agent(base) as it, page(base) as one:
        for size in (900_000, (16 << 20) - 100):
            await it.event("A" * size)
            assert await one.data() == "A" * size
            assert await it.receive() == SENT
        await it.event("A" * (16 << 20))
        assert (await it.closed())[0] == 1009


async def test_missing_data(base):
    """Data that is left out is an empty text from agents, an empty object from pages; `payload` stands in."""
    async with agent(base) as it, page(base) as one:
        await it.send(type="event")
        assert await one.data() == ""
        await one.send(type="event")
        assert await it.data() == {}
        await one.send(type="event", payload={"type": "user_input"})
        assert await it.data() == {"type": "user_input"}
        await one.send(type="event", payload=1, data=None)
        assert await it.data() is None


async def test_names(base):
    """A name is one segment of the path, percent-decoded."""
    async with agent(base, "树莓娘") as it, page(base, "树莓娘") as one:
        await it.event(1)
        assert await one.data() == 1
    for name in ("a/b", ""):
        with pytest.raises(InvalidStatus) as refused:
            async with agent(base, name):
                pass
        assert refused.value.response.status_code == 403


async def test_order(base):
    """A burst arrives in order at everybody, and is acknowledged message by message."""
    async with agent(base) as it, page(base) as one, page(base) as two:
        for number in range(500):
            await it.event(number)
        for each in (one, two):
            assert [await each.data() for _ in range(500)] == list(range(500))
        assert [await it.receive() for _ in range(500)] == [SENT] * 500
        assert json.loads(json.dumps(SENT)) == SENT
