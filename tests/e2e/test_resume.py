"""Lost connections: a session goes on where it was, or a fresh one begins and says so."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from aizuchi.client import Client
from aizuchi.wire.native import down
from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk, texts_of
from tests.wire.independent import Plain

pytestmark = pytest.mark.network


def session_of(server: Server, client: Plain) -> dict[str, Any] | None:
    """What the server says about a client's session; None if it has none."""
    return next((s for s in server.get("/api/sessions")["sessions"] if s["session"] == client.session), None)


async def lose(server: Server, client: Plain) -> None:
    """Cut the connection without a close frame and wait until the server has noticed."""

    def parked() -> bool:
        found = session_of(server, client)
        return found is None or found["parked"]

    client.cut()
    await asyncio.to_thread(server.wait, "parking the session", parked)


def resumption(client: Plain, **more: Any) -> dict[str, Any]:
    return {
        "session_id": client.session,
        "last_seq": client.seq_down - 1,
        "resume_token": client.ack["resume_token"],
        **more,
    }


@pytest.mark.slow
async def test_resumed_in_the_middle_of_a_reply(embedded: Server):
    """Within its time the session comes back: history, an interrupted reply's text, a new generation."""
    async with asyncio.timeout(100), talk(embedded.socket) as client:
        await client.send("text_input", text="hello")
        await client.until("metrics", outcome="finished")
        first = texts_of(client.log)
        await client.send("text_input", text="tell me a story")
        # A sentence of it is heard, and a part of the next.
        await client.until("tts_audio_chunk", sentence_index=1)
        for _ in range(25):
            await client.until("tts_audio_chunk", lambda m: bool(m.get("pcm")))
        lost = client.generation
        await lose(embedded, client)

    async with asyncio.timeout(60), talk(embedded.socket, resume=resumption(client)) as again:
        assert again.ack["resumed"] and again.session == client.session
        acknowledged = await again.until("resume_ack")
        assert acknowledged["generation_id"] > lost
        assert acknowledged["state"] == "idle"
        assert acknowledged["history_len"] == 4
        assert (await again.until("state_update"))["state"] == "idle"
        ended = await again.until("assistant_text_end")
        assert ended["finish_reason"] == "interrupted" and ended["of_generation"] == lost
        assert ended["text"] and texts_of(client.log).startswith(first + ended["text"])
        # The script greets differently the second time: it sees the first greeting in the history.
        await again.send("text_input", text="hello")
        await again.until("metrics", outcome="finished")
    assert first.startswith("Hello!") and texts_of(again.log).startswith("Hello again.")
    assert not [m for m in again.log if m.get("pcm") and m["generation_id"] <= lost], "sound is not replayed"


@pytest.mark.slow
async def test_resumed_by_our_client(embedded: Server):
    """`Client.resume` does the same with what it remembers."""
    async with asyncio.timeout(60):
        async with Client.connect(embedded.url) as client:
            await client.say("hello")
            async for event in client:
                if isinstance(event, down.TtsAudioEnd):
                    break
        async with client.resume() as again:
            assert again.resumed and again.session_id == client.session_id
            assert again.history_len == 2
            assert again.generation > client.generation
            await again.say("hello")
            text = ""
            async for event in again:
                if isinstance(event, down.AssistantTextEnd):
                    text = event.text
                    if event.finish_reason == "stop":
                        break
            assert text.startswith("Hello again.")


async def test_a_second_socket_evicts_the_first(embedded: Server):
    """Who comes with the session's token takes it over; the first connection is closed with 4409."""
    async with asyncio.timeout(60), talk(embedded.socket) as first:
        await first.send("text_input", text="tell me a story")
        await first.until("state_update", state="speaking")
        async with talk(embedded.socket, resume=resumption(first)) as second:
            assert second.ack["resumed"] and second.session == first.session
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await first.receive()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4409
            await second.send("text_input", text="turn left")
            await second.until("metrics", outcome="finished")
            assert texts_of(second.log).endswith("Turning left.")
        found = session_of(embedded, second)
        assert found is not None


async def test_too_late(humming: Server):
    """After its time the session is gone: `resume_expired`, and a fresh one that knows nothing."""
    async with asyncio.timeout(60), talk(humming.socket) as client:
        await client.send("text_input", text="hello")
        await client.until("metrics", outcome="finished")
        client.cut()
        await asyncio.to_thread(
            humming.wait, "forgetting the session", lambda: session_of(humming, client) is None
        )
    async with asyncio.timeout(60), talk(humming.socket, resume=resumption(client)) as fresh:
        assert not fresh.ack["resumed"] and fresh.session != client.session
        assert (await fresh.until("error"))["code"] == "resume_expired"
        await fresh.send("text_input", text="hello")
        await fresh.until("metrics", outcome="finished")
    assert texts_of(fresh.log) == texts_of(client.log) != "", "the history is empty: the same first greeting"


@pytest.mark.parametrize("token", ["wrong", None])
async def test_a_stranger_gets_no_session_of_others(embedded: Server, token: str | None):
    """Without the session's token its number is worth nothing; its owner is not disturbed."""
    async with asyncio.timeout(60), talk(embedded.socket) as owner:
        await owner.send("ping")
        claim = resumption(owner, **({"resume_token": token} if token else {}))
        if token is None:
            del claim["resume_token"]
        async with talk(embedded.socket, resume=claim) as thief:
            assert not thief.ack["resumed"] and thief.session != owner.session
            assert (await thief.until("error"))["code"] == "resume_expired"
        await owner.until("pong")
        await owner.send("text_input", text="turn left")
        await owner.until("metrics", outcome="finished")


async def test_goodbye_ends_the_session(embedded: Server):
    """After `bye` there is nothing to resume."""
    async with asyncio.timeout(60), talk(embedded.socket) as client:
        await client.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await client.receive()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000
    async with talk(embedded.socket, resume=resumption(client)) as fresh:
        assert not fresh.ack["resumed"]


@pytest.mark.slow
async def test_a_restart_loses_nothing(tmp_path_factory: pytest.TempPathFactory):
    """Sessions outlive the server's process: the next one takes them up from the data folder."""
    folder = tmp_path_factory.mktemp("restarted")
    async with asyncio.timeout(110):
        with Server(folder, TONES) as server:
            async with talk(server.socket) as client:
                await client.send("text_input", text="hello")
                await client.until("metrics", outcome="finished")
                server.signal()
                error = await client.until("error")
                assert error["code"] == "server_shutdown" and not error["recoverable"]
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        await client.receive()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        with Server(folder, TONES) as server:
            async with talk(server.socket, resume=resumption(client)) as again:
                assert again.ack["resumed"] and (await again.until("resume_ack"))["history_len"] == 2
                await again.send("text_input", text="hello")
                await again.until("metrics", outcome="finished")
    assert texts_of(again.log).startswith("Hello again.")
