"""`aizuchi import`: what it writes, what it leaves alone, what it never shows."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from aizuchi.cli import main
from aizuchi.cli.importing import table, width
from aizuchi.config import load
from tests.compat.chatanon.folder import CONFIG, KEYS, make

SECRETS = [*KEYS.values(), "token_of_ann", "token_of_bob"]
NAMES = ("BYTEDANCE_APP_KEY", "BYTEDANCE_ACCESS_KEY", "DOUBAO_API_KEY", "MINIMAX_API_KEY", "VALID_API_TOKENS")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, beside one of ChatAnon's, and an environment that adds nothing."""
    for name in (*NAMES, "OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_CONFIG", "ARK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("AIZUCHI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    make(tmp_path / "chat")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def run(capsys: pytest.CaptureFixture[str], *arguments: str, path: str = "../chat", lang: str = "en") -> str:
    """The output of a run that goes well; no secret is ever in it."""
    code = main(["import", "--lang", lang, "chatanon", path, *arguments])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert not [each for each in SECRETS if each in said.out + said.err]
    return said.out


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_first_import(place: Path, capsys: pytest.CaptureFixture[str]):
    """The YAML runs, keys are in .env for their owner's eyes, the character lives in the data folder."""
    out = run(capsys)
    yaml = text_of(place / "aizuchi.yaml")
    assert not [each for each in SECRETS if each in yaml]
    if sys.platform != "win32":
        assert stat.S_IMODE(os.stat(place / ".env").st_mode) == 0o600
    assert ".env" in text_of(place / ".gitignore")
    loaded = load(place / "aizuchi.yaml", environ=dict(os.environ))
    chosen = {kind: [each.name for each in uses] for kind, uses in loaded.chosen.items()}
    assert chosen["llm"] == ["doubao"] and chosen["tts"] == ["minimax", "espeak"]
    assert chosen["asr"] == ["volcengine", "pocketsphinx"]
    assert loaded.settings.server.listen == ["127.0.0.1:8765"]
    assert loaded.settings.chatanon.sentence_gap_ms == 250
    tokens = [each.get_secret_value() for each in loaded.settings.server.tokens.values()]
    assert tokens == ["token_of_ann", "token_of_bob"]
    assert (place.parent / "home" / "characters" / "anon" / "character.yaml").is_file()
    assert "Without effect here:" in out and "timeouts.websocket_receive" in out
    assert "Next: aizuchi check" in out and "No key yet" not in out


def test_a_second_import_changes_nothing(place: Path, capsys: pytest.CaptureFixture[str]):
    """Nothing is asked, nothing written."""
    run(capsys)
    before = {path: text_of(path) for path in place.iterdir()}
    out = run(capsys)
    assert {path: text_of(path) for path in place.iterdir()} == before
    assert out.count("as it was") == 3 and "(y/N)" not in out


def test_what_exists_is_asked_about(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Without an answer everything stays; a yes changes the keys that differ and no other."""
    mine = "# my own\nllm: {use: openai, model: m}  # mine\nserver:\n  port: 9000\n"
    (place / "aizuchi.yaml").write_text(mine, encoding="utf-8")
    (place / ".env").write_text("# keys\nOTHER=1\nexport DOUBAO_API_KEY=old\n", encoding="utf-8")
    folder = place.parent / "home" / "characters" / "anon"
    folder.mkdir(parents=True)
    (folder / "character.yaml").write_text("display_name: Mine\n", encoding="utf-8")
    out = run(capsys)
    assert "aizuchi.yaml is there already. Change in it: llm? (y/N)" in out
    assert text_of(place / "aizuchi.yaml") == mine
    assert "DOUBAO_API_KEY=old" in text_of(place / ".env") and "MINIMAX_API_KEY=" in text_of(place / ".env")
    assert text_of(folder / "character.yaml") == "display_name: Mine\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\nn\ny\n"))
    run(capsys)
    yaml = text_of(place / "aizuchi.yaml")
    assert yaml.startswith("# my own\n") and "port: 9000" in yaml and "doubao" in yaml
    assert "DOUBAO_API_KEY=old" in text_of(place / ".env")
    assert "小安" in text_of(folder / "character.yaml")


def test_force(place: Path, capsys: pytest.CaptureFixture[str]):
    """--force asks nothing; lines of others stay."""
    (place / "aizuchi.yaml").write_text("llm: script\n", encoding="utf-8")
    (place / ".env").write_text("# keys\nOTHER=1\nDOUBAO_API_KEY=old\n", encoding="utf-8")
    out = run(capsys, "--force")
    assert "(y/N)" not in out
    lines = text_of(place / ".env").splitlines()
    assert lines[:2] == ["# keys", "OTHER=1"] and f'DOUBAO_API_KEY="{KEYS["doubao"]}"' in lines
    assert "DOUBAO_API_KEY=old" not in lines
    assert load(place / "aizuchi.yaml", environ={}).chosen["llm"][0].name == "doubao"


def test_a_dry_run(place: Path, capsys: pytest.CaptureFixture[str]):
    """It shows the same table and writes nothing."""
    out = run(capsys, "--dry-run")
    assert "models.llm_model" in out and "Nothing was written" in out
    assert not list(place.iterdir()) and not (place.parent / "home").exists()


@pytest.mark.parametrize(("lang", "word"), [("en", "CAREFUL"), ("zh", "注意")])
def test_unverified_is_loud(place: Path, capsys: pytest.CaptureFixture[str], lang: str, word: str):
    """Nobody overlooks it, in either language."""
    make(place.parent / "chat", verify=False)
    out = run(capsys, lang=lang)
    assert f"!!! {word}: ssl.verify_tts" in out
    loaded = load(place / "aizuchi.yaml", environ={})
    assert getattr(loaded.chosen["tts"][0].options, "verify_tls", None) is False


def test_a_missing_key_is_told(place: Path, capsys: pytest.CaptureFixture[str]):
    """What the template still holds has to be made: where, and what it costs."""
    make(place.parent / "chat", keys={"minimax": "your_minimax_api_key"})
    out = run(capsys)
    assert "No key yet. MiniMax: make the key at https://" in out


def test_another_folder(place: Path, capsys: pytest.CaptureFixture[str]):
    """--to names it; characters go where its configuration looks for them."""
    there = place / "there"
    there.mkdir()
    (there / "aizuchi.yaml").write_text("characters: [people]\n", encoding="utf-8")
    run(capsys, "--to", "there")
    assert (there / ".env").is_file() and (there / "people" / "anon" / "character_manifest.md").is_file()
    assert not (place / "aizuchi.yaml").exists()


def test_one_file(place: Path, capsys: pytest.CaptureFixture[str]):
    """A configuration alone, or credentials alone."""
    run(capsys, path="../chat/credentials.py")
    assert (place / ".env").is_file() and not (place / "aizuchi.yaml").exists()
    run(capsys, path="../chat/config.yaml")
    assert (place / "aizuchi.yaml").is_file() and not (place.parent / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "."], 'nothing can be imported from "nobody"; there are: '),
        (["chatanon", "nowhere"], "there is nothing at nowhere"),
        (["chatanon", "."], "there is nothing of ChatAnon's at"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str):
    """One sentence and exit code 2."""
    assert main(["import", "--lang", "en", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_every_key_of_the_template_is_told(capsys: pytest.CaptureFixture[str]):
    """No key of ChatAnon's configuration passes in silence."""
    out = run(capsys)
    section = ""
    for line in CONFIG.splitlines():
        if line and not line.startswith((" ", "#")):
            section = line.rstrip(":")
        elif line.startswith("  ") and not line.startswith("   ") and section not in ("server", "characters"):
            assert f"{section}.{line.strip().partition(':')[0]}" in out
    assert "server.host, server.port" in out and "characters.anon.voice_id" in out


def test_columns():
    """A Chinese character takes two places."""
    assert width("a安b") == 4
    assert table(["k", "v"], [("安", "1"), ("abc", "2")]) == ["  k    v", "  安   1", "  abc  2"]
