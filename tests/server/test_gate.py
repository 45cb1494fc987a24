"""What is let in: sockets, conversations of a token, sound; told with real links on fake pipes."""

import asyncio
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from aizuchi.errors import ProtocolError
from aizuchi.events import Dropped, Input, MicAudio, Recorded
from aizuchi.ports import Ask, Frame, Join, Leave
from aizuchi.server.admission import Token
from aizuchi.server.gate import RETRY_MS, Capacity, Gate
from aizuchi.server.ledger import Local
from tests import virtual
from tests.server.fakes import ToyWire, connected, linked, make_house

ALICE, BOB = Token("alice-secret", "alice"), Token("bob-secret", "bob")


def overload(gate: Gate) -> None:
    gate._overload.on = True  # pyright: ignore[reportPrivateUsage] # measured elsewhere
    gate._changed(True, 200.0)  # pyright: ignore[reportPrivateUsage]


def test_sockets():
    """So many may be open; each that leaves makes room for one."""
    gate = Gate(Capacity(sockets=2))
    assert [gate.enter(), gate.enter(), gate.enter()] == [True, True, False]
    gate.leave()
    assert gate.enter() and not gate.enter()
    assert (gate.sockets, gate.refused) == (2, 2)


async def test_a_place_is_given_back_once():
    """The function that gives a place back may be called by everybody who thinks it is over."""
    ledger = Local()
    gate = Gate(Capacity(sessions_per_token=2), ledger=ledger)
    free = await gate.admit("alice", new=True)
    await gate.admit("alice", new=True)
    with pytest.raises(ProtocolError) as full:
        await gate.admit("alice", new=True)
    assert (full.value.code, full.value.close, full.value.retry_after_ms) == ("overloaded", 1013, RETRY_MS)
    await gate.admit("bob", new=True)
    free()
    free()
    assert ledger.count("token", "alice") == 1
    await gate.admit("alice", new=True)
    assert ledger.count("token", "alice") == 2


async def test_without_limits_nothing_is_counted():
    """A household that set no limit pays for none."""
    gate = Gate()
    for _ in range(1000):
        await gate.admit("alice", new=True)
    assert gate.sound("alice") is None and gate.refused == 0


async def test_conversations_of_a_token():
    """One person's conversations are limited, not the others'; leaving makes room, and being lost does."""
    async with make_house(tokens=[ALICE, BOB], capacity=Capacity(sessions_per_token=1)) as house:
        async with linked(house, hello={"token": "alice-secret"}) as (pipe, _, _):
            async with connected(house) as refused:
                refused.put(type="hello", token="alice-secret")
                await refused.until(lambda: refused.closed)
                assert refused.closed and refused.closed[0] == 1013
            async with linked(house, hello={"token": "bob-secret"}):
                assert len(house.sessions) == 2
            pipe.put(type="bye")
            await pipe.until(lambda: pipe.closed)
        async with linked(house, hello={"token": "alice-secret"}) as (_, first, _):
            pass
        assert house.sessions.get(first.id).parked  # type: ignore[union-attr]
        async with linked(house, hello={"token": "alice-secret"}) as (_, second, _):
            assert second is not first, "the parked one has made way"
        assert first.closed == "overloaded"


async def test_coming_back_takes_no_second_place():
    """A resumed conversation is the one that was counted."""
    async with make_house(tokens=[ALICE], capacity=Capacity(sessions_per_token=1)) as house:
        async with linked(house, hello={"token": "alice-secret"}) as (_, session, welcome):
            pass
        hello = {"token": "alice-secret", "session": welcome["session"]}
        async with linked(house, hello=hello) as (_, again, _):
            assert again is session


async def test_overloaded():
    """New conversations are refused with advice, those that are there go on, and who comes back comes in."""
    async with make_house() as house:
        assert house.health()["status"] == "healthy"
        async with linked(house) as (pipe, session, _):
            overload(house.gate)
            assert house.background.paused
            assert (house.health()["status"], house.health()["refused"]) == ("overloaded", 0)
            pipe.put(type="text", text="go on")
            await pipe.until_sent("state", 2)
            session.speak("still here")
            await pipe.until_sent("text")
            async with connected(house) as late:
                late.put(type="hello")
                error = await late.until_sent("error")
                await late.until(lambda: late.closed)
            assert error["code"] == "overloaded" and late.closed and late.closed[0] == 1013
            welcome = pipe.of_type("welcome")[0]
        hello = {"session": welcome["session"], "resume_token": welcome["resume_token"]}
        async with linked(house, hello=hello) as (_, again, second):
            assert again is session and second["resumed"]
        assert house.health()["refused"] == 1


class Mouth(ToyWire):
    """A toy wire that takes binary messages for microphone sound, or for recordings."""

    def __init__(self, kind: type[MicAudio] | type[Recorded] = MicAudio) -> None:
        self._kind = kind

    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        if isinstance(message, bytes):
            yield self._kind(message)
        else:
            yield from super().receive(message, now)


@pytest.mark.parametrize("kind", [MicAudio, Recorded])
def test_sound_per_minute(kind: type[MicAudio] | type[Recorded]):
    """What is too much is not heard; client and timeline are told once, and it goes on when there is room."""

    async def main() -> None:
        limits = Capacity(audio_seconds_per_minute=1.0)
        second = struct.pack("<h", 5) * 1600  # 100 ms
        async with (
            make_house(capacity=limits) as house,
            linked(house, Mouth(kind)) as (pipe, session, _),
        ):

            async def speak(pieces: int) -> int:
                for _ in range(pieces):
                    pipe.incoming.put_nowait(second)
                pipe.put(type="ping")
                await pipe.until_sent("pong", 1 + len(pipe.of_type("pong")))
                heard = sum(isinstance(event, kind) for event in session.fed)
                session.fed.clear()
                return heard

            assert await speak(15) == 10
            assert [error["code"] for error in pipe.of_type("error")] == ["rate_limited"]
            await asyncio.sleep(5)
            assert await speak(5) == 0, "a tenth is not there yet"
            assert len(pipe.of_type("error")) == 1
            await asyncio.sleep(30)
            assert await speak(4) == 4
            assert await speak(4) == 1
            assert len(pipe.of_type("error")) == 2, "it was open again meanwhile"
            drops = [entry.event for entry in session.timeline.since(0) if isinstance(entry.event, Dropped)]
            assert [drop.what for drop in drops] == ["sound", "sound"]

    virtual.run(main())


def test_sound_is_counted_by_token():
    """Two connections of one token share what it may send; another token has its own."""

    async def main() -> None:
        gate = Gate(Capacity(audio_seconds_per_minute=60))
        one, other = gate.sound("alice"), gate.sound("alice")
        assert one is other and one is not None and one is not gate.sound("bob")
        now = asyncio.get_running_loop().time()
        one.take(30, now)
        for number in range(300):
            gate.sound(f"guest{number}")
        assert gate.sound("alice") is one, "half used is not forgotten"

    virtual.run(main())


def test_messages_per_minute():
    """Beyond the bound of the long run messages are dropped; it is said once, and nobody is thrown out."""

    async def main() -> None:
        async with (
            make_house(capacity=Capacity(messages_per_minute=20)) as house,
            linked(house) as (pipe, _, _),
        ):
            for _ in range(100):
                pipe.put(type="ping")
            await pipe.until(lambda: pipe.incoming.empty())
            assert len(pipe.of_type("pong")) == 19, "the hello counted, too"
            (error,) = pipe.of_type("error")
            assert error["code"] == "rate_limited" and "20 messages a minute" in error["message"]
            assert pipe.closed is None
            await asyncio.sleep(60)
            pipe.put(type="ping")
            await pipe.until_sent("pong", 20)

    virtual.run(main())


def test_a_socket_too_many_is_answered_with_503():
    """Before the handshake, with advice, and the place is free again when the other has gone."""
    from starlette.testclient import TestClient, WebSocketDenialResponse

    from aizuchi.server.app import make_app
    from aizuchi.server.mounts import Mount

    house: Any = make_house(capacity=Capacity(sockets=1))
    with TestClient(make_app(house, [Mount(ToyWire, lambda _house: ToyWire())])) as client:
        with client.websocket_connect("/toy", headers={"host": "localhost"}):
            with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/toy"):
                pass
            assert refused.value.status_code == 503
            assert refused.value.headers["retry-after"] == "5"
        with client.websocket_connect("/toy", headers={"host": "localhost"}):
            pass
