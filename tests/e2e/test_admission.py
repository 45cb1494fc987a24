"""Who may come in: tokens and origins, as a stranger at the door sees them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from aizuchi.client import AuthFailed, Client
from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk, texts_of
from tests.wire.independent import Plain

pytestmark = pytest.mark.network

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one token, given in the environment."""
    config = {**TONES, "server": {"tokens": {"ann": "${ANNS_TOKEN}"}, "origins": ["https://app.example"]}}
    with Server(tmp_path_factory.mktemp("guarded"), config, ANNS_TOKEN=TOKEN) as server:
        yield server
        assert TOKEN not in server.output(), "a token stands in the log"


async def closed(client: Plain) -> int | None:
    """The code with which the server closes."""
    with pytest.raises(ConnectionClosed) as end:
        while True:
            await client.receive()
    return end.value.rcvd.code if end.value.rcvd is not None else None


@pytest.mark.parametrize(
    "first",
    [
        {"type": "hello", "protocol": "dh.v1", "token": "wrong"},
        {"type": "hello", "protocol": "dh.v1", "token": ""},
        {"type": "hello", "protocol": "dh.v1"},
        {"type": "text_input", "text": "hello"},
        {"type": "ping"},
        {"type": "resume", "session_id": "s", "last_seq": 0},
    ],
    ids=["wrong", "empty", "none", "text", "ping", "resume"],
)
async def test_without_the_token(guarded: Server, first: dict[str, Any]):
    """Whatever comes instead of a valid hello: `auth_failed`, not recoverable, and close code 4401."""
    async with asyncio.timeout(30), Plain(guarded.socket, hello=False) as client:
        await client.send(**{("type_" if k == "type" else k): v for k, v in first.items()})
        assert await closed(client) == 4401
    assert [(m["type"], m.get("code"), m.get("recoverable")) for m in client.log] == [
        ("error", "auth_failed", False)
    ]


async def test_with_the_token(guarded: Server):
    """In the hello, or as a bearer in the header, the token opens the door."""
    for given in ({"token": TOKEN}, {"headers": {"Authorization": f"Bearer {TOKEN}"}}):
        async with asyncio.timeout(60), talk(guarded.socket, **given) as client:
            await client.send("text_input", text="turn left")
            await client.until("metrics", outcome="finished")
            assert texts_of(client.log) == "Turning left."
    async with asyncio.timeout(60), Client.connect(guarded.url, token=TOKEN) as client:
        assert client.session_id


async def test_our_client_without_the_token(guarded: Server):
    """`aizuchi.client` turns the refusal into AuthFailed."""
    with pytest.raises(AuthFailed):
        async with Client.connect(guarded.url, token="wrong"):
            pass


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1.evil.example", "chrome://x"])
@pytest.mark.parametrize("server", ["guarded", "humming"])
async def test_a_foreign_page(request: pytest.FixtureRequest, server: str, origin: str):
    """A page of somebody else's gets no socket: HTTP 403, token or not."""
    running: Server = request.getfixturevalue(server)
    with pytest.raises(InvalidStatus) as refused:
        async with talk(running.socket, headers={"Origin": origin}, token=TOKEN):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:5173", "null", "file://", "https://app.example"])
async def test_a_page_that_may(guarded: Server, origin: str):
    """Loopback pages, Electron on this machine and listed origins may connect."""
    async with asyncio.timeout(30), talk(guarded.socket, headers={"Origin": origin}, token=TOKEN) as client:
        assert client.ack["type"] == "hello_ack"


async def test_another_protocol(humming: Server):
    """A client of a later protocol is told so and closed with 4406."""
    async with asyncio.timeout(30), Plain(humming.socket, hello=False) as client:
        await client.send("hello", protocol="dh.v9")
        assert await closed(client) == 4406
    assert client.log[-1]["code"] == "protocol_version"


async def test_a_v01_client_needs_no_hello(humming: Server):
    """Where no token is set, a first message that is no hello opens a session (v0.1)."""
    async with asyncio.timeout(60), Plain(humming.socket, hello=False) as client:
        await client.send("text_input", text="turn left")
        await client.until("state_update", state="idle")
    kinds = [m["type"] for m in client.log]
    assert kinds[0] == "hello_ack" and client.log[0]["session_id"]
    assert sorted(kinds[1:]) == [
        "assistant_text",
        "state_update",
        "state_update",
        "state_update",
        "tts_audio",
    ]


async def test_the_sessions_of_others(guarded: Server):
    """The HTTP interface shows sessions to their owner and nothing to strangers."""
    async with asyncio.timeout(30), talk(guarded.socket, token=TOKEN) as client:
        shown = await asyncio.to_thread(guarded.get, "/api/sessions", Authorization=f"Bearer {TOKEN}")
        assert client.session in [each["session"] for each in shown["sessions"]]
        refused = await asyncio.to_thread(guarded.get, "/api/sessions", Authorization="Bearer wrong")
        assert "sessions" not in refused
