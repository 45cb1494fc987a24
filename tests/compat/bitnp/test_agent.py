"""The agents' base: events, loops, and what it survives."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from aizuchi.compat.bitnp.agent import REGISTRY, AbstractAgent, Agent, abstract_agent, create_agent
from aizuchi.compat.bitnp.agent.abstract_agent import websocket_url
from tests.compat.bitnp.relay import Relay
from tests.compat.bitnp.running import at_work, page_of, there

pytestmark = pytest.mark.network


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay() as relay:
        yield relay


async def happened(check: Any) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 (what it waits for tells nobody)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:8000", "ws://localhost:8000"),
        ("http://h:1/", "ws://h:1"),
        ("https://h/base//", "wss://h/base"),
        ("ws://h", "ws://h"),
        ("wss://h/", "wss://h"),
    ],
)
def test_addresses(given: str, url: str):
    """Any way in which people write a server's address."""
    assert websocket_url(given) == Agent(given, "a").server_url == url


async def test_handlers(relay: Relay):
    """Several for one type, plain and async, in order; they get the agent, the time and the data."""
    agent, seen = Agent(relay.url, "树莓娘"), []

    @agent.on("user_input")
    def plain(who: Agent, time: str, data: dict[str, Any]) -> None:
        seen.append(("plain", who is agent, time[:4], data["content"]))

    @agent.on("user_input")
    async def later(who: Agent, time: str, data: dict[str, Any]) -> None:
        await who.emit({"type": "echo", "content": data["content"]})

    assert plain.__name__ == "plain"
    async with page_of(agent, relay) as page:
        await page.say("你好")
        assert await page.next() == {"type": "echo", "content": "你好"}
    assert seen == [("plain", True, "2026", "你好")]


async def test_async_handlers_are_tasks(relay: Relay):
    """One that waits holds up neither the next event nor a plain handler."""
    agent, gate = Agent(relay.url, "a"), asyncio.Event()

    @agent.on("wait")
    async def wait(*_: Any) -> None:
        await gate.wait()
        await agent.emit({"type": "waited"})

    @agent.on("open")
    def open_(*_: Any) -> None:
        gate.set()

    async with page_of(agent, relay) as page:
        await page.send("wait")
        await page.send("open")
        assert await page.next() == {"type": "waited"}


async def test_malformed_frames(relay: Relay, caplog: pytest.LogCaptureFixture):
    """Nothing that a page or the relay sends ends the agent, nor does a handler that fails."""
    agent, seen = Agent(relay.url, "a"), []

    @agent.on("loop")
    def never(*_: Any) -> None:
        seen.append("loop")

    @agent.on("bad")
    def fails(*_: Any) -> None:
        raise ValueError("plain")

    @agent.on("bad")
    async def fails_later(*_: Any) -> None:
        raise ValueError("async")

    @agent.on("good")
    def good(who: Agent, time: str, data: dict[str, Any]) -> None:
        seen.append(time)

    async with page_of(agent, relay):
        bad = ["{", "[]", "5", "null", b"\x00\xff", '{"type": "event"}', "[" * 100_000]
        for data in ("text", ["list"], 5, None, {}, {"type": None}, {"type": ["x"]}, {"type": "unknown"}):
            bad.append(json.dumps({"time": "t", "data": data}))
        for kind in ("loop", "bad"):
            bad.append(json.dumps({"time": 5, "data": {"type": kind}}))
        for frame in bad:
            await relay.send("a", frame)
        await relay.send("a", {"data": {"type": "good"}})
        await happened(lambda: seen)
    assert seen == [""]
    assert "ValueError: plain" in caplog.text and "ValueError: async" in caplog.text


async def test_each_loop_is_its_own(relay: Relay, monkeypatch: pytest.MonkeyPatch):
    """Several loop functions, plain and async, run each by itself, one that fails beside them."""
    monkeypatch.setattr(abstract_agent, "LOOP_PAUSE", 0.001)
    agent = Agent(relay.url, "a")
    runs = {"first": 0, "second": 0, "broken": 0}

    @agent.loop
    def first(who: Agent) -> None:
        runs["first"] += who is agent

    @agent.loop
    async def second(who: Agent) -> None:
        runs["second"] += 1
        await asyncio.sleep(0)

    @agent.loop
    def broken(who: Agent) -> None:
        runs["broken"] += 1
        raise ValueError("broken")

    async with at_work(agent, relay):
        await happened(lambda: min(runs["first"], runs["second"]) > 3 and runs["broken"])
    assert first.__name__ == "first"


async def test_nothing_is_sent_without_a_connection():
    """`emit` then does nothing, and says nothing."""
    agent = AbstractAgent("localhost:1", "a")
    await agent.emit({"type": "x"})
    assert agent.ws is None


async def test_first_errors_rise(relay: Relay):
    """A server that is not there, and a name that is taken, end `run` at once."""
    with pytest.raises(OSError):
        await Agent("127.0.0.1:9", "a").run()
    async with at_work(Agent(relay.url, "a"), relay):
        with pytest.raises(InvalidStatus, match="403"):
            await Agent(relay.url, "a").run()


async def test_reconnects(monkeypatch: pytest.MonkeyPatch):
    """After a lost connection and a restart of the relay it is there again, its loops have gone on."""
    monkeypatch.setattr(abstract_agent, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(abstract_agent, "LOOP_PAUSE", 0.001)
    first = Relay()
    agent, turns, starts = Agent("", "a"), [0], [0]

    @agent.loop
    async def count(_: Agent) -> None:
        starts[0] += 1
        while True:
            await asyncio.sleep(0.001)
            turns[0] += 1

    @agent.on("ping")
    async def pong(*_: Any) -> None:
        await agent.emit({"type": "pong"})

    async with asyncio.TaskGroup() as group:
        async with first:
            agent.server_url = f"ws://{first.url}"
            task = group.create_task(agent.run())
            await there(first, "a")
            first.agents["a"].transport.abort()
            await happened(lambda: "a" not in first.agents)
            await there(first, "a")
        second = Relay()
        second.port = first.port
        before = turns[0]
        async with second:
            await there(second, "a")
            await happened(lambda: turns[0] > before)
            await second.send("a", {"data": {"type": "ping"}})
        task.cancel()
    assert starts == [1]


async def test_goodbye_ends_it(relay: Relay):
    """The relay's goodbye, or `stop`, ends `run`, and with it every task."""
    agent, ended = Agent(relay.url, "a"), []

    @agent.on("wait")
    async def wait(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("handler")

    for end in ("goodbye", "stop"):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(agent.run())
            await there(relay, "a")
            await relay.send("a", {"data": {"type": "wait"}})
            await happened(lambda: agent._tasks)  # pyright: ignore
            await (relay.agents["a"].close() if end == "goodbye" else agent.stop())
            async with asyncio.timeout(30):
                await task
    assert ended == ["handler", "handler"]
    assert agent.ws is None


async def test_no_reconnecting_on_wish(relay: Relay):
    """`reconnect = False` is the original's way."""
    agent = Agent(relay.url, "a")
    agent.reconnect = False
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        await there(relay, "a")
        relay.agents["a"].transport.abort()
        async with asyncio.timeout(30):
            await task


def test_start_needs_run():
    """Work beside an agent that does not run has nobody to end it."""

    async def work() -> None: ...

    with pytest.raises(RuntimeError, match="does not run"):
        Agent("h", "a").start(work())


def test_the_registry(monkeypatch: pytest.MonkeyPatch):
    """Agents by name, a user's own among them; a configuration of a model only where one is given."""

    class Mine(Agent):
        def __init__(self, server_url: str, agent_name: str, **more: Any) -> None:
            super().__init__(server_url, agent_name)
            self.more = more

    monkeypatch.setitem(REGISTRY, "mine", Mine)
    agent = create_agent("mine", "h", "a", mood="good")
    assert isinstance(agent, Mine) and agent.more == {"mood": "good"}
    agent = create_agent(agent_type="mine", server_url="h", agent_name="a", llm_api_config={"x": 1})  # pyright: ignore
    assert isinstance(agent, Mine) and agent.more == {"llm_api_config": {"x": 1}}
    with pytest.raises(ValueError, match="Unknown agent type"):
        create_agent("nobody", "h", "a")
