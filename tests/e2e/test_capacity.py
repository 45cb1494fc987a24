"""More people than places: who waits is told where they stand, who can't is told when to come again."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk, texts_of
from tests.wire.independent import Plain

pytestmark = pytest.mark.network

SLOW = {"use": "script", "introduce": False, "first_token_ms": 2500, "tokens_per_second": 200}
"""A model that thinks long enough for others to come meanwhile."""


def running(folder: Any, admission: dict[str, Any]) -> Iterator[Server]:
    with Server(folder, {**TONES, "llm": SLOW, "admission": admission}) as server:
        yield server


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One model for everybody, and three sockets."""
    yield from running(tmp_path_factory.mktemp("narrow"), {"calls": {"llm": 1}, "wait": 60, "sockets": 3})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One model for everybody, and nobody may wait."""
    yield from running(tmp_path_factory.mktemp("strict"), {"calls": {"llm": 1}, "waiting": 0})


def emptied(server: Server) -> None:
    """The server notices a moment later than its clients that they have gone."""
    server.wait("being empty", lambda: server.get("/health")["sockets"] == 0)


def places(client: Plain) -> list[int]:
    return [each["position"] for each in client.log if each["type"] == "queue_update"]


async def test_three_people_and_one_model(narrow: Server):
    """Each is told every place they come to, 0 when it is their turn, and all get their reply."""
    await asyncio.to_thread(emptied, narrow)
    async with (
        asyncio.timeout(100),
        talk(narrow.socket) as first,
        talk(narrow.socket) as second,
        talk(narrow.socket) as third,
    ):
        await first.send("text_input", text="turn left")
        await first.until("state_update", state="thinking")
        for client, position in ((second, 1), (third, 2)):
            await client.send("text_input", text="turn left")
            state = await client.until("state_update", reason="queued")
            assert state["state"] == "thinking"
            told = await client.until("queue_update")
            assert (told["position"], told["ahead"]) == (position, position)
        load = (await asyncio.to_thread(narrow.get, "/health"))["calls"]["llm"]
        assert load == {"running": 1, "waiting": 2}
        for client in (first, second, third):
            await client.until("metrics", outcome="finished")
            assert texts_of(client.log) == "Turning left."
    assert [places(client) for client in (first, second, third)] == [[], [1, 0], [2, 1, 0]]
    last = [each for each in third.log if each["type"] == "queue_update"][1]
    assert last["eta_ms"] >= 2000, "by then it is known how long a call takes"


async def test_giving_up_lets_the_others_move_up(narrow: Server):
    """An interrupt while waiting leaves the queue at once; whoever was behind is told."""
    await asyncio.to_thread(emptied, narrow)
    async with (
        asyncio.timeout(100),
        talk(narrow.socket) as first,
        talk(narrow.socket) as second,
        talk(narrow.socket) as third,
    ):
        for client in (first, second, third):
            await client.send("text_input", text="turn left")
            await client.until("state_update", state="thinking")
            if client is not first:
                await client.until("queue_update")
        await second.send("interrupt")
        await second.until("state_update", state="idle")
        await third.until("queue_update", position=1)
        await third.until("metrics", outcome="finished")
        await second.send("text_input", text="turn left")
        await second.until("metrics", outcome="finished")
    assert places(second) == [1]


async def test_a_socket_too_many(narrow: Server):
    """Above the limit the handshake itself is refused with 503 and advice; afterwards there is room."""
    await asyncio.to_thread(emptied, narrow)
    async with asyncio.timeout(60):
        async with talk(narrow.socket), talk(narrow.socket), talk(narrow.socket):
            with pytest.raises(InvalidStatus) as refused:
                async with talk(narrow.socket):
                    pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "5"
        health = await asyncio.to_thread(narrow.get, "/health")
        assert health["refused"] == 1 and health["status"] == "healthy"
        await asyncio.to_thread(emptied, narrow)
        async with talk(narrow.socket) as client:
            assert client.ack["type"] == "hello_ack"


async def test_busy(strict: Server):
    """Who can't even wait is told so at once, in a phrase and with advice, and is served the next time."""
    async with asyncio.timeout(100), talk(strict.socket) as first, talk(strict.socket) as second:
        await first.send("text_input", text="turn left")
        await first.until("state_update", state="thinking")
        await second.send("text_input", text="turn left")
        error = await second.until("error")
        assert (error["code"], error["recoverable"], error["stage"]) == ("busy", True, "llm")
        assert error["retry_after_ms"] >= 1000
        end = await second.until("assistant_text_end")
        assert (end["finish_reason"], end["fallback"]) == ("error", "canned")
        assert "hands full" in end["text"]
        await second.until("metrics")
        await first.until("metrics", outcome="finished")
        await second.send("text_input", text="turn left")
        end = await second.until("assistant_text_end")
        assert end["text"] == "Turning left."
    assert not places(second)
