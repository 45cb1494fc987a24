"""The bare names, in processes of their own: the switch, projects of every kind, the guide's snippets."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from aizuchi.cli import main
from aizuchi.compat.bitnp.enable import FOLDER

SWITCH = "import aizuchi.compat.bitnp.enable\n"


def run(project: Path, *words: str, path: str = "") -> str:
    """What a script prints; it must end well."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # Our own package is found as it is installed; the path holds what the test is about.
    source = str(FOLDER.parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (path, source)))
    environment["PYTHONIOENCODING"] = "utf-8"
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(project: Path, name: str, text: str) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")


# The guide's own lines (chapters 3 and 5.4), printed.
SNIPPETS = """
    from tokens import get_token
    glm_token = get_token("glm")
    print(glm_token)

    from prompts import get_prompt
    shumeiniang_prompt = get_prompt("shumeiniang")
    print(shumeiniang_prompt)

    from config_types import Dashscope_TTS_Config
    from tts import create_tts

    tts_config = Dashscope_TTS_Config(
        api_key="your-dashscope-api-key",
        model="dashscope-tts",
        format="wav",
        voice="zhangsan",
    )
    tts_instance = create_tts(**tts_config)
    print(tts_instance.voice, tts_instance.model)
"""
# Every name and module that scripts import, ours whichever way they are reached, and nothing of a vendor.
NAMES = """
    import sys
    from agent import Agent, AbstractAgent, BasicChattingAgent, LectureAgent, create_agent, REGISTRY
    from agent.abstract_agent import Agent as A1, EventData
    from agent.absctract_agent import Agent as A2, AbstractAgent as A3
    from agent.basic_chatting_agent import BasicChattingAgent as B
    from agent.lecture_agent import LectureAgent as L
    from config_types import AgentConfig, CompatibaleModel, Dashscope_TTS_Config, Genie_TTS_Config
    from config_types import LLM_Config, TTS_Config
    from llm_api import AbstractBot, GlmBot, OpenAIBot, create_bot, REGISTRY as BOTS
    from llm_api.abstract_bot import AbstractBot as AB
    from llm_api.glm import GlmBot as G
    from llm_api.openai import OpenAIBot as O
    from prompts import get_prompt, AVAILABLE_PROMPTS
    from stream_node import *
    from stream_node.absctract_stream_node import StreamNode as N1
    from stream_node.abstract_stream_node import StreamNode as N2
    from stream_node.accumulative_list_node import AccumulativeListNode as N3
    from stream_node.brackets_parsor_node import BracketsParsorNode as N4
    from stream_node.lambda_node import LambdaNode as N5
    from stream_node.sentence_sep_node import SentenceSepNode as N6
    from tokens import get_token, TOKENS
    from tts import AbstractTTS, DashscopeTTS, GenieTTS, create_tts, REGISTRY as VOICES
    from tts.abstract_tts import AbstractTTS as T1
    from tts.dashscope import DashscopeTTS as T2
    from tts.dashscope.dashscope_tts import DashscopeTTS as T3
    from tts.dashscope.voice_clone import *
    from tts.genie import GenieTTS as T4
    from tts.genie.compatible_api import GenieTTS as T5
    from tts.genie.setup import main as setup
    from tts.pcm2wav import pcm2wav
    import aizuchi.compat.bitnp.tts, aizuchi.compat.bitnp.agent, aizuchi.compat.bitnp.llm_api

    assert A1 is A2 is A3 is Agent is AbstractAgent is aizuchi.compat.bitnp.agent.Agent
    assert (B, L, T1) == (BasicChattingAgent, LectureAgent, AbstractTTS)
    assert (AB, G, O) == (AbstractBot, GlmBot, OpenAIBot)
    assert (N1, N3, N4, N5, N6) == (N2, AccumulativeListNode, BracketsParsorNode, LambdaNode, SentenceSepNode)
    assert T2 is T3 is DashscopeTTS and T4 is T5 is GenieTTS
    assert VOICES is aizuchi.compat.bitnp.tts.REGISTRY and BOTS is aizuchi.compat.bitnp.llm_api.REGISTRY
    assert create_voice and query_voice_list and pcm2wav(b"") and setup and EventData and REGISTRY is not BOTS
    heavy = {"dashscope", "genie_tts", "openai", "requests", "onnxruntime", "torch", "fastapi"}
    print(sorted(heavy & set(sys.modules)))
"""


def a_project(project: Path) -> None:
    """With keys and prompts in folders that hold no Python."""
    write(project, "tokens/tokens.json", json.dumps({"glm": "your-glm-personal-access-token"}))
    write(project, "prompts/shumeiniang.txt", "你是一个网协吉祥物树莓娘，你的任务是回答用户的问题。")


GUIDE = ["your-glm-personal-access-token", "你是一个网协吉祥物树莓娘，你的任务是回答用户的问题。"]
GUIDE.append("zhangsan dashscope-tts")


def test_the_guides_snippets(project: Path):
    """By the path alone, with folders of keys and prompts that are no packages."""
    a_project(project)
    write(project, "snippets.py", SNIPPETS)
    assert run(project, "snippets.py", path=str(FOLDER)).splitlines() == GUIDE


def test_from_a_folder_below(project: Path):
    """Examples stand in a folder of their own, put the project on the path, and are run from anywhere."""
    a_project(project)
    head = "import os, sys\nsys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))\n"
    write(project, "_examples/snippets.py", head + dedent(SNIPPETS))
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    script = str(project / "_examples" / "snippets.py")
    assert run(elsewhere, script, path=str(FOLDER)).splitlines() == GUIDE
    assert run(elsewhere, "-m", "aizuchi.compat.bitnp", script).splitlines() == GUIDE


@pytest.mark.parametrize("way", ["switch", "path", "module"])
def test_every_name(project: Path, way: str):
    """All imports of the original and the guide's spellings, by each of the three ways."""
    a_project(project)
    write(project, "names.py", (SWITCH if way == "switch" else "") + dedent(NAMES))
    words = ["-m", "aizuchi.compat.bitnp", "names.py"] if way == "module" else ["names.py"]
    assert run(project, *words, path=str(FOLDER) if way == "path" else "") == "[]\n"


def test_a_project_with_the_originals_own_folders(project: Path):
    """Ours come first by the switch, also where its packages can't be loaded; what only it has is found."""
    a_project(project)
    for name in ("agent", "tts", "llm_api", "tokens", "prompts", "stream_node", "config_types"):
        write(project, f"{name}/__init__.py", "raise ImportError('the original, without its packages')")
    write(
        project,
        "tts/my_voice.py",
        """
        from .abstract_tts import AbstractTTS
        from tts import REGISTRY

        class MyVoice(AbstractTTS):
            def __init__(self):
                super().__init__(format="wav")

            def synthesize(self, text: str) -> bytes:
                return text.encode()

            async def synthesize_stream(self, text: str):
                yield self.synthesize(text)

        REGISTRY["mine"] = MyVoice
        """,
    )
    lines = dedent(SNIPPETS) + 'import tts.my_voice\nprint(create_tts("mine").synthesize("hi"))\n'
    write(project, "script.py", lines)
    assert run(project, "-m", "aizuchi.compat.bitnp", "script.py").splitlines() == [*GUIDE, "b'hi'"]
    write(project, "script.py", SWITCH + lines)
    assert run(project, "script.py").splitlines() == [*GUIDE, "b'hi'"]


def test_the_originals_portals_with_our_agents(project: Path):
    """By the path alone a project's own `tokens` package is the project's; the rest is ours."""
    write(project, "tokens/__init__.py", "def get_token(token_name):\n    return 'theirs ' + token_name\n")
    write(
        project,
        "script.py",
        "from tokens import get_token\nfrom agent import Agent\nprint(get_token('glm'), Agent.__module__)\n",
    )
    printed = run(project, "script.py", path=str(FOLDER))
    assert printed == "theirs glm aizuchi.compat.bitnp.agent.abstract_agent\n"


def test_the_runner_as_a_script(project: Path):
    """`run_agent.py` is there where the project has none, and the project's own where it has one."""
    assert "--no-auto-start" in run(project, "-m", "aizuchi.compat.bitnp", "run_agent.py", "--help")
    assert "--no-auto-start" in run(project, str(FOLDER / "run_agent.py"), "--help")
    write(project, "run_agent.py", "import sys\nprint('mine', sys.argv[1:])\n")
    assert run(project, "-m", "aizuchi.compat.bitnp", "run_agent.py", "-x") == "mine ['-x']\n"


def test_which_folder(capsys: pytest.CaptureFixture[str]):
    """`aizuchi bitnp-path` prints what belongs on the path."""
    assert main(["bitnp-path"]) == 0
    assert Path(capsys.readouterr().out.strip()) == FOLDER
    assert (FOLDER / "agent" / "__init__.py").is_file()


def test_no_such_script(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """It is said, and what to write."""
    from aizuchi.compat.bitnp.__main__ import main as start

    for words, code in ((["x"], 2), (["x", "--help"], 0), (["x", "nobody.py"], 2)):
        monkeypatch.setattr(sys, "argv", words)
        assert start() == code
    told = capsys.readouterr()
    assert "SCRIPT.py" in told.out and "no script nobody.py" in told.err
