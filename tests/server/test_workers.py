"""Two worker processes behind one port: finding sessions, limits over both, crashes, draining, TLS.

The workers hold toy sessions; the process of the test is the one that owns the port.
"""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from aizuchi.errors import ConfigError
from aizuchi.server.crew import Crew
from aizuchi.server.listening import open_sockets, url
from aizuchi.server.store import SqliteStore
from aizuchi.server.tls import own_certificate
from tests.server.sockets import ws

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform == "win32", reason="sockets can't be handed over there"),
]

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.server.test_workers import work
sys.exit(work(sys.argv[1]))
"""


def work(text: str) -> int:
    """A worker process of these tests."""
    from aizuchi.ports import Shard
    from aizuchi.server.mounts import Mount
    from aizuchi.server.tls import Tls
    from aizuchi.server.worker import Worker, deaf_to_signals
    from tests.server.fakes import ToyWire, make_house

    class Late(ToyWire):
        path = "/late"
        SHARD = Shard(pinned=True)

    deaf_to_signals()
    task = json.loads(text)
    worker = Worker(task)
    if task.get("broken") == task["slot"]:
        worker.failed(ConfigError("a model is missing", zh="缺少模型"))
        return 2
    if task.get("dies") == task["slot"]:
        return 3
    store = SqliteStore(Path(task["store"]))
    house = make_house(ledger=worker.ledger, siblings=worker.siblings, store=store, max_sessions=task["max"])
    tls = Tls(Path(task["tls"][0]), Path(task["tls"][1])) if task.get("tls") else None
    table = [Mount(each, lambda _house, each=each: each()) for each in (ToyWire, Late)]
    lines = [f"worker {worker.slot} of {worker.count}"]
    return asyncio.run(worker.run(house, tls=tls, drain=1.0, table=table, lines=lambda: lines))


class Port:
    """A crew of two and its address."""

    def __init__(self, crew: Crew, base: str, store: Path, lines: list[str]) -> None:
        self.crew = crew
        self.base = base
        self.store = store
        self.lines = lines

    def worker_of(self, welcome: dict[str, Any]) -> int:
        return self.crew.board.sessions[welcome["session"]]

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            return (await client.get(self.base + path)).json()

    async def until(self, what: Any) -> Any:
        """Ask until the answer is yes, as long as a worker needs to start on a busy machine."""
        async with asyncio.timeout(60):
            while not (answer := await what()):  # noqa: ASYNC110 - another process has no event for us
                await asyncio.sleep(0.05)
        return answer

    async def snapshot(self, session: str) -> Any:
        store = SqliteStore(self.store)
        try:
            return await store.get("parked", session)
        finally:
            await store.close()


@contextlib.asynccontextmanager
async def crew(tmp_path: Path, *, most: int = 100, tls: Any = None, **task: Any) -> AsyncIterator[Port]:
    """Two workers that are ready; leaving it drains them and wants them to end in order."""
    sockets = open_sockets("127.0.0.1", 0)
    stop, ready = asyncio.Event(), asyncio.Event()
    lines: list[str] = []

    def on_ready(said: list[str]) -> None:
        lines.extend(said)
        ready.set()

    store = tmp_path / "store.sqlite3"
    given = {"store": str(store), "max": most, **task}
    if tls is not None:
        given["tls"] = [str(tls.cert), str(tls.key)]
    made = Crew(
        count=2,
        command=[sys.executable, "-c", PROGRAM],
        task=given,
        sockets=sockets,
        tls=tls is not None,
        drain=1.0,
        on_ready=on_ready,
        stop=stop,
        at_once=asyncio.Event(),
    )
    try:
        running = asyncio.ensure_future(made.run())
        waiting = asyncio.ensure_future(ready.wait())
        async with asyncio.timeout(100):
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            await running
        try:
            yield Port(made, url(sockets[0], tls is not None), store, lines)
        finally:
            stop.set()
            async with asyncio.timeout(60):
                await running
        assert not made.pids
    finally:
        for each in sockets:
            each.close()


@contextlib.asynccontextmanager
async def hello(port: Port, path: str = "/toy", **fields: Any) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """A client that has said hello, and the welcome."""
    async with websockets.connect(ws(port.base, path), compression=None, proxy=None) as client:
        await client.send(json.dumps({"type": "hello", **fields}))
        async with asyncio.timeout(20):
            welcome = json.loads(await client.recv())
        assert welcome["type"] == "welcome", welcome
        yield client, welcome


def resume(welcome: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"session": welcome["session"], "resume_token": welcome["resume_token"], **more}


async def closed(client: Any) -> int:
    """The close code that ends a connection."""
    async with asyncio.timeout(20):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await client.recv()
    return client.close_code


async def until(client: Any, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message = json.loads(await client.recv())
            if message["type"] == kind:
                return message


async def test_one_port_two_workers(tmp_path: Path):
    """Connections spread, and whoever is asked tells of all."""
    async with crew(tmp_path) as port, hello(port) as (_, one), hello(port) as (_, two):
        assert port.lines == ["worker 0 of 2"]
        assert {port.worker_of(one), port.worker_of(two)} == {0, 1}
        for _ in range(3):
            health = await port.get("health")
            assert health["sessions"] == 2
            assert health["workers"] == [
                {"worker": 0, "status": "healthy", "sessions": 1},
                {"worker": 1, "status": "healthy", "sessions": 1},
            ]
            listed = (await port.get("api/sessions"))["sessions"]
            assert {each["session"] for each in listed} == {one["session"], two["session"]}
            assert all("person" not in each for each in listed)


async def test_a_session_is_taken_over_from_another_worker(tmp_path: Path):
    """Who shows its token gets it wherever they arrive; the first connection is told why it ends."""
    async with crew(tmp_path) as port, hello(port) as (first, one):
        await first.send('{"type": "text", "text": "hi"}')
        await until(first, "state")
        async with hello(port, **resume(one)) as (second, two):
            assert two["resumed"] and two["session"] == one["session"] and two["history"] == 1
            assert two["generation"] > one["generation"]
            assert await closed(first) == 4409
            assert port.worker_of(two) != 0 or port.worker_of(one) != 0
            await second.send('{"type": "text", "text": "and again"}')
            await until(second, "state")
            assert (await port.get("health"))["sessions"] == 1
            async with hello(port, **resume(two)) as (_, three):
                assert three["resumed"] and three["history"] == 2
                assert await closed(second) == 4409


async def test_the_address_leads_to_the_session(tmp_path: Path):
    """With `?session=` nothing has to be moved, so that a witness can follow, too."""
    async with crew(tmp_path) as port, hello(port) as (_, one), hello(port):
        where = port.worker_of(one)
        for _ in range(4):
            path = f"/toy?session={one['session']}"
            async with hello(port, path, **resume(one, roles=["witness"])) as (_, seen):
                assert seen["resumed"]
        assert port.worker_of(one) == where


async def test_a_stranger_moves_nothing(tmp_path: Path):
    """Without its token another worker does not give a session away, and its owner notices nothing."""
    async with crew(tmp_path) as port, hello(port) as (owner, one):
        for token in ("", "guess"):
            async with hello(port, session=one["session"], resume_token=token) as (_, other):
                assert other["expired"] and other["session"] != one["session"]
        await owner.send('{"type": "ping"}')
        await until(owner, "pong")
        assert len(await port.get("health") and (await port.get("api/sessions"))["sessions"]) == 3


async def test_many_want_the_same_session(tmp_path: Path):
    """It is never in two places: of all who come at once one has it, and all are answered."""

    async def claim(client: Any) -> bool:
        await client.send(json.dumps({"type": "hello", **resume(one)}))
        try:
            async with asyncio.timeout(20):
                return json.loads(await client.recv()).get("resumed", False)
        except websockets.ConnectionClosed:
            assert client.close_code == 4409
            return True

    async with crew(tmp_path) as port, hello(port) as (first, one), contextlib.AsyncExitStack() as stack:
        opening = [websockets.connect(ws(port.base), compression=None, proxy=None) for _ in range(6)]
        clients = [await stack.enter_async_context(each) for each in opening]
        assert any(await asyncio.gather(*(claim(each) for each in clients)))
        assert await closed(first) == 4409
        listed = (await port.get("api/sessions"))["sessions"]
        assert [each["session"] for each in listed].count(one["session"]) == 1


async def test_a_limit_over_both(tmp_path: Path):
    """Places are counted together; a goodbye at one worker makes room at the other."""
    async with crew(tmp_path, most=2) as port, hello(port) as (first, _), hello(port) as (_, _):
        for _ in range(2):
            async with websockets.connect(ws(port.base), compression=None, proxy=None) as late:
                await late.send('{"type": "hello"}')
                assert (await until(late, "error"))["code"] == "overloaded"
                assert await closed(late) == 1013
        await first.send('{"type": "bye"}')
        assert await closed(first) == 1000
        async with hello(port) as (_, welcome):
            assert not welcome["resumed"]


async def test_a_parked_session_elsewhere_makes_way(tmp_path: Path):
    """At the limit the parked session of another worker ends, and can still be resumed from the store."""
    async with crew(tmp_path, most=2) as port, hello(port) as (_, _):
        async with hello(port) as (_, parked):
            await asyncio.sleep(0)

        async def is_parked() -> bool:
            listed = (await port.get("api/sessions"))["sessions"]
            return any(each["parked"] for each in listed)

        await port.until(is_parked)
        async with hello(port) as (third, _), hello_until_room(port, third, parked) as back:
            assert back["resumed"] and back["session"] == parked["session"]


@contextlib.asynccontextmanager
async def hello_until_room(
    port: Port, leaving: Any, welcome: dict[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    """Come back once somebody has left."""
    await leaving.send('{"type": "bye"}')
    assert await closed(leaving) == 1000
    async with hello(port, **resume(welcome)) as (_, back):
        yield back


async def test_a_worker_is_killed(tmp_path: Path):
    """Its clients go on at the other from their last snapshot, the others notice nothing, it comes back."""
    async with crew(tmp_path, most=2) as port, hello(port) as (one, first), hello(port) as (two, second):
        clients = {port.worker_of(first): (one, first), port.worker_of(second): (two, second)}
        victim, welcome = clients[1]
        untouched, _ = clients[0]
        # A turn that ends leaves a snapshot; a resumed session has one from the start.
        async with hello(port, **resume(welcome)) as (mover, moved):
            assert await closed(victim) == 4409
            where = port.worker_of(moved)

            async def kept() -> Any:
                return await port.snapshot(moved["session"])

            await port.until(kept)
            killed = port.crew.pids[where]
            os.kill(killed, signal.SIGKILL)
            assert await closed(mover) == 1006
            async with hello(port, **resume(moved)) as (_, again):
                assert again["resumed"] and again["session"] == welcome["session"]
                assert again["generation"] > moved["generation"]
                if where == 1:
                    await untouched.send('{"type": "ping"}')
                    await until(untouched, "pong")

        async def whole() -> bool:
            workers = (await port.get("health"))["workers"]
            return [each["status"] for each in workers] == ["healthy"] * 2

        await port.until(whole)
        assert killed not in port.crew.pids and len(port.crew.pids) == 2


async def test_a_pinned_path_has_one_worker(tmp_path: Path):
    """All its connections meet, wherever there is less to do."""
    async with crew(tmp_path) as port, contextlib.AsyncExitStack() as stack:
        welcomes = [(await stack.enter_async_context(hello(port, "/late")))[1] for _ in range(4)]
        assert len({port.worker_of(each) for each in welcomes}) == 1


async def test_draining(tmp_path: Path):
    """All clients of all workers are told, and everything ends in order."""
    async with contextlib.AsyncExitStack() as stack:
        async with crew(tmp_path) as port:
            clients = [(await stack.enter_async_context(hello(port)))[0] for _ in range(4)]
        assert [await closed(each) for each in clients] == [1012] * 4


async def test_tls(tmp_path: Path):
    """The worker does the handshake; who says nothing sensible is cut off and harms nobody."""
    tls = own_certificate(tmp_path / "tls", [])
    async with crew(tmp_path, tls=tls) as port:
        trusted = ssl.create_default_context(cafile=str(tls.cert))
        address = "wss" + port.base.removeprefix("https").rstrip("/") + "/toy"
        host, number = port.base.removeprefix("https://").rstrip("/").split(":")
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(host, int(number))
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.read()
            writer.close()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                opening = websockets.connect(address, compression=None, proxy=None, ssl=trusted)
                client = await stack.enter_async_context(opening)
                await client.send('{"type": "hello"}')
                await until(client, "welcome")
            async with httpx.AsyncClient(trust_env=False, verify=trusted, timeout=10) as http:
                health = (await http.get(port.base + "health")).json()
            # Nothing can be read of their requests, and one path here is keyed: they are kept together.
            assert sorted(each["sessions"] for each in health["workers"]) == [0, 3]


async def test_a_worker_that_can_not_start(tmp_path: Path):
    """What the user must mend is said once, in both languages, and nothing is left running."""
    with pytest.raises(ConfigError, match="a model is missing") as failed:
        async with crew(tmp_path, broken=1):
            pytest.fail("it is not ready")
    assert failed.value.zh == "缺少模型"


async def test_a_worker_that_dies_at_the_start(tmp_path: Path):
    """Without a reason its exit code is told."""
    with pytest.raises(ConfigError, match="worker 1 ended with code 3 before it was ready"):
        async with crew(tmp_path, dies=1):
            pytest.fail("it is not ready")
