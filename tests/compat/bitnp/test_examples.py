"""Each example runs as it is, in a process of its own, with loopback vendors and a relay."""

import asyncio
import os
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.compat.bitnp.relay import Page, Relay
from tests.compat.bitnp.running import there
from tests.loopback import enrollment_server, qwen_tts_server
from tests.loopback.enrollment_server import EnrollmentServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.qwen_tts_server import MS, QwenTtsServer

pytestmark = [pytest.mark.network, pytest.mark.slow]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "bitnp"


class Vendors:
    """All of them, and scripts that find them."""

    def __init__(
        self, model: OpenAIServer, qwen: QwenTtsServer, clones: EnrollmentServer, relay: Relay
    ) -> None:
        self.model, self.qwen, self.clones, self.relay = model, qwen, clones, relay
        model.models.add("glm-4-flash")
        model.also_knows.add("thinking")
        self.environment = os.environ | {
            "PYTHONIOENCODING": "utf-8",
            "GLM_API_KEY": model.key,
            "ZHIPUAI_BASE_URL": model.base_url,
            "DASHSCOPE_API_KEY": qwen_tts_server.KEY,
            "DASHSCOPE_WEBSOCKET_BASE_URL": qwen.host,
            "DASHSCOPE_HTTP_BASE_URL": f"http://127.0.0.1:{clones.port}/api/v1",
        }

    async def begin(self, script: str, *words: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / script),
            *words,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment,
        )

    async def run(self, script: str, *words: str, typed: str = "") -> str:
        """What the script prints; it must end well."""
        process = await self.begin(script, *words)
        async with asyncio.timeout(60):
            out, _ = await process.communicate(typed.encode())
        assert process.returncode == 0, out.decode()
        return out.decode().replace("\r\n", "\n")

    @asynccontextmanager
    async def agent(self, name: str, script: str, *words: str) -> AsyncIterator[None]:
        """The script's agent is at the relay."""
        process = await self.begin(script, self.relay.url, *words)
        try:
            await there(self.relay, name)
            yield
        finally:
            process.kill()
            await process.communicate()


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with (
        OpenAIServer() as model,
        QwenTtsServer() as qwen,
        EnrollmentServer() as clones,
        Relay() as relay,
    ):
        yield Vendors(model, qwen, clones, relay)


async def test_tokens_and_prompts(vendors: Vendors):
    printed = await vendors.run("tokens_and_prompts.py")
    assert "glm has a key\ndashscope has a key\nprompts: shumeiniang\n" in printed
    assert "树莓娘" in printed and qwen_tts_server.KEY not in printed


async def test_stream_nodes(vendors: Vendors):
    assert (await vendors.run("stream_nodes.py")).splitlines() == [
        "text 晚上好",
        "tag 点头",
        "text ！",
        "text 今天的星星很亮。",
        "text 一起看吧",
        "tag wink",
        "6 parts",
    ]


async def test_chat_with_bot(vendors: Vendors):
    vendors.model.say("你好呀！", "再见！")
    printed = await vendors.run("chat_with_bot.py", typed="你好\n再见\n\n")
    assert printed == "> 你好呀！\n> 再见！\n> "
    system, *rest = vendors.model.requests[1].json["messages"]
    assert system["role"] == "system"
    assert [each["content"] for each in rest] == ["你好", "你好呀！", "再见"]


async def test_speak_to_file(vendors: Vendors, project: Path):
    printed = await vendors.run("speak_to_file.py")
    with wave.open(str(project / "speech.wav"), "rb") as file:
        assert file.getnframes() == 24 * MS * len("你好，我是树莓娘。")
    streamed = [int(line.removesuffix(" bytes")) for line in printed.splitlines()]
    assert len(streamed) > 1 and sum(streamed) == 48 * MS * len("你好，我是树莓娘。")
    # Both sentences over one connection.
    assert [session.model for session in vendors.qwen.sessions] == ["qwen3-tts-flash-realtime"]


async def test_clone_voice(vendors: Vendors, project: Path):
    (project / "me.mp3").write_bytes(b"sound")
    vendors.environment["DASHSCOPE_API_KEY"] = enrollment_server.KEY
    made = await vendors.run("clone_voice.py", "me.mp3", "me")
    assert "qwen-tts-vc-me" in made
    assert "qwen-tts-vc-me" in await vendors.run("clone_voice.py")


async def test_chatting_agent_and_page_client(vendors: Vendors):
    vendors.model.say("你好，我是树莓娘！[wink]")
    async with vendors.agent("shumeiniang", "chatting_agent.py"):
        printed = await vendors.run("page_client.py", vendors.relay.url)
    kinds = dict.fromkeys(line.split("'")[3] for line in printed.splitlines())
    assert list(kinds) == ["start_of_response", "say_aloud", "bracket_tag", "end_of_response"]
    assert "你好，我是树莓娘！[wink]" in printed


async def test_agent_of_ones_own(vendors: Vendors):
    async with (
        Page(vendors.relay.url, "echo") as page,
        vendors.agent("echo", "agent_of_ones_own.py"),
    ):
        await page.say("喂")
        assert (await page.until("echo"))[-1] == {"type": "echo", "content": "喂"}
        assert (await page.until("uptime"))[-1]["seconds"] >= 1


@pytest.mark.parametrize("voice", ["plain", "async"])
async def test_voices_of_ones_own(vendors: Vendors, voice: str):
    async with (
        Page(vendors.relay.url, "parrot") as page,
        vendors.agent("parrot", "voices_of_ones_own.py", voice),
    ):
        await page.say("你好！好。")
        seen = await page.until("end_of_response")
    assert [each.get("content") for each in seen] == [None, "你好！", "好。", None]
    assert [len(sound) for sound in page.sounds] == [44 + 3 * 3840, 44 + 2 * 3840]
