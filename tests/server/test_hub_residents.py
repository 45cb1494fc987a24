"""Agents that live in the server: they come with the first page, and make room for those from outside."""

import asyncio
import contextlib
import json
import logging
from typing import Any

import pytest

from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.manners import Manners
from tests.server.bitnp_client import agent, page
from tests.server.fakes import make_house
from tests.server.sockets import serving
from tests.server.test_hub_manners import SENT, refused, tasks, until

pytestmark = pytest.mark.network


class Parrot:
    """Greets, repeats what pages say, fails or leaves on command, and says what became of it."""

    def __init__(self):
        self.began = self.ended = 0
        self.room: Any = None

    async def run(self, room):
        self.began += 1
        self.room = room
        try:
            room.publish({"type": "greeting", "name": room.name, "pages": room.pages})
            async for event in room.events():
                if event == "fail":
                    raise RuntimeError("as it was told")
                if event == "leave":
                    return
                room.publish(event)
        finally:
            self.ended += 1


@contextlib.asynccontextmanager
async def living(resident, *, linger=0.05, takeover=True):
    made = Hub(Manners(linger=linger, takeover=takeover), residents={"anon": resident})
    async with serving(make_house(hub=made)) as base:
        yield base, made


GREETING = {"type": "greeting", "name": "anon", "pages": 1}


async def test_it_comes_with_a_page():
    """It starts with the first page, hears pages in order, and leaves some time after the last one."""
    parrot = Parrot()
    async with living(parrot) as (base, made):
        assert parrot.began == 0
        async with page(base, "anon") as one:
            assert await one.data() == GREETING
            await one.send(type="is_agent_online")
            assert await one.receive() == {"type": "success", "message": True}
            for each in ("text", [1], {"type": "user_input", "content": "你好"}, None):
                await one.event(each)
            replies = [await one.receive() for _ in range(8)]
            assert [each for each in replies if each == SENT] == [SENT] * 4
            said = [each["data"] for each in replies if "data" in each]
            assert said == ["text", [1], {"type": "user_input", "content": "你好"}, None]
            async with page(base, "anon") as two:
                await one.event("both")
                assert await two.data() == "both"
            assert parrot.began == 1 and parrot.room.pages == 1
        await until(lambda: parrot.ended == 1)
        await until(lambda: made.counts()["names"] == 0)


async def test_it_lingers():
    """A page that comes back soon finds the same stay."""
    parrot = Parrot()
    async with living(parrot, linger=30) as (base, made):
        async with page(base, "anon") as one:
            assert await one.data() == GREETING
        await until(lambda: made.counts()["pages"] == 0)
        async with page(base, "anon") as one:
            await one.event("again")
            assert await one.data() == "again"
        assert (parrot.began, parrot.ended) == (1, 0)
    assert parrot.ended == 1


async def test_an_outside_agent_takes_over():
    """An outside agent takes the name; the resident is cancelled, and comes back when the other has gone."""
    parrot = Parrot()
    async with living(parrot) as (base, _), page(base, "anon") as one:
        assert await one.data() == GREETING
        first = parrot.room
        async with agent(base, "anon") as it:
            await until(lambda: parrot.ended == 1)
            first.publish("too late")
            await one.event("hello")
            assert await it.data() == "hello"
            await it.event("from outside")
            assert await one.data() == "from outside"
        assert await one.data() == GREETING
        assert parrot.began == 2


async def test_takeover_off():
    """With the switch off a resident's name is taken."""
    async with living(Parrot(), takeover=False) as (base, _), page(base, "anon") as one:
        assert await one.data() == GREETING
        assert await refused(agent, base, "anon") == 403
        async with agent(base, "other"):
            pass


async def test_it_ends_by_itself(caplog, monkeypatch):
    """One that fails or leaves is logged, and started again by a page's next event."""
    monkeypatch.setattr("aizuchi.server.hub.stay.PAUSE", 0.0)
    parrot = Parrot()
    async with living(parrot) as (base, _), page(base, "anon") as one:
        assert await one.data() == GREETING
        with caplog.at_level(logging.INFO):
            for number, word in enumerate(("fail", "leave"), start=1):
                await one.event(word)
                await until(lambda number=number: parrot.ended == number)
                await one.event("again")
                assert await one.data() == GREETING
                assert await one.data() == "again"
        assert any("as it was told" in str(each.exc_info) for each in caplog.records if each.exc_info)
    assert parrot.began == parrot.ended == 3


async def test_it_is_not_started_in_a_circle():
    """One that fails at once is not started again within the pause; the page is told."""

    class Broken:
        began = 0

        async def run(self, room):
            self.began += 1
            raise RuntimeError("never works")

    broken = Broken()
    async with living(broken) as (base, _), page(base, "anon") as one:
        await until(lambda: broken.began == 1)
        await one.event("hello")
        assert (await one.receive())["type"] == "error"
        assert broken.began == 1


async def test_events_of_a_page_are_bounded():
    """What a resident does not take is refused to its sender; too large an event as well."""

    class Deaf:
        async def run(self, room):
            await asyncio.Event().wait()

    async with living(Deaf()) as (base, _), page(base, "anon") as one:
        answers = []
        for number in range(300):
            await one.event(number)
            answers.append((await one.receive())["type"])
        assert answers == ["success"] * 256 + ["error"] * 44
        await one.event("A" * 2_000_000)
        assert "at most" in (await one.receive())["message"]
        await one.socket.send('{"type":"event","data":' + "9" * 5000 + "}")
        assert "can't read" in (await one.receive())["message"]


async def test_what_it_publishes():
    """It may say whatever JSON can; what is none raises, and the stay goes on."""
    done = asyncio.Event()

    class Odd:
        async def run(self, room):
            for wrong in (object(), float("nan"), {1, 2}):
                with pytest.raises((TypeError, ValueError)):
                    room.publish(wrong)
            room.publish("half \ud83d")
            room.publish(["🍓", 1.5, None])
            done.set()
            await asyncio.Event().wait()

    async with living(Odd()) as (base, _), page(base, "anon") as one:
        assert json.dumps(await one.data()) == '"half \\ud83d"'
        assert await one.data() == ["🍓", 1.5, None]
        assert done.is_set()


async def test_slow_to_leave():
    """One that takes its time to end says nothing meanwhile, and no second one runs beside it."""
    gate = asyncio.Event()
    running = most = 0

    class Slow:
        async def run(self, room):
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                room.publish("begun")
                await asyncio.Event().wait()
            finally:
                room.publish("in between")
                await gate.wait()
                running -= 1

    async with living(Slow()) as (base, _), page(base, "anon") as one:
        assert await one.data() == "begun"
        async with agent(base, "anon") as it:
            await it.event("outside")
            assert await one.data() == "outside"
        await until(lambda: running == 1)
        gate.set()
        assert await one.data() == "begun"
        assert most == 1


async def test_nothing_stays():
    """No task of a resident is left when the server is."""
    before = tasks()
    parrot = Parrot()
    async with living(parrot) as (base, _), page(base, "anon") as one:
        assert await one.data() == GREETING
    assert parrot.ended == 1
    await until(lambda: tasks() <= before)
