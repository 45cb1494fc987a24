"""The chatting agent, from a page's typed line to its events, with loopback vendors behind it."""

import asyncio
import wave
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest

from aizuchi.compat.bitnp.agent import BasicChattingAgent, create_agent
from aizuchi.compat.bitnp.config_types import AgentConfig, Dashscope_TTS_Config, LLM_Config
from aizuchi.compat.bitnp.llm_api import REGISTRY
from tests.compat.bitnp import voices
from tests.compat.bitnp.relay import Relay
from tests.compat.bitnp.running import page_of
from tests.compat.bitnp.scripted import Script
from tests.compat.bitnp.voices import sound
from tests.loopback.openai_server import OpenAIServer, Pace
from tests.loopback.qwen_tts_server import KEY, MS, QwenTtsServer
from tests.loopback.serving import Received

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    voices.register(monkeypatch)
    monkeypatch.setitem(REGISTRY, "script", Script)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay() as relay:
        yield relay


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        server.models.add("glm-4-flash")
        server.also_knows.add("thinking")
        yield server


def chatting(relay: Relay, voice: str, pieces: list[str], *, stream: bool = True) -> BasicChattingAgent:
    llm = {"api_name": "script", "pieces": pieces}
    return BasicChattingAgent(relay.url, "a", llm, {"tts_method_name": voice}, stream)


def start() -> dict[str, Any]:
    return {"type": "start_of_response"}


def say(content: str) -> dict[str, Any]:
    return {"type": "say_aloud", "content": content, "format": "wav"}


def tag(content: str) -> dict[str, Any]:
    return {"type": "bracket_tag", "content": content}


def flip(page: int) -> dict[str, Any]:
    return {"type": "flip_ppt_page", "page_num": page}


def end(response: str) -> dict[str, Any]:
    return {"type": "end_of_response", "response": response}


def heard(sounds: list[bytes]) -> bytes:
    """What a page plays of these files."""
    pcm = b""
    for each in sounds:
        with wave.open(BytesIO(each), "rb") as read:
            pcm += read.readframes(read.getnframes())
    return pcm


def questions(model: OpenAIServer) -> list[Received]:
    """What the model was asked; a connection made ahead of that is no question."""
    return [each for each in model.requests if each.method == "POST"]


@pytest.mark.parametrize("kind", ["plain", "async", "generator"])
async def test_order_of_events_streaming(relay: Relay, kind: str):
    """Start, sentence by sentence with its text on the first piece only, tags in their places, end."""
    agent = chatting(relay, kind, ["你好[点", "头]，我是", "树莓娘。再", "见！[wink]"])
    async with page_of(agent, relay) as page:
        await page.say("hi")
        seen = await page.until("end_of_response")
    first, *rest = (each for each in seen if each != say(""))
    assert [first, *rest] == [
        start(),
        say("你好"),
        tag("点头"),
        say("，我是树莓娘。"),
        say("再见！"),
        tag("wink"),
        end("你好[点头]，我是树莓娘。再见！[wink]"),
    ]
    assert seen.count(say("")) >= 3  # the further pieces of the sound
    assert heard(page.sounds) == sound("你好，我是树莓娘。再见！")
    assert agent.llm.messages == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "你好[点头]，我是树莓娘。再见！[wink]"},
    ]


@pytest.mark.parametrize("kind", ["plain", "async", "coroutine"])
async def test_order_of_events_whole(relay: Relay, kind: str):
    """Without streaming, a frame a sentence."""
    agent = chatting(relay, kind, ["你好。", "再见"], stream=False)
    async with page_of(agent, relay) as page:
        await page.say("hi")
        assert await page.until("end_of_response") == [start(), say("你好。"), say("再见"), end("你好。再见")]
    assert list(map(len, page.sounds)) == [44 + len(sound("你好。")), 44 + len(sound("再见"))]


async def test_pages_are_turned(relay: Relay):
    """A slide's tag turns the page at once, goes on as a tag, and turns it once more after the end."""
    agent = chatting(relay, "async", ["看这里。[PPT_2] 第二", "页。"], stream=False)
    async with page_of(agent, relay) as page:
        await page.say("hi")
        seen = [*await page.until("end_of_response"), await page.next()]
    text = "看这里。[PPT_2] 第二页。"
    assert seen == [start(), flip(2), say("看这里。"), tag("PPT_2"), say(" 第二页。"), end(text), flip(2)]


async def test_tags_that_were_cut(relay: Relay):
    """A tag over several pieces, or with a separator in it, is whole, and never read aloud."""
    agent = chatting(relay, "async", ["[翻", "页: ", "3]", "好。", "[PPT_101]", "[PPT_4]"], stream=False)
    async with page_of(agent, relay) as page:
        await page.say("hi")
        seen = [*await page.until("end_of_response"), await page.next()]
    assert seen == [
        start(),
        flip(3),
        tag("翻页: 3"),
        say("好。"),
        flip(4),
        tag("PPT_101"),
        tag("PPT_4"),
        end("[翻页: 3]好。[PPT_101][PPT_4]"),
        flip(4),
    ]


async def test_blank_inputs(relay: Relay):
    """What the page's own keys send is no question, and interrupts nobody."""
    agent = chatting(relay, "async", ["一。", "<wait>", "二。"], stream=False)
    async with page_of(agent, relay) as page:
        for blank in ("", "  \n"):
            await page.say(blank)
        await page.send("user_input")
        await page.send("user_input", content=5)
        await page.say("hi")
        assert await page.until("say_aloud") == [start(), say("一。")]
        await page.say("")
        await page.say(" ")
        agent.llm.gate.set()  # pyright: ignore
        assert await page.until("end_of_response") == [say("二。"), end("一。二。")]
    assert [each["role"] for each in agent.llm.messages] == ["user", "assistant"]


async def test_an_interruption(relay: Relay):
    """The next line ends the answer; what was said of it is remembered behind the line it answered."""
    agent = chatting(relay, "async", ["一[wink]。", "<wait>", "二。"], stream=False)
    async with page_of(agent, relay) as page:
        await page.say("first")
        assert await page.until("bracket_tag") == [start(), say("一"), tag("wink")]
        assert await page.next() == say("。")
        agent.llm.pieces = ["好。"]  # pyright: ignore
        await page.say("second")
        assert await page.until("end_of_response") == [start(), say("好。"), end("好。")]
    assert agent.llm.messages == [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "一[wink]。"},
        {"role": "user", "content": "(打断了你) second"},
        {"role": "assistant", "content": "好。"},
    ]
    assert agent.interrupt() is False


async def test_interrupt_tells(relay: Relay):
    """`interrupt` says whether there was something to interrupt."""
    agent = chatting(relay, "async", ["一。", "<wait>"], stream=False)
    assert agent.interrupt() is False
    async with page_of(agent, relay) as page:
        await page.say("first")
        await page.until("say_aloud")
        assert agent.interrupt() is True
        assert agent.interrupt() is False
        agent.llm.pieces = ["好"]  # pyright: ignore
        await page.say("second")
        assert (await page.until("end_of_response"))[-1] == end("好")
        await page.say("third")
        await page.until("end_of_response")
    said = [each["content"] for each in agent.llm.messages]
    assert said == ["first", "一。", "second", "好", "third", "好"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_voice_that_fails(relay: Relay, stream: bool):
    """The page still gets every word, and the answer goes on."""
    agent = chatting(relay, "broken", ["一二。", "三四。"], stream=stream)
    async with page_of(agent, relay) as page:
        await page.say("hi")
        seen = await page.until("end_of_response")
    assert seen == [start(), say("一二。"), say("三四。"), end("一二。三四。")]


async def test_a_model_that_fails(relay: Relay, model: OpenAIServer):
    """The page is told, the answer ends, and the next question is answered."""
    llm = {"api_name": "glm", "token": model.key, "base_url": model.base_url}
    agent = BasicChattingAgent(relay.url, "a", llm, {"tts_method_name": "async"})
    async with page_of(agent, relay) as page:
        model.fault("refuse", path="/chat/completions", status=400, message="too hot")
        await page.say("hi")
        begun, error, ended = await page.until("end_of_response")
        assert (begun, ended) == (start(), end(""))
        assert error["type"] == "error" and "too hot" in error["message"]
        model.say("好的。")
        await page.say("again")
        assert (await page.until("end_of_response"))[-1] == end("好的。")
    assert [each["role"] for each in agent.llm.messages] == ["user", "user", "assistant"]


async def test_an_interruption_closes_the_vendors(relay: Relay, model: OpenAIServer):
    """Neither model nor voice works on for an answer that nobody wants."""
    llm = {"api_name": "glm", "token": model.key, "base_url": model.base_url}
    agent = BasicChattingAgent(relay.url, "a", llm, {"tts_method_name": "async"})
    model.say("one two three four. " * 50)
    model.pace = Pace(tokens_per_second=20)
    async with page_of(agent, relay) as page:
        await page.say("hi")
        await page.until("say_aloud")
        model.pace = Pace()
        model.say("好。")
        await page.say("stop")
        async with asyncio.timeout(30):
            await questions(model)[0].disconnected.wait()
        assert (await page.until("end_of_response"))[-1] == end("好。")


async def test_the_guides_agent(relay: Relay, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch):
    """As a runner makes it, from models of settings, with GLM's bot and DashScope's voice."""
    llm = LLM_Config(
        api_name="glm",
        token=model.key,
        model_name="glm-4-flash",
        system_prompt="你是树莓娘。",
        max_context_length=11,
    )
    model.say("你好，我是树莓娘！[wink]")
    async with QwenTtsServer() as qwen:
        monkeypatch.setenv("ZHIPUAI_BASE_URL", model.base_url)
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", qwen.host)
        config = AgentConfig(
            server_url=relay.url,
            agent_name="shumeiniang",
            llm_api_config=llm,
            tts_config=Dashscope_TTS_Config(api_key=KEY, voice="qwen-tts-vc-me", model="m-vc"),  # pyright: ignore
            tts_stream=True,
        )
        agent = create_agent("basic_chatting_agent", **config.model_dump())
        async with page_of(agent, relay) as page:
            await page.say("你好，你是谁？")
            seen = await page.until("end_of_response")
    text = "你好，我是树莓娘！"
    assert [each for each in seen if each != say("")] == [
        start(),
        say(text),
        tag("wink"),
        end(text + "[wink]"),
    ]
    assert len(heard(page.sounds)) == 48 * MS * len(text)
    assert questions(model)[0].json["messages"] == [
        {"role": "system", "content": "你是树莓娘。"},
        {"role": "user", "content": "你好，你是谁？"},
    ]


async def test_without_a_relay():
    """A script may try an agent out: events go nowhere, or where `emit` puts them."""
    agent = chatting(Relay(), "async", ["好。"], stream=False)
    seen: list[dict[str, Any]] = []

    async def keep(event: dict[str, Any]) -> None:
        seen.append(event)

    agent.emit = keep  # pyright: ignore
    for handler in agent._event_handlers["user_input"]:  # pyright: ignore
        await handler(agent, "", {"type": "user_input", "content": "hi"})
    assert [each["type"] for each in seen] == ["start_of_response", "say_aloud", "end_of_response"]
