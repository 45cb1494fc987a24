"""Joining, parking, resuming, eviction, goodbye: the registry through real links on fake pipes."""

import asyncio
import contextlib
from typing import Any

import pytest

from aizuchi.ports import Store
from aizuchi.server.admission import Token
from aizuchi.server.store import MemoryStore
from tests import virtual
from tests.server.fakes import FakeSession, connected, linked, make_house

ALICE, BOB = Token("alice-secret", "alice", "Alice's phone"), Token("bob-secret", "bob")


async def test_lost_and_resumed():
    """A lost connection parks the session; its resume token brings it back, with what was cut off."""
    async with make_house() as house:
        async with linked(house) as (pipe, session, welcome):
            pipe.put(type="text", text="tell me")
            await pipe.until_sent("state", 2)
            session.speak("Once upon")
            before = session.generation
        assert house.sessions.get(session.id).parked  # type: ignore[union-attr]
        async with linked(house, hello=resume(welcome)) as (_, again, second):
            assert again is session and second["resumed"] and not second["expired"]
            assert second["generation"] == before + 1, "losing the link was an interrupt"
            assert (second["unfinished"], second["unfinished_generation"]) == ("Once upon", before)
            assert second["history"] == 1
            assert not house.sessions.get(session.id).parked  # type: ignore[union-attr]
        async with linked(house, hello=resume(second)) as (_, _, third):
            assert third["resumed"] and not third["unfinished"], "what was told once is not told again"


async def test_parked_sessions_expire():
    """After `resume_ttl` a parked session is closed, and coming back gives a fresh one that says so."""

    async def main() -> None:
        store = MemoryStore(clock=asyncio.get_running_loop().time)
        async with make_house(resume_ttl=30, store=store) as house:
            async with linked(house) as (_, session, welcome):
                pass
            await asyncio.sleep(29)
            assert len(house.sessions) == 1
            await asyncio.sleep(2)
            assert len(house.sessions) == 0 and session.closed == "expired"
            async with linked(house, hello=resume(welcome)) as (_, again, second):
                assert again is not session and second["expired"] and not second["resumed"]

    await asyncio.to_thread(virtual.run, main())


async def test_coming_back_stops_the_clock():
    """A resumed session does not expire under its client."""

    async def main() -> None:
        async with make_house(resume_ttl=30) as house:
            async with linked(house) as (_, session, welcome):
                pass
            async with linked(house, hello=resume(welcome)):
                await asyncio.sleep(100)
                assert house.sessions.get(session.id) is not None and not session.closed

    await asyncio.to_thread(virtual.run, main())


@pytest.mark.parametrize("attempt", [{}, {"resume_token": ""}, {"resume_token": "guess"}])
async def test_resume_needs_proof(attempt: dict[str, Any]):
    """Knowing a session's id is not enough; the caller gets a fresh session and the old one stays parked."""
    async with make_house() as house:
        async with linked(house) as (_, session, welcome):
            pass
        async with linked(house, hello={"session": welcome["session"], **attempt}) as (_, other, second):
            assert other is not session and second["expired"]
        assert house.sessions.get(session.id).parked  # type: ignore[union-attr]


@pytest.mark.parametrize("session", ["", "nonsense", "\ud800", "x" * 10_000, "../../etc"])
async def test_resume_of_nonsense(session: str):
    """An id that never was gives a fresh session."""
    async with make_house() as house, linked(house, hello={"session": session}) as (_, _, welcome):
        assert welcome["expired"] is bool(session) and not welcome["resumed"]


async def test_second_socket_evicts_the_first():
    """Resuming a session that still has a connection closes that one with 4409 and stops its reply."""
    async with make_house() as house, linked(house) as (first, session, welcome):
        first.put(type="text", text="tell me")
        await first.until_sent("state", 2)
        session.speak("Once upon")
        async with linked(house, hello=resume(welcome)) as (second, again, told):
            await first.until(lambda: first.closed)
            assert first.closed and first.closed[0] == 4409
            assert again is session and told["unfinished"] == "Once upon"
            second.put(type="text", text="go on")
            await second.until_sent("state", 2)
            assert not house.sessions.get(session.id).parked  # type: ignore[union-attr]
        assert not any(message.get("text") == "go on" for message in first.messages)


async def test_witness_follows_without_evicting():
    """A witness sees the same entries; when it goes, or stays alone, the talker's life is untouched."""
    async with make_house() as house:
        async with contextlib.AsyncExitStack() as stack:
            pipe, session, welcome = await stack.enter_async_context(linked(house))
            watcher = await stack.enter_async_context(
                linked(house, hello=resume(welcome) | {"roles": ["witness"]})
            )
            pipe.put(type="text", text="tell me")
            await pipe.until_sent("state", 2)
            session.speak("Once upon")
            await watcher[0].until_sent("text")
            assert watcher[1] is session and pipe.closed is None
            assert watcher[2]["unfinished"] == ""
            watcher[0].hang_up()
            await pipe.until_sent("text")
            assert house.sessions.get(session.id).parked is False  # type: ignore[union-attr]
        assert house.sessions.get(session.id).parked  # type: ignore[union-attr]


async def test_witness_needs_a_session():
    """A witness of nothing, or without proof, is turned away with 4404."""
    async with make_house() as house, linked(house) as (_, _, welcome):
        for session in ("", "unknown", welcome["session"]):
            async with connected(house) as pipe:
                pipe.put(type="hello", roles=["witness"], session=session)
                await pipe.until(lambda pipe=pipe: pipe.closed)
                assert pipe.closed and pipe.closed[0] == 4404


@pytest.mark.parametrize(
    ("hello", "header", "person"),
    [
        ({"token": "alice-secret"}, "", "alice"),
        ({}, "alice-secret", "alice"),
        ({"token": "wrong"}, "bob-secret", "bob"),
        ({"token": "alice-secret", "person": "bob"}, "", "alice"),
        ({}, "", None),
        ({"token": "alice-secre"}, "", None),
        ({"token": "\ud800"}, "ü", None),
        ({"session": "s", "resume_token": "guess"}, "", None),
    ],
)
async def test_tokens(hello: dict[str, Any], header: str, person: str | None):
    """With tokens configured one of them, in hello or header, says who comes; else 4401."""
    async with make_house(tokens=[ALICE, BOB]) as house:
        if person is not None:
            async with linked(house, hello=hello, header=header) as (_, session, _):
                assert session.person == person
            return
        async with connected(house, header=header) as pipe:
            pipe.put(type="hello", **hello)
            await pipe.until(lambda: pipe.closed)
            assert pipe.closed and pipe.closed[0] == 4401 and len(house.sessions) == 0


async def test_token_of_the_same_person_resumes():
    """With tokens the same person's token brings a session back, another person's does not."""
    async with make_house(tokens=[ALICE, BOB]) as house:
        async with linked(house, hello={"token": "alice-secret"}) as (_, session, welcome):
            pass
        theirs = {"session": welcome["session"]}
        async with linked(house, hello=theirs | {"token": "bob-secret"}) as (_, other, told):
            assert other.person == "bob" and told["expired"]
        async with linked(house, hello=theirs | {"token": "alice-secret"}) as (_, again, told):
            assert again is session and told["resumed"]


async def test_resume_token_stands_for_a_token():
    """A page that holds only the resume token gets its own session back."""
    async with make_house(tokens=[ALICE]) as house:
        async with linked(house, hello={"token": "alice-secret"}) as (_, session, welcome):
            pass
        async with linked(house, hello=resume(welcome)) as (_, again, _):
            assert again is session and again.person == "alice"


async def test_anonymous_people_are_told_apart():
    """Without tokens everybody is somebody else, unless the protocol knows a name."""
    async with make_house() as house, linked(house) as (_, one, _), linked(house) as (_, two, _):
        assert one.person and two.person and one.person != two.person
        async with linked(house, hello={"person": "device-7"}) as (_, device, _):
            assert device.person == "device-7"


async def test_unknown_character_may_try_again():
    """An unknown character is an error that names the known ones; the next hello may be right."""
    async with make_house() as house, connected(house) as pipe:
        pipe.put(type="hello", character="nobody")
        error = await pipe.until_sent("error")
        assert "hero" in error["message"] and "foe" in error["message"]
        pipe.put(type="hello", character="foe")
        assert (await pipe.until_sent("welcome"))["character"] == "foe"


async def test_full_house():
    """At the limit newcomers get `overloaded` and 1013; a parked session makes way and may come back."""
    async with make_house(max_sessions=2) as house, linked(house) as (_, kept, _):
        async with linked(house) as (_, parked, welcome):
            async with connected(house) as pipe:
                pipe.put(type="hello")
                await pipe.until(lambda: pipe.closed)
                assert pipe.closed and pipe.closed[0] == 1013
                assert pipe.of_type("error")[0]["code"] == "overloaded"
            parked.history_len = 5
        async with linked(house) as (_, third, _):
            assert parked.closed == "overloaded" and not kept.closed and third is not parked
        async with linked(house, hello=resume(welcome)) as (_, back, told):
            assert back is not parked and back.id == parked.id
            assert told["resumed"] and told["history"] == 5


async def test_resume_after_a_restart():
    """What a house put into a store that outlives it can be resumed in the next one, once."""
    store = KeptStore()
    async with make_house(store=store) as house, linked(house) as (pipe, session, welcome):
        pipe.put(type="text", text="remember me")
        await pipe.until_sent("state", 2)
        session.speak("I will")
        pipe.hang_up()

        async def parked() -> bool:
            return bool(await store.keys("parked")) and house.sessions.get(session.id).parked  # type: ignore[union-attr]

        await settled(parked)
    async with make_house(store=store) as house:
        async with linked(house, hello={"session": session.id, "resume_token": "guess"}) as (_, _, told):
            assert told["expired"]
        async with linked(house, hello=resume(welcome)) as (_, again, told):
            assert isinstance(again, FakeSession) and again.restored is not None
            assert (again.id, again.person) == (session.id, session.person)
            assert told["resumed"] and told["unfinished"] == "I will"
            assert told["resume_token"] != welcome["resume_token"]
            assert await store.get("parked", session.id) is None
        assert "resume_token" not in str(store.everything) and welcome["resume_token"] not in str(
            store.everything
        ), "a store never holds what lets somebody in"


async def test_a_spoiled_snapshot_is_a_fresh_start():
    """A snapshot that can't be read costs the resume, not the connection."""
    store = MemoryStore()
    async with make_house(store=store) as house:
        async with linked(house) as (_, session, welcome):
            pass
        document = await store.get("parked", session.id)
        assert document is not None
        await store.put("parked", session.id, document | {"snapshot": {"nonsense": 1}})
        house.sessions.end(house.sessions.get(session.id), "test")  # type: ignore[arg-type]
        async with linked(house, hello=resume(welcome)) as (_, again, told):
            assert again.id != session.id and told["expired"]


async def test_a_broken_store_costs_only_the_resume(caplog):
    """With a store that fails every time conversations begin, park and resume in memory."""
    async with make_house(store=BrokenStore()) as house:
        async with linked(house) as (_, session, welcome):
            pass
        async with linked(house, hello=resume(welcome)) as (pipe, again, _):
            assert again is session
            pipe.put(type="bye")
            await pipe.until(lambda: pipe.closed)
    assert "disk on fire" in caplog.text


async def test_goodbye_can_not_be_resumed():
    """After a goodbye the session is gone, from the store too."""
    store = MemoryStore()
    async with make_house(store=store) as house:
        async with linked(house) as (_, session, welcome):
            pass
        async with linked(house, hello=resume(welcome)) as (pipe, _, _):
            pipe.put(type="bye")
            await pipe.until(lambda: pipe.closed)
        assert await store.get("parked", session.id) is None
        async with linked(house, hello=resume(welcome)) as (_, _, told):
            assert told["expired"]


async def test_no_parking_without_ttl():
    """With `resume_ttl` 0 a lost connection ends the session at once."""
    async with make_house(resume_ttl=0) as house:
        async with linked(house) as (_, session, _):
            pass
        assert session.closed == "lost" and len(house.sessions) == 0


async def test_observers_see_each_session_and_are_told_its_end():
    """Every observer sees each new session; what it returned is called once when the session is over."""
    seen: list[str] = []
    ended: list[str] = []

    def observe(session: Any) -> Any:
        seen.append(session.id)
        return lambda: ended.append(session.id)

    async with make_house(observers=[observe, lambda session: None]) as house:
        async with linked(house) as (pipe, session, _):
            pipe.put(type="bye")
            await pipe.until(lambda: pipe.closed)
            await session.over.wait()
            await asyncio.sleep(0)
        assert seen == ended == [session.id]


async def test_draining():
    """While draining nobody comes in, running turns may end, then clients are told and closed with 1012."""
    store = KeptStore()
    async with make_house(store=store) as house, linked(house) as (pipe, session, welcome):
        pipe.put(type="text", text="tell me")
        await pipe.until_sent("state", 2)
        session.speak("Once upon")
        draining = asyncio.ensure_future(house.drain(5.0))
        async with connected(house) as late:
            late.put(type="hello")
            await late.until(lambda: late.closed)
            assert late.closed and late.closed[0] == 1012
            assert late.of_type("error")[0]["code"] == "server_shutdown"
        assert not draining.done() and pipe.closed is None
        session.finish()
        await draining
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed and pipe.closed[0] == 1012
        assert [message["type"] for message in pipe.messages][-2:] == ["ended", "error"]
    async with make_house(store=store) as house, linked(house, hello=resume(welcome)) as (_, _, told):
        assert told["resumed"], "a store that outlives the process lets clients come back"


async def test_draining_does_not_wait_for_ever():
    """A turn that does not end within the time is cut off."""

    async def main() -> None:
        async with make_house() as house, linked(house) as (pipe, session, _):
            pipe.put(type="text", text="tell me")
            await pipe.until_sent("state", 2)
            session.speak("Once upon")
            began = asyncio.get_running_loop().time()
            await house.drain(3.0)
            assert asyncio.get_running_loop().time() - began == pytest.approx(3)
            await pipe.until(lambda: pipe.closed)

    await asyncio.to_thread(virtual.run, main())


async def test_a_turn_that_draining_cut_off_is_told_after_the_restart():
    """The snapshot is one of a silenced session: what was heard, and no generation that was used already."""

    async def main() -> None:
        store = KeptStore()
        async with make_house(store=store) as house, linked(house) as (pipe, session, welcome):
            pipe.put(type="text", text="tell me")
            await pipe.until_sent("state", 2)
            session.speak("Once upon")
            await house.drain(3.0)
            await pipe.until(lambda: pipe.closed)
            seen = max(each.get("generation", 0) for each in pipe.messages)
        async with make_house(store=store) as house, linked(house, hello=resume(welcome)) as (_, _, told):
            assert told["resumed"] and told["unfinished"] == "Once upon"
            assert told["generation"] > seen

    await asyncio.to_thread(virtual.run, main())


async def test_nothing_begins_while_snapshots_are_written():
    """What clients still see and what the store keeps is the same conversation."""

    class Hesitant(KeptStore):
        async def put(self, *args: Any, **more: Any) -> None:
            house.sessions.get(welcome["session"]).session.begin("too late")  # type: ignore[union-attr]
            await super().put(*args, **more)

    store = Hesitant()
    async with make_house(store=store) as house, linked(house) as (pipe, session, welcome):
        await house.drain(1.0)
        await pipe.until(lambda: pipe.closed)
        assert session.turn == 1
        assert all(message.get("state") != "thinking" for message in pipe.messages)


async def test_a_snapshot_goes_when_its_session_is_taken_up_again():
    """After a crash nobody may fall back to an older state than they have seen."""
    store = KeptStore()
    async with make_house(store=store) as house:
        async with linked(house) as (_, session, welcome):
            pass
        assert await store.get("parked", session.id) is not None
        async with linked(house, hello=resume(welcome)) as (_, _, told):
            assert told["resumed"]
            assert await store.get("parked", session.id) is None


async def test_leaving_the_house_ends_every_session():
    """When the house is left every session is closed and every link told."""
    house = make_house()
    async with contextlib.AsyncExitStack() as stack:
        async with house:
            pipe, session, _ = await stack.enter_async_context(linked(house))
        assert session.closed == "shutdown"
        await pipe.until(lambda: pipe.closed)


def resume(welcome: dict[str, Any]) -> dict[str, Any]:
    return {"session": welcome["session"], "resume_token": welcome["resume_token"]}


class KeptStore(MemoryStore):
    """A store that outlives its house."""

    @property
    def everything(self) -> object:
        return self._documents

    async def close(self) -> None:
        pass


class BrokenStore(Store):
    """Every question fails."""

    async def get(self, kind: str, key: str) -> Any:
        raise OSError("disk on fire")

    async def put(self, kind: str, key: str, value: Any, *, ttl: float | None = None) -> Any:
        raise OSError("disk on fire")

    async def add(self, kind: str, key: str, amounts: Any) -> Any:
        raise OSError("disk on fire")

    async def delete(self, kind: str, key: str) -> Any:
        raise OSError("disk on fire")

    async def keys(self, kind: str, prefix: str = "") -> Any:
        raise OSError("disk on fire")


async def settled(true: Any) -> None:
    """Let other tasks run until something holds; they need a few rounds of the loop, not time."""
    for _ in range(1000):
        if await true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came about")
