"""Agents and pages through the server's own relay."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from aizuchi.compat.bitnp.agent import Agent, BasicChattingAgent, LectureAgent, abstract_agent
from aizuchi.compat.bitnp.llm_api import REGISTRY
from tests.compat.bitnp import voices
from tests.compat.bitnp.relay import Page
from tests.compat.bitnp.scripted import Script
from tests.server.fakes import make_house
from tests.server.sockets import serving

pytestmark = pytest.mark.network


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    voices.register(monkeypatch)
    async with serving(make_house()) as url:
        yield url


@asynccontextmanager
async def at_work(agent: Agent, page: Page) -> AsyncIterator[None]:
    """The agent runs, and the page has been told that it is online."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        await online(page)
        yield
        task.cancel()


async def online(page: Page) -> None:
    """Wait until the relay has the page's agent."""
    async with asyncio.timeout(30):
        while not await page.is_agent_online():  # noqa: ASYNC110 (the relay tells nobody)
            await asyncio.sleep(0.01)


def host(url: str) -> str:
    return url.removeprefix("http://").rstrip("/")


async def test_a_conversation(server: str, monkeypatch: pytest.MonkeyPatch):
    """A line in, the answer's events and sound out, by way of the real relay."""
    monkeypatch.setitem(REGISTRY, "script", Script)
    llm = {"api_name": "script", "pieces": ["你好[点头]，", "再见！"]}
    agent = BasicChattingAgent(server, "树莓娘", llm, {"tts_method_name": "plain"}, tts_stream=True)
    async with Page(host(server), "树莓娘") as page, at_work(agent, page):
        for odd in ("text", ["list"], 5, {"type": 5}):
            await page.data(odd)
        await page.say("hi")
        seen = [each for each in await page.until("end_of_response") if each.get("content") != ""]
    assert [each["type"] for each in seen] == [
        "start_of_response",
        "say_aloud",
        "bracket_tag",
        "say_aloud",
        "end_of_response",
    ]
    assert sum(len(each) - 44 for each in page.sounds) == len(voices.sound("你好，再见！"))


async def test_a_lecture(server: str, project: Path):
    """Line by line, as the page reports them."""
    script = project / "talk.txt"
    script.write_text("[PPT_1]一\n二\n[PPT_2]三", encoding="utf-8")
    voice = {"tts_method_name": "async"}
    agent = LectureAgent(server, "l", voice, lecture_script_path=str(script), auto_start=False)
    async with Page(host(server), "l") as page, at_work(agent, page):
        await page.send("lecture_control", action="goto", page_num=1)
        seen = [*await page.until("end_of_response"), *await page.until("end_of_response")]
    said = [(each["seq"], each["content"]) for each in seen if each["type"] == "say_aloud"]
    assert said == [(1, "一\n"), (2, "二"), (3, "三")]


async def test_names(server: str, monkeypatch: pytest.MonkeyPatch):
    """A taken name is refused; a cut connection is made anew; a goodbye ends the agent and frees the name."""
    monkeypatch.setattr(abstract_agent, "FIRST_PAUSE", 0.01)
    agent = Agent(server, "a")

    @agent.on("ping")
    async def pong(*_: Any) -> None:
        await agent.emit({"type": "pong"})

    async with Page(host(server), "a") as page:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(agent.run())
            await online(page)
            with pytest.raises(InvalidStatus, match="403"):
                await Agent(server, "a").run()
            first = agent.ws
            assert first is not None
            first.transport.abort()
            async with asyncio.timeout(30):
                while agent.ws is None or agent.ws is first:  # noqa: ASYNC110 (the agent tells nobody)
                    await asyncio.sleep(0.01)
            await page.send("ping")
            assert await page.next() == {"type": "pong"}
            await agent.ws.send(json.dumps({"type": "disconnect"}))
            async with asyncio.timeout(30):
                await task
        assert not await page.is_agent_online()
