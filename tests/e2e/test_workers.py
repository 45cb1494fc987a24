"""`aizuchi serve --workers 2` as a user starts it: talking, moving to the other worker, crashes, the end."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from aizuchi.client import Client
from aizuchi.wire.native import down
from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk, texts_of
from tests.wire.independent import Plain

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="connections can't be handed over there"),
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers that answer in tones."""
    config = {**TONES, "server": {"workers": 2}, "timeline": {"record": "events"}}
    with Server(tmp_path_factory.mktemp("pair"), config) as server:
        yield server


def resumption(client: Any) -> dict[str, Any]:
    return {
        "session_id": client.session,
        "last_seq": client.seq_down - 1,
        "resume_token": client.ack["resume_token"],
    }


async def test_the_typed_client(pair: Server):
    """It talks, reconnects to the worker that has its session, and goes on."""
    async with asyncio.timeout(60):
        async with Client.connect(pair.url) as client:
            await client.say("hello")
            async for event in client:
                if isinstance(event, down.TtsAudioEnd):
                    break
        async with client.resume() as again:
            assert again.resumed and again.history_len == 2


async def test_taken_over_at_the_other_worker(pair: Server):
    """In the middle of a reply: the first connection is evicted, what was heard comes along."""
    async with asyncio.timeout(60), talk(pair.socket) as first:
        await first.send("text_input", text="hello")
        await first.until("metrics", outcome="finished")
        await first.send("text_input", text="tell me a story")
        await first.until("tts_audio_chunk", sentence_index=0)
        # Without a hint in its address it comes to the worker that has less to do, which is the other one.
        async with talk(pair.socket, resume=resumption(first)) as second:
            assert second.ack["resumed"] and second.session == first.session
            assert (await second.until("resume_ack"))["history_len"] >= 2
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await first.receive()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4409
            await second.send("text_input", text="hello")
            await second.until("metrics", outcome="finished")
            assert "Hello again." in texts_of(second.log)
            listed = [s["session"] for s in pair.get("/api/sessions")["sessions"]]
            assert listed.count(first.session) == 1


async def test_figures_of_both(pair: Server):
    """Turns at both workers are counted together."""
    before = pair.get("/api/metrics-summary")["turns"].get("finished", 0)
    async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
        clients: list[Plain] = []
        while not clients or min(each["sessions"] for each in pair.get("/health")["workers"]) < 1:
            assert len(clients) < 10, "all connections went to one worker"
            clients.append(await stack.enter_async_context(talk(pair.socket)))
        for each in clients:
            await each.send("text_input", text="turn left")
        for each in clients:
            await each.until("metrics", outcome="finished")
    said = pair.get("/api/metrics-summary")
    assert said["turns"]["finished"] == before + len(clients)
    assert said["figures"]["duration_ms"]["count"] >= len(clients)


async def test_a_killed_worker(tmp_path: Path):
    """Its clients come back at once and find their conversation; nothing of the server is left at the end."""
    with Server(tmp_path, TONES, args=["--workers", "2"]) as server:
        children = psutil.Process(server.process.pid).children()
        assert len(children) == 2
        async with asyncio.timeout(100), talk(server.socket) as client:
            await client.send("text_input", text="hello")
            await client.until("metrics", outcome="finished")

            def kept() -> bool:
                return server.home.joinpath("aizuchi.sqlite3").exists() and bool(snapshots(server))

            await asyncio.to_thread(server.wait, "keeping a snapshot", kept)
            for child in children:
                os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(ConnectionClosed):
                while True:
                    await client.receive()
            await asyncio.to_thread(server.wait, "starting both anew", lambda: healthy(server))
            async with talk(server.socket, resume=resumption(client)) as again:
                assert again.ack["resumed"] and again.session == client.session
                assert (await again.until("resume_ack"))["history_len"] == 2
                assert again.generation > client.generation
                await again.send("text_input", text="hello")
                await again.until("metrics", outcome="finished")
                assert "Hello again." in texts_of(again.log)
        family = psutil.Process(server.process.pid).children(recursive=True)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


def healthy(server: Server) -> bool:
    """Whoever comes while no worker is there waits a little and is then hung up on."""
    try:
        return server.get("/health")["status"] == "healthy"
    except httpx.TransportError:
        return False


def snapshots(server: Server) -> list[Any]:
    with contextlib.closing(sqlite3.connect(server.home / "aizuchi.sqlite3", timeout=10)) as base:
        return base.execute("SELECT key FROM documents WHERE kind = 'parked'").fetchall()


def test_the_owner_of_the_port_is_killed(tmp_path: Path):
    """Workers whose parent is gone end by themselves."""
    server = Server(tmp_path, TONES, args=["--workers", "2"])
    server.__enter__()
    children = psutil.Process(server.process.pid).children()
    server.process.kill()
    server.process.wait(20)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, server.output()
