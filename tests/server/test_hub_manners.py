"""Who may come into the hub, who is thrown out of it, and that nothing of them stays."""

import asyncio
import contextlib
import gc
import json
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode

from aizuchi.server.admission import Token
from aizuchi.server.guesses import GUESSES
from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.manners import Manners
from tests.server.bitnp_client import agent, page
from tests.server.fakes import make_house
from tests.server.sockets import read_on, serving, stop_reading, upgraded, ws

pytestmark = pytest.mark.network

SENT = {"type": "success", "message": "event sent"}


@contextlib.asynccontextmanager
async def hub(residents=None, *, tokens=(), **manners):
    """A server with a hub; its base URL and the hub."""
    made = Hub(Manners(**manners), residents=residents)
    async with serving(make_house(hub=made, tokens=tokens)) as base:
        yield base, made


async def until(true):
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the server's state has no event for this
            await asyncio.sleep(0.005)


async def refused(side, base, *words, **more):
    """The status by which a handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with side(base, *words, **more):
            pass
    return caught.value.response.status_code


# -- tokens and origins


async def test_tokens():
    """Agents and pages have tokens of their own; the header and the query both bring one."""
    agents, pages = [Token("for-agents", "a")], [Token("for-pages", "p")]
    async with hub(agent_tokens=agents, page_tokens=pages) as (base, _):
        assert await refused(agent, base) == 401
        assert await refused(agent, base, "x?token=for-pages") == 401
        assert await refused(page, base, "x?token=wrong") == 401
        bearer = {"Authorization": "Bearer for-agents"}
        async with (
            agent(base, additional_headers=bearer) as it,
            page(base, "shumeiniang?token=for-pages") as one,
        ):
            await it.event(1)
            assert await one.data() == 1


async def test_guesses():
    """Whoever offers wrong tokens is slowed down here as everywhere."""
    async with hub(agent_tokens=[Token("for-agents", "a")]) as (base, _):
        for number in range(GUESSES):
            assert await refused(agent, base, f"x?token=guess-{number}") == 401
        assert await refused(agent, base, "x?token=for-agents") == 429


async def test_server_tokens():
    """Where the hub has none of its own, the server's are wanted, unless it is open."""
    tokens = [Token("secret", "somebody")]
    async with hub(tokens=tokens) as (base, _):
        assert await refused(page, base) == 401
        async with page(base, "x?token=secret"):
            pass
    async with hub(tokens=tokens, agent_tokens=[], page_tokens=[]) as (base, _), page(base), agent(base):
        pass


async def test_origins():
    """A page of another site is refused unless its origin is listed; loopback always may come."""
    async with hub(origins=["https://mine.example"]) as (base, _):
        assert await refused(page, base, origin="https://evil.example") == 403
        for origin in ("https://mine.example", "http://localhost:5173", None):
            async with page(base, origin=origin):
                pass


async def test_sockets_are_counted():
    """The hub's connections count as any other's, and are given back."""
    house = make_house()
    async with serving(house) as base:
        async with agent(base), page(base):
            assert house.gate.sockets == 2
            assert house.hub.counts() == {"names": 1, "agents": 1, "pages": 1}
        await until(lambda: house.gate.sockets == 0)


# -- the name


async def test_dead_holder():
    """An agent that answers no ping loses its name to a newcomer, and can't free the newcomer's later."""
    async with hub(holder_patience=0.2) as (base, made):
        _reader, writer = await upgraded(ws(base, "/ws/agent/x"))
        await until(lambda: made.counts()["agents"] == 1)
        async with page(base, "x") as one, agent(base, "x") as it:
            await it.event("I live")
            assert await one.data() == "I live"
            await one.event("so do I")
            assert await it.data() == "so do I"
            assert await refused(agent, base, "x") == 403
        writer.close()


async def test_holder_is_never_asked():
    """With no patience a holder keeps its name until its connection ends."""
    async with hub(holder_patience=0) as (base, made):
        _reader, writer = await upgraded(ws(base, "/ws/agent/x"))
        await until(lambda: made.counts()["agents"] == 1)
        assert await refused(agent, base, "x") == 403
        writer.close()


async def test_many_want_a_name():
    """Of many who want a dead agent's name at once exactly one gets it."""
    async with hub(holder_patience=0.2) as (base, made):
        _reader, writer = await upgraded(ws(base, "/ws/agent/x"))
        await until(lambda: made.counts()["agents"] == 1)

        async def want():
            it = agent(base, "x")
            try:
                await it.__aenter__()
            except InvalidStatus as error:
                assert error.response.status_code == 403
                return None
            return it

        got = [each for each in await asyncio.gather(*(want() for _ in range(10))) if each]
        assert len(got) == 1
        await got[0].__aexit__()
        writer.close()


async def test_busy_agent_is_tolerated():
    """An agent that reads nothing for a while gets it all later, in order."""
    async with hub() as (base, made), page(base, "x") as one:
        reader, writer = await upgraded(ws(base, "/ws/agent/x"))
        await until(lambda: made.counts()["agents"] == 1)
        stop_reading(writer)
        for number in range(50):
            await one.event({"number": number, "pad": "A" * 50_000})
            assert await one.receive() == SENT
        read_on(writer)
        seen = []
        async with asyncio.timeout(20):
            while len(seen) < 50:
                message = json.loads(await whole(reader))
                if "data" in message:
                    seen.append(message["data"]["number"])
        assert seen == list(range(50))
        writer.close()


async def whole(reader):
    head = await reader.readexactly(2)
    length = head[1]
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
    return await reader.readexactly(length)


# -- slow ones


async def test_page_that_never_reads():
    """It is cut off when its queue is full, with a code and a reason; the others lose nothing."""
    async with hub(queue_bytes=1 << 20) as (base, made), agent(base, "x") as it:
        reader, writer = await upgraded(ws(base, "/ws/frontend/x"))
        await until(lambda: made.counts()["pages"] == 1)
        stop_reading(writer)
        async with page(base, "x") as one, page(base, "x") as two:
            count = 600
            pad = "A" * 50_000

            async def say():
                for number in range(count):
                    await it.event([number, pad])
                    assert await it.receive() == SENT

            async def hear(who):
                return [(await who.data())[0] for _ in range(count)]

            _, *heard = await asyncio.gather(say(), hear(one), hear(two))
            assert heard == [list(range(count))] * 2
            await until(lambda: made.counts()["pages"] == 2)
        # Whoever reads again finds why, behind what had already left.
        read_on(writer)
        code, reason = await close_of(reader)
        assert code == 1013 and "too slow" in reason
        writer.close()


async def close_of(reader):
    """The close frame after whatever else there is."""
    async with asyncio.timeout(20):
        while True:
            head = await reader.readexactly(2)
            length = head[1]
            if length >= 126:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            data = await reader.readexactly(length)
            if head[0] & 0x0F == Opcode.CLOSE:
                return int.from_bytes(data[:2]), data[2:].decode()


async def test_page_that_stalls():
    """The only page of a flat-out agent slows it down, and is cut off when it takes nothing at all."""
    async with hub(stalled=0.3) as (base, made), agent(base, "x") as it:
        _reader, writer = await upgraded(ws(base, "/ws/frontend/x"))
        await until(lambda: made.counts()["pages"] == 1)
        stop_reading(writer)
        for _ in range(300):
            await it.event("A" * 100_000)
        for _ in range(300):
            assert await it.receive() == SENT
        assert made.counts()["pages"] == 0
        writer.close()


async def test_flood_of_a_page(monkeypatch):
    """What an agent can't take is refused to its sender, and the agent stays."""
    monkeypatch.setattr("aizuchi.server.hub.talking.PATIENCE", 0.2)
    async with hub(queue_bytes=1 << 20) as (base, made), page(base, "x") as one:
        _reader, writer = await upgraded(ws(base, "/ws/agent/x"))
        await until(lambda: made.counts()["agents"] == 1)
        stop_reading(writer)
        # The system's own buffers take some megabytes first.
        async with asyncio.timeout(60):
            while True:
                await one.event("A" * 4_000_000)
                answer = await one.receive()
                if answer != SENT:
                    break
        assert answer == {"type": "error", "message": "the agent does not keep up; the event was not sent"}
        assert made.counts()["agents"] == 1
        writer.close()


# -- the end


async def test_nothing_stays():
    """When all are gone, so are their tasks, rooms and queues, however they went."""
    async with hub() as (base, made):
        before = tasks()
        for _ in range(3):
            async with agent(base, "x") as it, page(base, "x") as one, page(base, "x") as two:
                await it.event("A" * 500_000)
                one.socket.transport.abort()
                two.socket.transport.abort()
            it, other = agent(base, "x"), page(base, "x")
            await other.__aenter__()
            await until(lambda: made.counts()["agents"] == 0)
            await it.__aenter__()
            it.socket.transport.abort()
            await other.send(type="disconnect")
            await other.closed()
        await until(lambda: made.counts()["names"] == 0)
        await until(lambda: tasks() <= before)


def tasks():
    gc.collect()
    return {str(each.get_coro()).partition(" at ")[0] for each in asyncio.all_tasks() if not each.done()}


async def test_server_leaves():
    """At the server's end its clients are told, with the code of a restart."""
    async with hub() as (base, _):
        it, one = agent(base), page(base)
        await it.__aenter__()
        await one.__aenter__()
    assert (await it.closed())[0] == 1012
    assert (await one.closed())[0] == 1012


# -- slides


async def test_slides(tmp_path: Path):
    """Files of the folder are served to any origin; what lies outside is not found."""
    folder = tmp_path / "slides"
    folder.mkdir()
    (folder / "幻灯片1.PNG").write_bytes(b"picture")
    (tmp_path / "secret").write_text("secret")
    async with (
        hub(slides=folder, slides_path="/documents/slides/") as (base, _),
        httpx.AsyncClient() as client,
    ):
        got = await client.get(
            f"{base}documents/slides/幻灯片1.PNG", headers={"Origin": "https://any.example"}
        )
        assert got.status_code == 200 and got.content == b"picture"
        assert got.headers["access-control-allow-origin"] in ("*", "https://any.example")
        asked = {"Origin": "https://any.example", "Access-Control-Request-Method": "GET"}
        asked["Access-Control-Request-Headers"] = "x-anything"
        preflight = await client.options(f"{base}documents/slides/幻灯片1.PNG", headers=asked)
        assert preflight.status_code == 200
        for way in (
            "../secret",
            "%2e%2e/secret",
            "..%2fsecret",
            "%2e%2e%2fsecret",
            "a/../../secret",
            "//etc/passwd",
        ):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(base.rsplit(":", 1)[1].strip("/"))
            )
            writer.write(f"GET /documents/slides/{way} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            assert b"404" in answer.partition(b"\r\n")[0], way


async def test_no_slides(tmp_path: Path, caplog):
    """A missing folder is a warning, and a path that is ours another."""
    for folder, path in ((tmp_path / "none", "/slides"), (tmp_path, "/api/x"), (tmp_path, "/")):
        caplog.clear()
        async with hub(slides=folder, slides_path=path) as (base, _), httpx.AsyncClient() as client:
            assert (await client.get(f"{base}health")).status_code in (200, 503)
        assert any("slides" in each.message for each in caplog.records)
