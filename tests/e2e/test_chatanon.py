"""ChatAnon's clients at a server of two processes, as `aizuchi serve --workers 2` starts it."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.server import TONES, Server
from tests.wire.independent_chatanon import Client, anon, storm

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform == "win32", reason="sockets can't be handed over there"),
]
TOKENS = {"ann": "dev_token_001", "bob": "second", "eve": "third", "kim": "fourth"}
TAKEN_OVER = (1008, "new_connection")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = {**TONES, "server": {"tokens": TOKENS, "workers": 2}}
    with Server(tmp_path_factory.mktemp("chatanon"), config) as server:
        yield server


def url_of(server: Server) -> str:
    return server.url.replace("http://", "ws://").rstrip("/") + "/ws"


def busy(server: Server) -> list[int]:
    """How many conversations each of the two has."""
    return [each["sessions"] for each in server.get("/health")["workers"]]


async def turn(client: Client) -> None:
    client.forget()
    await client.send("message", content="hello")
    await client.until("turn_end")
    assert client.sound and client.of("response")


async def test_taken_over_at_the_other_worker(pair: Server):
    """Whichever process the newcomer comes to: the one before is told, and the new one talks on."""
    async with asyncio.timeout(100), contextlib.AsyncExitStack() as stack:
        for token in ("second", "third", "fourth"):
            await stack.enter_async_context(anon(url_of(pair), token, character=None))
        assert min(busy(pair)) >= 1, "conversations are spread over both"
        async with anon(url_of(pair), character=None) as first:
            before: Client = first
            for _ in range(8):
                new = await stack.enter_async_context(anon(url_of(pair), character=None))
                assert await before.closed() == TAKEN_OVER
                assert before.log[-1]["type"] == "disconnected"
                await turn(new)
                before = new
            assert sum(busy(pair)) == 4


async def test_a_takeover_storm_over_both(pair: Server):
    """Two hundred connections with one token at both processes: exactly one lives, and nobody hangs."""
    async with asyncio.timeout(200), storm(url_of(pair), 200) as (living, ends):
        assert len(ends) == 199 and set(ends) == {TAKEN_OVER}
        await turn(living)
        assert sum(busy(pair)) == 1


async def test_a_token_is_free_again(pair: Server):
    """Who has left is not remembered as the one before, at either process."""
    async with asyncio.timeout(60):
        for _ in range(6):
            async with anon(url_of(pair), character=None) as client:
                assert await client.command("ping") == {"type": "pong"}
