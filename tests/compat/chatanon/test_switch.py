"""`server.main:app` and `python -m server.main`, as ChatAnon's service files call them, in its own folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidHandshake

from aizuchi.compat.chatanon import application
from aizuchi.config import home
from tests.compat.chatanon.folder import CONFIG, KEYS, make
from tests.loopback.ark_server import ArkServer
from tests.loopback.minimax_server import KEY as MINIMAX_KEY
from tests.loopback.minimax_server import MiniMaxServer
from tests.wire.independent_chatanon import Client, anon

NAMES = ("BYTEDANCE_APP_KEY", "BYTEDANCE_ACCESS_KEY", "DOUBAO_API_KEY", "MINIMAX_API_KEY", "VALID_API_TOKENS")
REPLY = (
    '{"responses_cn": ["你好。"], "responses_jp": ["こんにちは。"], "responses_emotion_labels": ["happy"]}'
)


def environment(home: Path) -> dict[str, str]:
    """This process's, as the one documented line changes it."""
    plain = {name: value for name, value in os.environ.items() if name not in NAMES}
    plain.pop("PYTHONPATH", None)
    printed = subprocess.run(
        [sys.executable, "-m", "aizuchi.compat.chatanon"],
        env=plain,
        capture_output=True,
        text=True,
        check=True,
        timeout=150,
    ).stdout
    assert printed.startswith("export ") and printed.count("\n") == 1
    switched = dict(word.split("=", 1) for word in printed.removeprefix("export ").split())
    assert set(switched) == {"PYTHONPATH", "PYTHONSAFEPATH", "UVICORN_APP_DIR"}
    # A busy machine is not what is tried here: nobody is turned away for it.
    calm = {"AIZUCHI_ADMISSION__OVERLOAD_LAG_MS": "600000"}
    return plain | switched | calm | {"AIZUCHI_HOME": str(home), "LANG": "C.UTF-8"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextlib.asynccontextmanager
async def running(folder: Path, port: int, env: dict[str, str], *words: str) -> AsyncIterator[str]:
    """A process with these words after Python's, from when it answers; its address."""
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=folder, env=env)
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http, asyncio.timeout(150):
            while True:
                assert process.returncode is None, "it ended"
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"http://127.0.0.1:{port}/health")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield f"ws://127.0.0.1:{port}/ws"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(60):
                await process.wait()


@pytest.fixture
async def clouds() -> AsyncIterator[tuple[ArkServer, MiniMaxServer]]:
    async with asyncio.timeout(300), ArkServer() as ark, MiniMaxServer() as minimax:
        yield ark, minimax


def chat(folder: Path, clouds: tuple[ArkServer, MiniMaxServer], port: int = 8765) -> Path:
    """A folder of ChatAnon's whose clouds are ours."""
    ark, minimax = clouds
    endpoints = {"llm": ark.base_url, "tts": f"{minimax.host}/ws/v1/t2a_v2", "asr": "ws://127.0.0.1:9/asr"}
    keys = {"doubao": ark.key, "minimax": MINIMAX_KEY}
    config = CONFIG.replace("port: 8765", f"port: {port}")
    return make(folder, endpoints=endpoints, keys=keys, config=config)


@contextlib.asynccontextmanager
async def patient(address: str, token: str) -> AsyncIterator[Client]:
    """A connected client; one that a slow start keeps waiting knocks again, within the test's own limit."""
    async with contextlib.AsyncExitStack() as stack:
        while True:
            try:
                client = await stack.enter_async_context(anon(address, token))
                break
            except (OSError, TimeoutError, InvalidHandshake):
                await asyncio.sleep(0.05)
        yield client


async def talk(address: str, clouds: tuple[ArkServer, MiniMaxServer]) -> None:
    """A turn in text: the model and the voice of the folder answer, a wrong token is refused."""
    ark, minimax = clouds
    ark.say(REPLY)
    async with patient(address, "token_of_ann") as client:
        await client.send("message", content="你好")
        said = await client.until("response", "error")
        await client.until("turn_end")
        assert said["type"] == "response" and said["content_jp"], said
        assert len(client.sound) > 3_200
    asked = next(each for each in ark.requests if each.method == "POST").json
    assert asked["model"] == "doubao-seed-1-8-251228" and asked["reasoning_effort"] == "minimal"
    assert asked["messages"][0]["content"].startswith("# Role: 小安")
    assert minimax.tasks[0].path == "/ws/v1/t2a_v2"
    assert minimax.tasks[0].start["voice_setting"]["voice_id"] == "Voice-of-Anon"
    assert minimax.tasks[0].start["model"] == "speech-2.8-hd"


@pytest.mark.network
@pytest.mark.timeout(360)
async def test_uvicorn(tmp_path: Path, clouds: tuple[ArkServer, MiniMaxServer]):
    """`uvicorn server.main:app` in ChatAnon's own folder, which holds a `server` too, starts us."""
    folder, port = chat(tmp_path / "chat", clouds), free_port()
    words = ("-m", "uvicorn", "server.main:app", "--host", "127.0.0.1", "--port", str(port))
    async with running(folder, port, environment(tmp_path / "home"), *words) as address:
        await talk(address, clouds)
        async with httpx.AsyncClient(trust_env=False) as http:
            told = (await http.get(f"http://127.0.0.1:{port}/characters")).json()["characters"]
        assert {"anon", "aizuchi"} <= {each["name"] for each in told}
        anons = next(each for each in told if each["name"] == "anon")
        assert anons["display_name"] == "小安 (An)" and anons["voice_id"] == "Voice-of-Anon"


@pytest.mark.network
@pytest.mark.timeout(360)
async def test_as_a_module(tmp_path: Path, clouds: tuple[ArkServer, MiniMaxServer]):
    """`python -m server.main` listens where `config.yaml` says, and ends on a signal."""
    port = free_port()
    folder = chat(tmp_path / "chat", clouds, port)
    async with running(folder, port, environment(tmp_path / "home"), "-m", "server.main") as address:
        await talk(address, clouds)
    assert not (folder / "aizuchi.yaml").exists() and not (folder / ".env").exists()


@pytest.mark.timeout(360)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_mistake_is_one_sentence(tmp_path: Path, lang: str):
    """What a person must mend is said without a traceback."""
    folder = make(tmp_path / "chat", config="server: [\n")
    env = environment(tmp_path / "home") | {"LANG": f"{lang}.UTF-8", "LC_ALL": ""}
    for words in (("-m", "server.main"), ("-m", "uvicorn", "server.main:app", "--port", "0")):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode != 0 and "Traceback" not in done.stderr
        assert "aizuchi: " in done.stderr and "config.yaml" in done.stderr


def bare(monkeypatch: pytest.MonkeyPatch, home: Path, **values: str) -> None:
    for name in (*NAMES, "OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_CONFIG"):
        monkeypatch.setenv(name, "")  # so that what is lent to the environment leaves it again
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIZUCHI_HOME", str(home))
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_what_goes_before_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The environment goes before .env, that before credentials.py; settings come from config.yaml."""
    folder = make(tmp_path / "chat")
    (folder / ".env").write_text(
        "MINIMAX_API_KEY=from-dotenv\nDOUBAO_API_KEY=from-dotenv\n", encoding="utf-8"
    )
    bare(monkeypatch, tmp_path / "home", DOUBAO_API_KEY="from-environment")
    ready = application.prepare(folder)
    assert os.environ["DOUBAO_API_KEY"] == "from-environment"
    assert os.environ["MINIMAX_API_KEY"] == "from-dotenv"
    assert os.environ["BYTEDANCE_APP_KEY"] == KEYS["app"]
    assert [each.name for each in ready.loaded.chosen["tts"]] == ["minimax", "espeak"]
    assert ready.loaded.settings.chatanon.sentence_gap_ms == 250
    assert ready.loaded.settings.server.listen == []
    assert str(ready.address) == "127.0.0.1:8765"
    assert (tmp_path / "home" / "chatanon" / "characters" / "anon" / "character_manifest.md").is_file()


def test_an_imported_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An aizuchi.yaml goes before config.yaml; credentials.py still lends the keys that are missing."""
    folder = make(tmp_path / "chat")
    (folder / "aizuchi.yaml").write_text("llm: script\ncharacter: aizuchi\n", encoding="utf-8")
    bare(monkeypatch, tmp_path / "home")
    ready = application.prepare(folder)
    assert ready.loaded.chosen["llm"][0].name == "script"
    assert [each.name for each in ready.loaded.chosen["tts"]] == ["minimax", "espeak"]
    assert not (tmp_path / "home" / "chatanon").exists()


def test_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With the five names set and no file at all it is ChatAnon: its clouds, its tokens, its port."""
    values = dict.fromkeys(NAMES, "k-0123456789") | {"VALID_API_TOKENS": "a,b"}
    bare(monkeypatch, tmp_path / "home", **values)
    ready = application.prepare(tmp_path)
    chosen = {kind: uses[0].name for kind, uses in ready.loaded.chosen.items()}
    assert (chosen["asr"], chosen["llm"], chosen["tts"]) == ("volcengine", "doubao", "minimax")
    tokens = [each.get_secret_value() for each in ready.loaded.settings.server.tokens.values()]
    assert tokens == ["a", "b"] and str(ready.address) == "0.0.0.0:8765"
    assert home(None, tmp_path, os.environ) == tmp_path / "home"
