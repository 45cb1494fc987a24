"""The command line from outside: help, exit codes, and the first minutes of a new user."""

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aizuchi.cli import COMMANDS, main
from aizuchi.cli.docs import pages
from aizuchi.server.store import SqliteStore

DOCS = Path(__file__).resolve().parents[1] / "docs"
QUICK = """\
vad: energy
llm: {use: script, first_token_ms: 0, tokens_per_second: 0, introduce: false}
tts: {use: tone, ms_per_character: 5}
data: home
timeline: {record: events}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a quick configuration, and an environment that adds nothing."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_HOME", "AIZUCHI_TOKEN", "AIZUCHI_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aizuchi.yaml").write_text(QUICK, encoding="utf-8")
    return tmp_path


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_help_names_every_command_in_both_languages(capsys: pytest.CaptureFixture[str]):
    """Without a command the help is shown, in the language that was asked for."""
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"    {name} " in out for name in COMMANDS)
    with pytest.raises(SystemExit):
        main(["talk", "--help", "--lang", "zh"])
    assert "在终端里与角色对话" in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    """`aizuchi --help` is quick because nothing but the parser is loaded."""
    code = (
        "import sys; from aizuchi.cli import main; main([]);"
        "heavy = {'pydantic', 'fastapi', 'numpy', 'ruamel.yaml', 'rich', 'uvicorn', 'websockets', 'httpx'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_module_is_the_command():
    """`python -m aizuchi` is the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "aizuchi", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.startswith("aizuchi ")


@pytest.mark.parametrize(
    "command", [["serve"], ["check"], ["talk", "--text"], ["usage"], ["models"], ["voices"]]
)
def test_a_broken_configuration_is_told_and_exit_code_2(
    place: Path, capsys: pytest.CaptureFixture[str], command: list[str]
):
    """Every command that reads the configuration says what is wrong with it, without a traceback."""
    (place / "aizuchi.yaml").write_text("server:\n  prot: 1\n", encoding="utf-8")
    assert main(command) == 2
    err = capsys.readouterr().err
    assert 'aizuchi.yaml:2: server.prot: unknown key; did you mean "port"?' in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--host", "0.0.0.0", "--port", "0"], "without any token"),
        (["serve", "--listen", "here"], '--listen expects HOST:PORT, got "here"'),
        (["serve", "--cert", "a.pem"], "--cert and --key belong together"),
        (["serve", "--cert", "a.pem", "--key", "b.pem"], "a.pem is not a file"),
        (["talk", "--text", "--wav", "x.wav"], "--text and --wav exclude each other"),
        (["talk", "--save", "x.wav"], "--save needs --wav"),
        (["talk", "--wav", "gone.wav"], "there is no recording gone.wav"),
        (["talk", "--text", "http://host.invalid:1"], "nobody answers at http://host.invalid:1"),
        (["replay", "gone.jsonl"], "there is no timeline gone.jsonl"),
        (["asr-eval", "gone"], "gone holds no recordings with references"),
        (["voices", "espeek"], '"espeek" is not chosen in this configuration'),
        (["models", "download"], "say which model"),
        (["models", "download", "moonshine"], 'model "moonshine" is unknown'),
        (["check", "--config", "gone.yaml"], "there is no configuration gone.yaml"),
    ],
)
def test_mistakes_end_with_one_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    """What the user can mend is one sentence on standard error and exit code 2."""
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_port_in_use(place: Path, capsys: pytest.CaptureFixture[str]):
    """A taken port is told by its number, with the way out."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert f"can't listen on 127.0.0.1 port {port}: it is in use" in capsys.readouterr().err


def test_an_unknown_character(place: Path, capsys: pytest.CaptureFixture[str]):
    """A character that is not there is answered with the nearest."""
    (place / "aizuchi.yaml").write_text(QUICK + "character: aizuch\n", encoding="utf-8")
    assert main(["check", "--offline"]) == 2
    assert 'character "aizuch" is unknown; did you mean "aizuchi"?' in capsys.readouterr().err


@pytest.mark.network
def test_the_first_minutes(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Talk, see what was used and what was recorded, take the recording along, and have it deleted."""
    type_in(monkeypatch, "hello", "what time is it?", "/quit", "never sent")
    assert main(["talk", "--text", "http://127.0.0.1:1"]) == 0
    out = capsys.readouterr().out
    assert "No server runs at http://127.0.0.1:1; one is started for this talk." in out
    assert "you > hello\naizuchi > Hello" in out
    assert "[current_time …]" in out and "My clock says" in out
    assert "never sent" not in out

    assert main(["usage"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    script = next(row for row in rows if "script" in row)
    assert int(script[2]) >= 2

    (timeline,) = (place / "home" / "timelines").rglob("*.jsonl")
    person = json.loads(timeline.read_text(encoding="utf-8").splitlines()[0])["person"]
    assert main(["replay", str(timeline)]) == 0
    assert 'user: "hello"' in capsys.readouterr().out
    assert main(["replay", str(timeline), "--play", "--speed", "1000"]) == 0
    played = capsys.readouterr().out
    assert "turn_begun" in played and '"text": "hello"' in played

    assert main(["data", "export", person, "--to", "mine.zip"]) == 0
    with zipfile.ZipFile(place / "mine.zip") as archive:
        assert any(name.endswith(".jsonl") for name in archive.namelist())
    type_in(monkeypatch, "n")
    assert main(["data", "delete", person]) == 1
    assert timeline.exists()
    type_in(monkeypatch, "y")
    assert main(["data", "delete", person]) == 0
    assert not timeline.exists()
    capsys.readouterr()
    assert main(["data", "delete", person]) == 0
    assert "Nothing is kept" in capsys.readouterr().out


@pytest.fixture
def waiting(place: Path) -> Path:
    """A conversation of Ann's that waits to be resumed; nothing of her was recorded."""

    async def park() -> None:
        store = SqliteStore(place / "home" / "aizuchi.sqlite3")
        await store.put("parked", "s-1", {"person": "ann", "resume": "9f86", "snapshot": {"history": []}})
        await store.close()

    asyncio.run(park())
    return place


def test_waiting_conversations_are_exported(waiting: Path, capsys: pytest.CaptureFixture[str]):
    """What waits in the store is a person's, too; the proof that lets them resume is not told."""
    assert main(["data", "export", "ann", "--to", "mine.zip"]) == 0
    with zipfile.ZipFile(waiting / "mine.zip") as archive:
        assert archive.namelist() == ["conversations.json"]
        assert json.loads(archive.read("conversations.json")) == {
            "s-1": {"person": "ann", "snapshot": {"history": []}}
        }
    assert main(["data", "delete", "ann", "--yes"]) == 0
    capsys.readouterr()
    assert main(["data", "export", "ann"]) == 0
    assert "Nothing is kept of ann" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["there.zip", "no/such/folder/x.zip", "home"])
def test_an_export_that_has_no_place(waiting: Path, capsys: pytest.CaptureFixture[str], out: str):
    """A file that is there is not overwritten, and a place that can't be written is one sentence."""
    (waiting / "there.zip").write_bytes(b"mine")
    assert main(["data", "export", "ann", "--to", out]) == 2
    assert out in one_sentence(capsys.readouterr().err)
    assert (waiting / "there.zip").read_bytes() == b"mine"


@pytest.mark.parametrize("command", [["usage"], ["data", "export", "ann"], ["data", "delete", "ann", "-y"]])
def test_a_spoiled_database(place: Path, capsys: pytest.CaptureFixture[str], command: list[str]):
    """A database that is none is one sentence which names it, not a traceback."""
    (place / "home").mkdir()
    (place / "home" / "aizuchi.sqlite3").write_bytes(b"no database" * 1000)
    assert main(command) == 1
    assert "aizuchi.sqlite3" in one_sentence(capsys.readouterr().err)


def one_sentence(printed: str) -> str:
    (line,) = (line for line in printed.splitlines() if line.startswith("aizuchi: "))
    assert "Traceback" not in printed
    return line


def test_check_offline(place: Path, capsys: pytest.CaptureFixture[str]):
    """The configuration alone can be checked, and what is allowed but hardly meant is noted."""
    (place / "aizuchi.yaml").write_text(QUICK + "server: {host: 0.0.0.0}\n", encoding="utf-8")
    assert main(["check", "--offline"]) == 0
    out = capsys.readouterr().out
    assert "The configuration is in order." in out
    assert "there are neither tokens nor `open`" in out


def test_tools_of_the_users_own(place: Path, capsys: pytest.CaptureFixture[str]):
    """Functions from a module beside the configuration are checked with it; what is wrong is named."""
    (place / "my_own_tools.py").write_text(
        "from aizuchi.tools.toolbox import tool\n@tool\ndef dice() -> int:\n    return 4\nvalue = 3\n",
        encoding="utf-8",
    )
    for target, code, said in (
        ("my_own_tools", 0, ""),
        ("my_own_tools:dice", 0, ""),
        ("my_own_tools:dize", 2, 'did you mean "dice"'),
        ("my_own_tools:value", 2, "not a function"),
        ("no_such_tools:x", 2, "No module named"),
    ):
        (place / "aizuchi.yaml").write_text(f"{QUICK}tools: {{functions: ['{target}']}}\n", encoding="utf-8")
        assert main(["check", "--offline"]) == code
        assert said in capsys.readouterr().err


def test_voices(place: Path, capsys: pytest.CaptureFixture[str]):
    """A provider that can't list its voices says how one is chosen; one with a single voice says so."""
    (place / "aizuchi.yaml").write_text("tts: [espeak, tone, openai]\n", encoding="utf-8")
    assert main(["voices"]) == 0
    out = capsys.readouterr().out
    assert "espeak does not list its voices. voices: language code" in out
    assert "tone has one voice only." in out
    assert "openai does not list its voices. voice: " in out


def test_models(place: Path, capsys: pytest.CaptureFixture[str]):
    """The list of models, and a check that finds a half-filled folder."""
    from aizuchi.providers.models import catalogue

    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert all(model.name in out for model in catalogue())
    assert main(["models", "check"]) == 0
    assert "No model is here yet" in capsys.readouterr().out
    name = catalogue()[0].name
    (place / "home" / "models" / name).mkdir(parents=True)
    assert main(["models", "check"]) == 1
    assert name in capsys.readouterr().out
    assert main(["models"]) == 0
    assert "faulty" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(pages(DOCS)))
def test_generated_pages_are_current(name: str):
    """The committed page is what the code says today; `aizuchi docs` writes it."""
    path = DOCS / name
    assert path.is_file(), f"{name} is missing; run: aizuchi docs"
    assert path.read_text(encoding="utf-8") == pages(DOCS)[name], f"{name} is stale; run: aizuchi docs"


def test_docs_writes_and_checks(place: Path, capsys: pytest.CaptureFixture[str]):
    """`docs` writes the pages, `docs --check` fails while one is stale and writes nothing."""
    assert main(["docs", "here", "--check"]) == 1
    assert not (place / "here").exists()
    assert main(["docs", "here"]) == 0
    assert main(["docs", "here", "--check"]) == 0
    (place / "here" / "configuration.md").write_text("old", encoding="utf-8")
    assert main(["docs", "here", "--check"]) == 1
    assert "stale" in capsys.readouterr().out


def test_every_key_is_in_the_reference():
    """The reference names every key of the configuration and every option of every provider of ours."""
    from aizuchi.config.describe import markdown, variables
    from aizuchi.registry import BUILTIN, KINDS, load

    text = markdown("en")
    for name in variables():
        parts = name.removeprefix("AIZUCHI_").lower().split("__")
        assert f"`{'.'.join(parts[1:] or parts)}`" in text, name
    for kind in KINDS:
        for provider in BUILTIN[kind]:
            section = text.split(f"### Options of `{kind}: {provider}`")[1].split("###")[0]
            for option in load(kind, provider).Options.model_fields:
                assert f"`{option}`" in section, (kind, provider, option)
