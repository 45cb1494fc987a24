"""`aizuchi serve --workers 2`: agents and pages of one name meet, whichever worker has it."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.server import TONES, Server
from tests.server.bitnp_client import agent, page

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="connections can't be handed over there"),
]
NAMES = [f"agent {number}" for number in range(12)]


def ready(server: Server) -> bool:
    return [each["status"] for each in server.get("/health")["workers"]] == ["healthy"] * 2


def sockets_of(process: psutil.Process, port: int) -> int:
    """Connections that a worker has at the server's port."""
    return sum(each.status == "ESTABLISHED" and each.laddr.port == port for each in process.net_connections())


async def test_names_over_two_workers(tmp_path: Path):
    """Every name works, both workers have some, and when one dies its names meet again, at either."""
    with Server(tmp_path, TONES, args=["--workers", "2"]) as server:
        port = int(server.url.rstrip("/").rsplit(":", 1)[1])
        workers = psutil.Process(server.process.pid).children()
        async with asyncio.timeout(150), contextlib.AsyncExitStack() as stack:
            enter = stack.enter_async_context
            agents = [await enter(agent(server.url, name)) for name in NAMES]
            pages = [[await enter(page(server.url, name)) for _ in range(2)] for name in NAMES]
            for name, it, theirs in zip(NAMES, agents, pages, strict=True):
                await it.event(name)
                for one in theirs:
                    assert await one.data() == name
                await theirs[0].send(type="is_agent_online")
                assert (await theirs[0].receive())["message"] is True
                with pytest.raises(InvalidStatus):
                    await enter(agent(server.url, name))
            assert server.get("/health")["hub"] == {"names": 12, "agents": 12, "pages": 24}
            assert all(sockets_of(each, port) >= 3 for each in workers)

            os.kill(workers[0].pid, signal.SIGKILL)
            ended = await asyncio.gather(*map(gone, agents))
            lost = [name for name, over in zip(NAMES, ended, strict=True) if over]
            assert 0 < len(lost) < len(NAMES)
            # Their agents come back at once, to the worker that is left; the pages when both are there.
            again = {name: await enter(agent(server.url, name)) for name in lost}
            await asyncio.to_thread(server.wait, "starting it anew", lambda: ready(server))
            for name, it in again.items():
                one = await enter(page(server.url, name))
                await it.event("again")
                assert await one.data() == "again"
                with pytest.raises(InvalidStatus):
                    await enter(agent(server.url, name))


async def gone(it) -> bool:
    """Whether an agent's connection has ended, soon after its worker was killed."""
    try:
        async with asyncio.timeout(2):
            while True:
                await it.socket.recv()
    except ConnectionClosed:
        return True
    except TimeoutError:
        return False
