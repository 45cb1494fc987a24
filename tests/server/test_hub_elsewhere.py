"""The hub behind other people's servers, its pings, and many clients that do anything at all."""

import asyncio
import contextlib
import json
import random
from dataclasses import replace

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode

from aizuchi.server.app import make_app
from aizuchi.server.hub import routes
from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.manners import Manners
from aizuchi.server.hub.routes import hub_mounts
from tests.server.bitnp_client import agent, page
from tests.server.fakes import make_house
from tests.server.memory_hub import MemoryHub
from tests.server.sockets import read_frame, serving, stop_reading, upgraded, ws
from tests.server.test_hub_manners import SENT, until

# -- as an ASGI application


class Asgi:
    """One connection as an ASGI server makes it, without a server."""

    def __init__(self, app, path):
        self._scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "scheme": "ws",
            "root_path": "",
        }
        self._app = app
        self.up = asyncio.Queue()
        self.down = asyncio.Queue()
        self.up.put_nowait({"type": "websocket.connect"})

    async def run(self):
        async def send(message):
            self.down.put_nowait(message)

        await self._app(self._scope, self.up.get, send)

    async def get(self):
        async with asyncio.timeout(20):
            return await self.down.get()


async def test_refused_before_accept():
    """A second agent's connection is closed with 4001 and the original's reason, before it is accepted."""
    house = make_house()
    async with house, asyncio.TaskGroup() as group:
        app = make_app(house, hub_mounts(house.hub))
        first, second, one = (Asgi(app, f"/ws/{way}/x") for way in ("agent", "agent", "frontend"))
        group.create_task(first.run())
        assert (await first.get())["type"] == "websocket.accept"
        assert json.loads((await first.get())["text"])["message"] == "successfully connected"
        group.create_task(second.run())
        refused = {"type": "websocket.close", "code": 4001, "reason": "Agent name already connected"}
        assert await second.get() == refused
        group.create_task(one.run())
        assert (await one.get())["type"] == "websocket.accept"
        await one.get()
        first.up.put_nowait({"type": "websocket.receive", "text": '{"type":"event","data":[1.50]}'})
        assert (await one.get())["text"].endswith('"data":[1.50]}')
        assert json.loads((await first.get())["text"]) == SENT
        for each in (first, second, one):
            each.up.put_nowait({"type": "websocket.disconnect", "code": 1000})
    assert house.hub.counts() == {"names": 0, "agents": 0, "pages": 0}


@contextlib.asynccontextmanager
async def elsewhere(hub):
    """The application under uvicorn's own WebSocket protocol."""
    config = uvicorn.Config(make_app(make_house(hub=hub), hub_mounts(hub)), port=0, log_config=None)
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.should_exit = True


@pytest.mark.network
async def test_another_server():
    """Without our own socket everything works as well; a page that never reads is cut off in time."""
    made = Hub(Manners(queue_bytes=1 << 20, stalled=1.0))
    async with asyncio.timeout(60), elsewhere(made) as base, agent(base, "x") as it, page(base, "x") as one:
        with pytest.raises(InvalidStatus):
            async with agent(base, "x"):
                pass
        dead, writer = await upgraded(ws(base, "/ws/frontend/x"))
        stop_reading(writer)
        await until(lambda: made.counts()["pages"] == 2)

        async def hear():
            return [(await one.data())[0] for _ in range(300)]

        hearing = asyncio.ensure_future(hear())
        for number in range(300):
            await it.event([number, "A" * 50_000])
            assert await it.receive() == SENT
        assert await hearing == list(range(300))
        await until(lambda: made.counts()["pages"] == 1)
        await one.event({"type": "user_input"})
        assert await it.data() == {"type": "user_input"}
        await one.send(type="disconnect")
        assert (await one.closed())[0] == 1000
        writer.close()
        assert dead is not None


# -- pings


@pytest.mark.network
async def test_pings(monkeypatch):
    """Who answers no ping is dropped and its name is free; who does stays, and has nothing else to do."""
    monkeypatch.setattr(routes, "LIMITS", replace(routes.LIMITS, ping_interval=0.1, ping_timeout=0.3))
    made = Hub()
    async with asyncio.timeout(60), serving(make_house(hub=made)) as base, page(base, "x") as one:
        reader, writer = await upgraded(ws(base, "/ws/agent/x"))
        await until(lambda: made.counts()["agents"] == 1)
        await until(lambda: made.counts()["agents"] == 0)
        kinds = set()
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                kinds.add((await read_frame(reader))[0])
        assert kinds == {Opcode.TEXT, Opcode.PING, Opcode.CLOSE}
        await one.send(type="is_agent_online")
        assert (await one.receive())["message"] is False
        writer.close()


def test_limits():
    """Pings every 20 s; a pong may take a minute, since agents block their loop; frames of 16 MiB."""
    for each in (mount.limits for mount in hub_mounts(Hub())):
        assert (each.ping_interval, each.ping_timeout, each.max_message) == (20.0, 60.0, 16 << 20)


# -- anything


FRAMES = [
    '{"type":"event","data":%d}',
    '{"type":"event","data":{"type":"x","n":%d}}',
    '{"type":"is_agent_online","n":%d}',
    '{"type":"unknown","n":%d}',
    '{"n":%d}',
    "%d",
    "{%d",
]


@pytest.mark.parametrize("seed", range(20))
async def test_anything_in_memory(seed):
    """Whatever clients do in whatever order: each page gets all events of its name between its coming and its
    going, in order, and in the end nothing is left."""
    chance = random.Random(seed)
    async with asyncio.timeout(60), MemoryHub() as world:
        agents, pages, sent = {}, {}, {name: [] for name in "ab"}
        count = 0
        for _ in range(400):
            name = chance.choice("ab")
            act = chance.randrange(10)
            if act == 0:
                out = await world.connect("agent", name)
                assert (out is None) == (name in agents)
                if out is not None:
                    agents[name] = out
            elif act == 1 and len(pages) < 8:
                out = await world.connect("page", name)
                assert out is not None
                await asyncio.sleep(0)
                pages[out.id] = (name, out)
            elif act == 2 and name in agents and chance.random() < 0.3:
                out = agents.pop(name)
                out.sent.put_nowait(chance.choice([None, '{"type":"disconnect"}']))
                await world.over(out)
            elif act == 3 and pages and chance.random() < 0.5:
                _, (its, out) = pages.popitem()
                out.sent.put_nowait(chance.choice([None, '{"type":"disconnect"}']))
                await world.over(out)
                check(out, sent[its])
            elif name in agents:
                count += 1
                frame = chance.choice(FRAMES) % count
                agents[name].sent.put_nowait(frame)
                if '"event"' in frame:
                    sent[name].append(json.loads(frame)["data"])
                if chance.random() < 0.5:
                    await settle()
            await settle()
        for out in agents.values():
            out.sent.put_nowait(None)
            await world.over(out)
        for name, out in pages.values():
            await settle()
            check(out, sent[name])
            out.sent.put_nowait(None)
            await world.over(out)
        assert world.hub.counts() == {"names": 0, "agents": 0, "pages": 0}


async def settle():
    """Let everybody act."""
    for _ in range(6):
        await asyncio.sleep(0)


def check(out, sent):
    """What a page got is a stretch of what the agents of its name sent."""
    got = []
    while not out.got.empty():
        message = json.loads(out.got.get_nowait())
        if "data" in message:
            got.append(message["data"])
    if got:
        begin = sent.index(got[0])
        assert got == sent[begin : begin + len(got)]
