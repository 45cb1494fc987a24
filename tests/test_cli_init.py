"""`aizuchi init`: what is asked, what is written, what is left alone."""

import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aizuchi.cli import main
from aizuchi.config import Loaded, Settings, load
from aizuchi.config.describe import variables


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Answer the questions, one line each."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def written(folder: Path) -> Loaded:
    """What the written files mean, in an otherwise empty environment."""
    return load(environ={}, cwd=folder)


def uncommented(text: str) -> str:
    """Every key of the file switched on."""
    return re.sub(r"(?m)^(\s*)#(\S)", r"\1\2", text)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_yes_writes_a_configuration_of_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str
):
    """Without questions the result runs on the embedded parts, says so in its language, and is valid."""
    assert main(["init", str(tmp_path), "--yes", "--lang", lang]) == 0
    settings = written(tmp_path).settings
    assert settings.lang == lang
    assert settings.model_copy(update={"lang": ""}) == Settings()
    text = (tmp_path / "aizuchi.yaml").read_text(encoding="utf-8")
    assert ("终端消息的语言" if lang == "zh" else "language of messages") in text
    assert ("接下来" if lang == "zh" else "Next:") in capsys.readouterr().out


def test_the_file_is_read_from_the_top(tmp_path: Path):
    """What people choose comes first; where nothing serves there is nothing to replace."""
    assert main(["init", str(tmp_path), "--yes", "--lang", "en"]) == 0
    text = (tmp_path / "aizuchi.yaml").read_text(encoding="utf-8")
    choices, tuning = text.split("# ---- From here on fine tuning")
    keys = re.findall(r"(?m)^(\w+):", choices)
    assert {"server", "vad", "asr", "turn", "llm", "tts", "tools"} < set(keys)
    assert re.findall(r"(?m)^(\w+):", tuning)[0] == "hearing"
    turn = text.split("\nturn:\n")[1].split("\n\n")[0]
    assert "To choose one, `use: smart_turn`" in turn and "Instead" not in turn


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_key_is_there_with_its_default(tmp_path: Path, lang: str):
    """With every # taken away the file is valid and means the same: each key is there, with its default."""
    assert main(["init", str(tmp_path), "--yes", "--lang", lang]) == 0
    before = written(tmp_path)
    path = tmp_path / "aizuchi.yaml"
    path.write_text(uncommented(path.read_text(encoding="utf-8")), encoding="utf-8")
    after = written(tmp_path)
    assert after.settings.model_dump(exclude={"vad", "asr", "llm", "tts"}) == before.settings.model_dump(
        exclude={"vad", "asr", "llm", "tts"}
    )
    for kind, chosen in after.chosen.items():
        assert [each.options for each in chosen] == [each.options for each in before.chosen[kind]]
    text = path.read_text(encoding="utf-8")
    for name in variables():
        assert re.search(rf"(?m)^\s*{name.removeprefix('AIZUCHI_').lower().split('__')[-1]}:", text), name


def test_answers_reach_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A server, its key and the network: in YAML what may be seen, in .env what may not."""
    answer(monkeypatch, "http://127.0.0.1:11434/v1 qwen3", "sk-geheim", "network")
    assert main(["init", str(tmp_path), "--lang", "en"]) == 0
    loaded = written(tmp_path)
    options = loaded.chosen["llm"][0].options.model_dump()
    assert (options["base_url"], options["model"]) == ("http://127.0.0.1:11434/v1", "qwen3")
    server = loaded.settings.server
    assert (server.host, server.tls.on) == ("0.0.0.0", True)
    assert len(server.tokens["me"].get_secret_value()) > 20
    assert "sk-geheim" in (tmp_path / ".env").read_text(encoding="utf-8")
    assert "sk-geheim" not in (tmp_path / "aizuchi.yaml").read_text(encoding="utf-8")
    assert "sk-geheim" not in capsys.readouterr().out
    assert ".env" in (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_secrets_are_for_the_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The file with the keys can be read by nobody else."""
    answer(monkeypatch, "openai", "sk-x", "here")
    assert main(["init", str(tmp_path)]) == 0
    assert stat.S_IMODE(os.stat(tmp_path / ".env").st_mode) == 0o600


def test_openai_brings_ears_and_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """OpenAI hears and speaks too, with the embedded parts behind it; without a key there is no .env."""
    answer(monkeypatch, "openai", "", "here")
    assert main(["init", str(tmp_path)]) == 0
    chosen = written(tmp_path).chosen
    assert [[each.name for each in chosen[kind]] for kind in ("llm", "asr", "tts")] == [
        ["openai"],
        ["openai", "pocketsphinx"],
        ["openai", "espeak"],
    ]
    assert not (tmp_path / ".env").exists()


def test_wrong_answers_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """An answer that means nothing is not taken; the deaf choice of a language is told."""
    answer(monkeypatch, "gpt", "demo", "latin", "zh", "there", "here")
    assert main(["init", str(tmp_path), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "Please write demo, openai" in out and "Please answer with one of: en, zh, ja" in out
    assert "hears English only" in out


def test_answers_that_end_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Input that ends before the questions do leaves nothing half-written and exit code 2."""
    answer(monkeypatch, "demo")
    assert main(["init", str(tmp_path)]) == 2
    assert "ended early" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder in which the files exist already."""
    for name in ("aizuchi.yaml", ".env.example"):
        (tmp_path / name).write_text("# mine\n", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("*.tmp\n.env", encoding="utf-8")
    yield tmp_path


def test_nothing_is_overwritten_unasked(full: Path, monkeypatch: pytest.MonkeyPatch):
    """`--yes` keeps what is there; the question keeps it unless it is answered with yes."""
    assert main(["init", str(full), "--yes"]) == 0
    assert (full / "aizuchi.yaml").read_text(encoding="utf-8") == "# mine\n"
    answer(monkeypatch, "demo", "en", "here", "y", "")
    assert main(["init", str(full)]) == 0
    assert (full / "aizuchi.yaml").read_text(encoding="utf-8") != "# mine\n"
    assert (full / ".env.example").read_text(encoding="utf-8") == "# mine\n"
    assert main(["init", str(full), "--yes", "--force"]) == 0
    assert (full / ".env.example").read_text(encoding="utf-8") != "# mine\n"


def test_gitignore_is_only_added_to(full: Path):
    """Lines that stand in .gitignore stay, missing ones are added once."""
    for _ in range(2):
        assert main(["init", str(full), "--yes"]) == 0
    lines = (full / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert lines == ["*.tmp", ".env", "secrets.yaml", "*.pem", "*.key", "data/"]


def test_env_example_names_every_variable(tmp_path: Path):
    """All key names, all commented out."""
    assert main(["init", str(tmp_path), "--yes"]) == 0
    lines = (tmp_path / ".env.example").read_text(encoding="utf-8").splitlines()
    assert {
        f"#{name}=" for name in [*variables(), "OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_HOME"]
    } <= set(lines)
    assert all(not line or line.startswith("#") for line in lines)


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A path that is a file ends with one sentence and exit code 2."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["init", str(tmp_path / "file"), "--yes", "--lang", "en"]) == 2
    assert "can't be written" in capsys.readouterr().err
