"""The runner: the original's flags, what it makes of them, and what it says when it can't begin."""

import asyncio
from pathlib import Path

import pytest

from aizuchi.compat.bitnp.agent import BasicChattingAgent, LectureAgent
from aizuchi.compat.bitnp.llm_api import GlmBot, OpenAIBot
from aizuchi.compat.bitnp.run_agent import PLAIN, main, make, parser
from aizuchi.compat.bitnp.tts import AizuchiTTS, DashscopeTTS
from tests.compat.bitnp.relay import Relay
from tests.compat.bitnp.running import page_of
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.qwen_tts_server import KEY, QwenTtsServer


def made(*flags: str):
    return make(parser().parse_args(flags))


def test_without_flags(project: Path, monkeypatch: pytest.MonkeyPatch):
    """As the original: the chatting agent of shumeiniang with GLM, streaming."""
    (project / "prompts").mkdir()
    (project / "prompts" / "shumeiniang.txt").write_text("你是树莓娘。", encoding="utf-8")
    monkeypatch.setenv("GLM_API_KEY", "g-1")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "d-1")
    agent = made()
    assert isinstance(agent, BasicChattingAgent) and isinstance(agent.llm, GlmBot)
    assert (agent.server_url, agent.agent_name) == ("ws://localhost:8000", "shumeiniang")
    assert (agent.llm.token, agent.llm.model_name) == ("g-1", "glm-4-flash")
    assert (agent.llm.system_prompt, agent.llm.max_context_length) == ("你是树莓娘。", 11)
    assert isinstance(agent.tts, DashscopeTTS) and agent.tts.api_key == "d-1"
    assert (agent.tts.voice, agent.tts.model) == ("Cherry", "qwen3-tts-flash-realtime")
    assert agent.tts_stream is True


def test_flags(project: Path, capsys: pytest.CaptureFixture[str]):
    """The original's and ours."""
    assert made("--no-tts-stream").tts_stream is False  # pyright: ignore
    assert made("--tts-stream").tts_stream is True  # pyright: ignore
    agent = made("--voice", "qwen-tts-vc-me", "--llm", "openai", "--llm-url", "http://localhost:1/v1")
    assert isinstance(agent, BasicChattingAgent) and isinstance(agent.tts, DashscopeTTS)
    assert agent.tts.model == "qwen3-tts-vc-realtime-2026-01-15"
    assert isinstance(agent.llm, OpenAIBot) and agent.llm.base_url == "http://localhost:1/v1"
    assert agent.llm.system_prompt == PLAIN
    assert "shumeiniang.txt" in capsys.readouterr().err


def test_a_lecture(project: Path):
    """Its own flags reach it."""
    flags = ["--agent-type", "lecture_agent", "--agent-name", "l", "--server-url", "https://h/"]
    flags += [
        "--lecture-script",
        "s.txt",
        "--ppt-images-dir",
        "d",
        "--ppt-base-url",
        "/x/",
        "--no-auto-start",
    ]
    agent = made(*flags)
    assert isinstance(agent, LectureAgent)
    assert (agent.server_url, agent.lecture_script_path, agent.ppt_images_dir) == ("wss://h", "s.txt", "d")
    assert (agent.ppt_base_url, agent.auto_start, agent.tts_stream) == ("/x", False, True)


def test_without_a_key(capsys: pytest.CaptureFixture[str]):
    """The embedded voice stands in, and it is said; any voice of Aizuchi's by name."""
    agent = made()
    assert isinstance(agent, BasicChattingAgent) and isinstance(agent.tts, AizuchiTTS)
    assert "embedded voice" in capsys.readouterr().err
    assert isinstance(made("--tts", "tone").tts, AizuchiTTS)  # pyright: ignore
    assert isinstance(made("--tts", "dashscope").tts, DashscopeTTS)  # pyright: ignore
    assert main(["--tts", "nobody"]) == 2
    assert '"nobody" is unknown' in capsys.readouterr().err


@pytest.mark.network
def test_nobody_there(capsys: pytest.CaptureFixture[str]):
    """A server that is not there is one sentence."""
    assert main(["--server-url", "127.0.0.1:9"]) == 1
    assert "no connection" in capsys.readouterr().err


@pytest.mark.network
async def test_a_taken_name(capsys: pytest.CaptureFixture[str]):
    async with Relay() as relay, page_of(made("--server-url", relay.url), relay):
        assert await asyncio.to_thread(main, ["--server-url", relay.url]) == 1
    assert "the name is taken" in capsys.readouterr().err


@pytest.mark.network
async def test_a_conversation(project: Path, monkeypatch: pytest.MonkeyPatch):
    """From the flags to the page, over loopback vendors."""
    async with OpenAIServer() as model, QwenTtsServer() as qwen, Relay() as relay:
        model.models.add("glm-4-flash")
        model.also_knows.add("thinking")
        model.say("你好！")
        monkeypatch.setenv("ZHIPUAI_BASE_URL", model.base_url)
        monkeypatch.setenv("GLM_API_KEY", model.key)
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", qwen.host)
        monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
        async with page_of(made("--server-url", relay.url), relay) as page:
            await page.say("hi")
            seen = await page.until("end_of_response")
        assert [each["type"] for each in seen if each.get("content") != ""] == [
            "start_of_response",
            "say_aloud",
            "end_of_response",
        ]
        assert seen[-1]["response"] == "你好！"
        # The spare that was opened ahead has no settings until it is used.
        assert {each.settings["voice"] for each in qwen.sessions if each.settings} == {"Cherry"}
