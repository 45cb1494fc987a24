"""One connection for each token: who is replaced, whose session ends; and another character on a link."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from aizuchi.events import Input
from aizuchi.ports import Ask, Frame, Join, Leave
from aizuchi.server.admission import Token
from aizuchi.server.sole import Holders, Sole
from tests.server.fakes import ToyWire, connected, linked, make_house


@dataclass
class Guest:
    id: str


def test_the_newest_holds_the_key():
    """Taking gives back whose it was; leaving frees it only for its holder."""
    sole: Sole[Guest] = Sole()
    one, two = Guest("1"), Guest("2")
    assert sole.take("k", one) is None
    assert sole.take("k", two) is one
    assert sole.lost("1") and not sole.lost("2") and not sole.lost("3")
    sole.leave("2")
    assert sole.lost("1")
    sole.leave("1")
    sole.leave("1")
    assert len(sole) == 0 and sole.take("k", one) is None


def test_another_process_takes_the_key():
    """Only from the connection that has it; that one counts as lost, and frees nothing when it leaves."""
    sole: Sole[Guest] = Sole()
    one, two = Guest("1"), Guest("2")
    sole.take("k", one)
    sole.take("k", two)
    assert sole.lose("k", "1") is None and sole.lose("other", "2") is None
    assert sole.lose("k", "2") is two and sole.lose("k", "2") is None
    assert sole.lost("2") and sole.leave("2") == ""
    sole.take("k", one)
    assert sole.leave("1") == "k" and sole.leave("1") == ""


def test_holders_over_all_processes():
    """The last to ask has it; who leaves late, or dies, frees only what is still theirs."""
    holders = Holders()
    assert holders.take("k", 0, "a") is None
    assert holders.take("k", 1, "b") == (0, "a")
    holders.leave("k", 0, "a")
    assert holders.take("k", 1, "c") == (1, "b")
    holders.take("other", 0, "d")
    holders.gone(1)
    assert len(holders) == 1 and holders.take("k", 0, "e") is None
    holders.leave("k", 0, "e")
    holders.leave("other", 0, "d")
    assert len(holders) == 0


class AloneWire(ToyWire):
    """Asks to be the only one of its token, and for another character."""

    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        if isinstance(message, str) and message.startswith("be "):
            yield Ask("1", "character", {"name": message[3:]})
            return
        yield from super().receive(message, now)


ALONE: dict[str, Any] = {"alone": True, "stays": False, "token": "secret"}


async def test_the_one_before_is_told_and_its_session_ends():
    """The new one lives, the old one gets code and reason, and leaving later does no harm to the new."""
    async with make_house(tokens=[Token("secret", "ann")]) as house:
        async with linked(house, hello=ALONE) as (old, session, _):
            async with linked(house, hello=ALONE) as (new, fresh, _):
                await old.until(lambda: old.closed)
                assert (
                    old.closed == (1008, "new_connection")
                    and old.of_type("error")[0]["code"] == "new_connection"
                )
                assert session.closed == "new_connection"
                new.put(type="text", text="hi")
                await new.until(lambda: fresh.turn)
                assert [live.session.id for live in house.sessions] == [fresh.id]
            await asyncio.sleep(0)
        assert not list(house.sessions)


async def test_other_tokens_and_other_clients_are_left_alone():
    """Only who asks to be alone is; another token's connection stays."""
    async with (
        make_house(tokens=[Token("secret", "ann"), Token("other", "bob")]) as house,
        linked(house, hello={"token": "secret"}) as (plain, _, _),
        linked(house, hello=ALONE | {"token": "other"}) as (other, _, _),
        linked(house, hello=ALONE) as (mine, _, _),
    ):
        assert not (plain.closed or other.closed or mine.closed)


async def test_who_could_not_come_in_holds_nothing():
    """A refused newcomer has still replaced the one before, and the next one may come."""
    async with make_house(max_sessions=1) as house, linked(house, hello={}), connected(house) as pipe:
        pipe.put(type="hello", **ALONE)
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed and pipe.closed[0] == 1013
    async with make_house() as house, linked(house, hello=ALONE) as (pipe, _, _):
        assert not pipe.closed


async def test_another_character_is_another_session_on_the_same_link():
    """The old session ends, the new one hears the link; nothing of the old one is sent any more."""
    async with make_house(resume_ttl=0) as house:
        async with linked(house, AloneWire(), hello={}) as (pipe, old, _):
            pipe.incoming.put_nowait("be foe")
            answer = await pipe.until_sent("answer")
            (live,) = house.sessions
            assert answer["character"] == "foe" and live.session.id == answer["session"]
            assert old.closed == "switched" and not pipe.closed
            old.move("thinking")
            pipe.put(type="text", text="hi")
            await pipe.until_sent("state", 1)
            assert [each["state"] for each in pipe.of_type("state")][-1] == "thinking"
            assert getattr(live.session, "fed")  # noqa: B009 - a fake's
        assert not list(house.sessions)


@pytest.mark.parametrize("name", ["nobody", ""])
async def test_nobody_of_that_name(name: str):
    """An unknown name leaves everything as it was; the empty one is the default character."""
    async with (
        make_house() as house,
        linked(house, AloneWire(), hello={"character": "foe"}) as (pipe, old, _),
    ):
        pipe.incoming.put_nowait("be " + name)
        answer = await pipe.until_sent("answer")
        assert ("error" in answer) == bool(name)
        assert (old.closed == "") == bool(name)


async def test_not_while_others_take_part():
    """A witness would be left behind."""
    async with make_house() as house, linked(house, AloneWire(), hello={}) as (pipe, _, welcome):
        hello = {
            "session": welcome["session"],
            "resume_token": welcome["resume_token"],
            "roles": ["witness"],
        }
        async with connected(house) as other:
            other.put(type="hello", **hello)
            await other.until_sent("welcome")
            pipe.incoming.put_nowait("be foe")
            assert "others" in (await pipe.until_sent("answer"))["error"]
