"""One connection, on a fake pipe: the order of what leaves, and what a bad client costs."""

import asyncio
import json
from typing import Any, ClassVar

import pytest

from aizuchi.errors import ProtocolError
from aizuchi.events import Answered, AttemptBegun, AttemptEnded, Measured, Requested, Typed
from aizuchi.ports import Delivery, Limits
from aizuchi.wire.native import NativeWire
from aizuchi.wire.native.up import WANTS
from tests import virtual
from tests.server.fakes import FRAME, ToyWire, connected, linked, make_house


class Eager(ToyWire):
    """All sound at once, so that much of it is queued whenever the transport is full."""

    DELIVERY = Delivery(paced=False)


class Impatient(ToyWire):
    LIMITS: ClassVar[Limits] = Limits(messages_per_second=2, burst=3, handshake_timeout=4)


class Greedy(ToyWire):
    """Each text is several frames, as a header before its sound would be."""

    def send(self, entry, now):
        for frame in super().send(entry, now):
            yield frame
            if isinstance(frame, str) and json.loads(frame)["type"] == "text":
                yield json.dumps(json.loads(frame) | {"type": "more"})


async def test_hello_gives_a_session():
    """A hello is answered with a welcome that names the session and its limits."""
    async with make_house() as house, linked(house) as (_, session, welcome):
        assert welcome["session"] == session.id and not welcome["resumed"] and not welcome["expired"]
        assert welcome["limits"]["max_text"] == house.rules.max_text_chars
        assert welcome["character"] == "hero" and "resume" in welcome["features"]
        assert list(session.joined.values()) == [("mouth", "ear")]


async def test_inputs_bear_the_link():
    """What a client sends reaches its session with the link's id."""
    async with make_house() as house, linked(house) as (pipe, session, _):
        pipe.put(type="text", text="hello")
        await pipe.until_sent("state")
        (link,) = session.joined
        assert session.fed == [Typed("hello", link=link)]


async def test_nothing_of_a_dead_turn_follows_the_acknowledgement():
    """In mid-reply with a full transport the acknowledgement leaves first, and nothing of the turn after."""
    async with make_house() as house, linked(house, Eager()) as (pipe, session, _):
        pipe.put(type="text", text="tell me")
        await pipe.until_sent("state", 2)
        session.speak("Once upon a time", ms=500)
        await pipe.until(lambda: any(isinstance(frame, bytes) for frame in pipe.sent))
        pipe.open.clear()
        session.speak(" there was a house", ms=2000)
        dead = session.generation
        pipe.put(type="interrupt")
        await until_fed(session, 2)
        before = len(pipe.sent)
        pipe.open.set()
        await pipe.until_sent("state", 3)
        after = pipe.sent[before:]
        assert json.loads(after[0])["type"] == "interrupted"
        for frame in after:
            generation = FRAME.unpack_from(frame)[0] if isinstance(frame, bytes) else None
            assert (generation or json.loads(frame)["generation"]) > dead


async def test_half_an_entry_dies_with_its_turn():
    """When an interrupt comes between the two frames of one entry, the second one never leaves."""
    async with make_house() as house, linked(house, Greedy()) as (pipe, session, _):
        pipe.put(type="text", text="tell me")
        await pipe.until_sent("state", 2)
        full_after_text(pipe)
        session.speak("Once")
        await pipe.until_sent("text")
        session.interrupt("click")
        pipe.open.set()
        await pipe.until_sent("state", 3)
        assert not pipe.of_type("more")


async def test_no_byte_leaves_because_an_answer_is_prepared():
    """What an attempt puts on the timeline, whatever becomes of it, is no message for anybody."""
    wishes = sorted({*WANTS} - {"timeline", "greeting"})  # this session has nothing to greet with
    async with make_house() as house, connected(house, NativeWire(token_required=False)) as pipe:
        pipe.put(type="hello", seq=0, protocol="dh.v1", want=wishes)
        welcome = await pipe.until_sent("hello_ack")
        live = house.sessions.get(welcome["session_id"])
        assert live is not None
        session: Any = live.session
        before = len(pipe.sent)
        for event in (
            AttemptBegun(1, 1, "hello"),
            Requested("llm", "model", attempt=1),
            AttemptEnded(1, reason="went_on"),
            Answered("llm", "model", "cancelled", attempt=1),
            AttemptBegun(2, 1, "hello there"),
        ):
            session.note(event)
        session.move("thinking")
        await pipe.until_sent("state_update")
        assert len(pipe.sent) == before + 1


async def test_answers_keep_their_place():
    """A pong asked for in the middle of an entry leaves between its frames, in the order of encoding."""
    async with make_house() as house, linked(house, Greedy()) as (pipe, session, _):
        pipe.put(type="text", text="tell me")
        await pipe.until_sent("state", 2)
        full_after_text(pipe)
        session.speak("Once")
        await pipe.until_sent("text")
        pipe.put(type="ping")
        pipe.put(type="played")
        await until_fed(session, 2)
        pipe.open.set()
        await pipe.until_sent("more")
        kinds = [message["type"] for message in pipe.messages]
        assert kinds[-3:] == ["text", "pong", "more"]


async def test_sound_is_paced():
    """At most the delivery's lead of sound is handed over ahead of real time."""

    async def main() -> list[int]:
        async with make_house() as house, linked(house) as (pipe, session, _):
            pipe.put(type="text", text="tell me")
            await pipe.until_sent("state", 2)
            session.speak("Once", ms=1000)
            counts = []
            for _ in range(3):
                await asyncio.sleep(0.1)
                counts.append(sum(isinstance(frame, bytes) for frame in pipe.sent))
            return counts

    counts = await asyncio.to_thread(virtual.run, main())
    # Frames of 20 ms: the lead of 200 ms is ten of them, then five for each further 100 ms.
    assert counts == pytest.approx([15, 20, 25], abs=1)


async def test_a_frame_is_waited_for_once():
    """Timers are set to whole milliseconds, for uvloop rounds; one that came early would be set again."""
    timers: list[float] = []

    async def main() -> int:
        loop = asyncio.get_running_loop()
        set_timer = loop.call_at

        def noted(when: float, callback, *args, **more):
            if getattr(callback, "__name__", "") == "_turn":
                timers.append(when)
            return set_timer(when, callback, *args, **more)

        loop.call_at = noted
        async with make_house() as house, linked(house) as (pipe, session, _):
            pipe.put(type="text", text="tell me")
            await pipe.until_sent("state", 2)
            await asyncio.sleep(0.0003)
            session.speak("Once", ms=1000)
            await asyncio.sleep(1.0)
            return sum(isinstance(frame, bytes) for frame in pipe.sent)

    assert await asyncio.to_thread(virtual.run, main()) == 50
    assert 30 < len(timers) <= 50
    assert timers == [pytest.approx(round(when, 3), abs=1e-9) for when in timers]


async def test_a_bad_message_costs_nothing():
    """A protocol error is answered, and the conversation goes on."""
    async with make_house() as house, linked(house) as (pipe, session, _):
        for bad in ("{", "[]", '{"type": 7}', "null", b"\0\1"):
            pipe.incoming.put_nowait(bad)
        pipe.put(type="text", text="still there")
        await pipe.until_sent("state")
        assert len(pipe.of_type("error")) == 5
        assert session.fed == [Typed("still there", link=session.fed[0].link)]


async def test_a_fatal_error_closes():
    """An error that ends the connection is told in the wire's words, then closes with its code."""
    async with make_house() as house, linked(house) as (pipe, _, _):
        pipe.put(type="fatal")
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed == (4400, "unknown message")
        assert pipe.messages[-1]["type"] == "error"


async def test_input_before_hello_is_refused():
    """Whoever does not say hello first is turned away with 4401."""
    async with make_house() as house, connected(house) as pipe:
        pipe.put(type="text", text="hello?")
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed and pipe.closed[0] == 4401 and pipe.of_type("error")[0]["code"] == "auth_failed"
        assert len(house.sessions) == 0


async def test_a_second_hello_is_an_error():
    """A connection joins once."""
    async with make_house() as house, linked(house) as (pipe, _, _):
        pipe.put(type="hello")
        await pipe.until_sent("error")
        assert len(house.sessions) == 1 and pipe.closed is None


async def test_a_broken_wire_ends_its_own_link(caplog):
    """An unforeseen exception closes this link with 1011 and is logged; another link lives on."""
    async with make_house() as house, linked(house) as (well, session, _), linked(house) as (sick, _, _):
        sick.put(type="crash")
        await sick.until(lambda: sick.closed)
        assert sick.closed and sick.closed[0] == 1011
        assert "ZeroDivisionError" in caplog.text
        well.put(type="text", text="unharmed")
        await well.until_sent("state")
        assert len(session.fed) == 1


async def test_silence_instead_of_hello_times_out():
    """Without a hello the connection is closed after the handshake's time limit."""

    async def main() -> None:
        async with make_house() as house, connected(house, Impatient()) as pipe:
            began = asyncio.get_running_loop().time()
            await pipe.until(lambda: pipe.closed)
            assert asyncio.get_running_loop().time() - began == pytest.approx(4)
            assert pipe.closed and pipe.closed[0] == 1008

    await asyncio.to_thread(virtual.run, main())


async def test_a_flood_is_told_and_then_ended():
    """Beyond the rate a client is warned once a second; one that goes on is closed with 1008."""

    async def main() -> None:
        async with make_house() as house, linked(house, Impatient()) as (pipe, session, _):
            for _ in range(3):
                pipe.put(type="text", text="again")
            await pipe.until_sent("error")
            assert len(session.fed) == 2, "the hello was the first of a burst of three"
            pipe.put(type="text", text="dropped in silence")
            await asyncio.sleep(2)
            pipe.put(type="text", text="welcome again")
            await until_fed(session, 3)
            assert len(pipe.of_type("error")) == 1 and pipe.closed is None
            for _ in range(10):
                pipe.put(type="text", text="flood")
            await pipe.until(lambda: pipe.closed)
            assert pipe.closed and pipe.closed[0] == 1008

    await asyncio.to_thread(virtual.run, main())


async def test_answers_do_not_pile_up():
    """A client that asks without ever reading is not read from any more."""
    async with make_house() as house, linked(house) as (pipe, _, _):
        pipe.open.clear()
        for _ in range(300):
            pipe.put(type="ping")
        pipe.put(type="text", text="last")
        # A reader that does not wait takes at least one message each time it may run.
        for _ in range(400):
            await asyncio.sleep(0)
        assert pipe.incoming.qsize() > 200
        pipe.open.set()
        await pipe.until_sent("state")
        assert len(pipe.of_type("pong")) == 300


async def test_who_asked_much_and_vanished_is_noticed():
    """Answers that nobody can take any more do not keep the link from hearing that the client is gone."""
    async with make_house() as house, linked(house) as (pipe, _, _):
        pipe.aborted = True  # whatever is handed over now fails, as on a connection that was reset
        for _ in range(200):
            pipe.put(type="ping")
        # Leaving hangs up, and wants the link to end.


async def test_entries_do_not_pile_up(monkeypatch):
    """A client that takes less than it is given for a long time is cut off, and only it."""
    monkeypatch.setattr("aizuchi.server.link.MOST_WAITING", 50)
    async with make_house() as house, linked(house) as (pipe, session, _):
        pipe.put(type="text", text="tell me")
        await pipe.until_sent("state", 2)
        pipe.open.clear()
        for _ in range(60):
            session.speak("again ")
        pipe.open.set()
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed and pipe.closed[0] == 1008
        assert len(pipe.of_type("text")) <= 51


async def test_goodbye_ends_the_session():
    """A goodbye closes the connection with 1000 and the session for good."""
    async with make_house() as house, linked(house) as (pipe, session, _):
        pipe.put(type="bye")
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed == (1000, "goodbye")
        await session.over.wait()
        assert session.closed == "bye" and len(house.sessions) == 0


async def test_figures_follow_the_end_of_a_turn():
    """A client that asked for measures gets them right after the turn's end."""

    def measure(session, turn):
        return Measured(turn, session.generation, "finished", "", {"first_audio_ms": 12.5})

    async with (
        make_house(measure=measure) as house,
        linked(house, hello={"measures": True}) as (pipe, session, _),
    ):
        pipe.put(type="text", text="hello")
        await pipe.until_sent("state", 2)
        session.speak("Hi.")
        session.finish()
        await pipe.until_sent("measured")
        assert [message["type"] for message in pipe.messages[-2:]] == ["ended", "measured"]
        assert pipe.messages[-1]["figures"] == {"first_audio_ms": 12.5}


async def test_questions_are_answered_to_the_asker():
    """An Ask is answered from the server's own knowledge; an unknown one says so."""
    async with make_house() as house, linked(house) as (pipe, session, _), linked(house) as (other, _, _):
        for what in ("characters", "session", "the weather"):
            pipe.put(type="ask", what=what)
        await pipe.until_sent("answer", 3)
        characters, about, unknown = pipe.of_type("answer")
        assert [each["name"] for each in characters["characters"]] == ["hero", "foe"]
        assert about["session"] == session.id and "error" in unknown
        assert not other.of_type("answer")


async def test_a_failing_session_ends_its_links(caplog):
    """A session that raises is logged, forgotten, and its client told with 1011; the house stands."""
    async with make_house() as house, linked(house) as (pipe, session, _):
        session.fault = ValueError("unforeseen")
        session.close("test")
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed and pipe.closed[0] == 1011 and "unforeseen" in caplog.text
        assert len(house.sessions) == 0
        async with linked(house) as (_, another, _):
            assert another is not session


async def test_end_speaks_the_last_words_once():
    """A link that is ended twice tells the first reason and closes once."""
    async with make_house() as house, linked(house) as (pipe, _, welcome):
        live = house.sessions.get(welcome["session"])
        assert live is not None
        (link,) = live.links.values()
        link.end(4409, "first", ProtocolError("taken over", code="evicted", close=4409))
        link.end(1000, "second")
        await pipe.until(lambda: pipe.closed)
        assert pipe.closed == (4409, "first")
        assert [error["code"] for error in pipe.of_type("error")] == ["evicted"]


def full_after_text(pipe) -> None:
    """Let the transport be full from the moment the next text was handed over."""
    original = pipe.send

    async def send(frame):
        await original(frame)
        if isinstance(frame, str) and json.loads(frame)["type"] == "text":
            pipe.open.clear()

    pipe.send = send


async def until_fed(session, count: int) -> None:
    """Wait until a session has got so many inputs."""
    got = asyncio.Event()
    session.on_feed = lambda _: got.set()
    async with asyncio.timeout(5):
        while len(session.fed) < count:
            got.clear()
            await got.wait()
