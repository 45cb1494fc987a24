"""`aizuchi genie setup` and `check`: nothing is fetched here, and what can't be had is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aizuchi.cli import genie, main
from aizuchi.providers.tts import genie_files
from tests.providers.tts.test_genie import files


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a quick configuration."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_HOME", "AIZUCHI_CONFIG", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aizuchi.yaml").write_text("tts: tone\ndata: home\n", encoding="utf-8")
    return tmp_path


def pretend(monkeypatch: pytest.MonkeyPatch, *, has: bool, fails: str = "") -> list[list[str]]:
    """No environment is made and nothing installed; returns what would have been run."""
    ran: list[list[str]] = []

    def done(command: list[str], *, quiet: bool = False) -> str:
        if quiet:
            return "" if has else "exit code 1"
        ran.append(list(command))
        return fails

    def create(folder: Path, *, with_pip: bool) -> None:
        python = genie_files.python_in(folder.parent)
        python.parent.mkdir(parents=True)
        python.touch()

    monkeypatch.setattr(genie, "_done", done)
    monkeypatch.setattr(genie.venv, "create", create)
    return ran


def test_check_lists_what_is_missing(place: Path, capsys: pytest.CaptureFixture[str]):
    """Of the data folder, or of the voices that are chosen."""
    assert main(["genie"]) == 1
    out = capsys.readouterr().out
    assert "tts: genie is not chosen" in out and "shared data (GenieData): missing: " in out
    options = files(place)
    (place / "anon" / "vits_fp32.onnx").unlink()
    (place / "aizuchi.yaml").write_text(
        "data: home\ntts:\n  use: genie\n"
        f"  python: '{options['python']}'\n  data: '{options['data']}'\n  voices:\n    anon:\n"
        + "".join(f"      {key}: '{value}'\n" for key, value in options["voices"]["anon"].items()),
        encoding="utf-8",
    )
    assert main(["genie", "check", "--lang", "zh"]) == 1
    out = capsys.readouterr().out
    assert "anon 的模型：缺少 " in out and "vits_fp32.onnx" in out and "共用数据（GenieData）：已有" in out
    assert f"装有 genie_tts 的 Python：缺少 {sys.executable}" in out


def test_setup_says_what_could_not_be_fetched(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The command that installs, or the folder to fetch and where it goes."""
    ran = pretend(monkeypatch, has=False, fails="exit code 1")
    assert main(["genie", "setup"]) == 1
    assert "genie-tts could not be installed: exit code 1" in capsys.readouterr().err
    assert ran[0][-2:] == ["--quiet", "genie-tts"]
    pretend(monkeypatch, has=True, fails="exit code 1")
    assert main(["genie", "setup"]) == 1
    err = capsys.readouterr().err
    assert genie_files.DATA_URL in err and str(Path("home") / "genie" / "GenieData") in err


def test_setup_ends_with_the_lines_to_use_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """What is there already is left as it is."""
    ran = pretend(monkeypatch, has=True)
    (place / "home" / "genie").mkdir(parents=True)
    files(place)
    (place / "GenieData").rename(place / "home" / "genie" / "GenieData")
    assert main(["genie", "setup"]) == 0
    out = capsys.readouterr().out
    assert not ran and "use: genie" in out and genie_files.MODEL_URL in out
