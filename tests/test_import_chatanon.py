"""What `aizuchi import chatanon` reads: credentials without running them, every key, every manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aizuchi.characters import load as load_character
from aizuchi.cli import importers
from aizuchi.cli.importers import Imported, chatanon
from aizuchi.cli.importers.chatanon import configuration, credentials
from aizuchi.errors import ConfigError
from tests.compat.chatanon.folder import KEYS, make


def read(path: Path, **environ: str) -> Imported:
    return chatanon.read(path, environ)


def row(imported: Imported, key: str) -> importers.Row:
    return next(each for each in imported.rows if each.key == key)


def test_a_whole_folder(tmp_path: Path):
    """Settings, providers, secrets and characters, each in our terms."""
    imported = read(make(tmp_path / "chat"))
    assert imported.secrets == {
        "BYTEDANCE_APP_KEY": KEYS["app"],
        "BYTEDANCE_ACCESS_KEY": KEYS["access"],
        "DOUBAO_API_KEY": KEYS["doubao"],
        "MINIMAX_API_KEY": KEYS["minimax"],
        "VALID_API_TOKENS": "token_of_ann,token_of_bob",
    }
    assert imported.settings == {
        "server.listen": ["127.0.0.1:8765"],
        "chatanon.sentence_gap_ms": 250,
        "log.level": "warning",
    }
    assert imported.providers == {
        "asr": [{"use": "volcengine", "piece_ms": 100}, {"use": "pocketsphinx"}],
        "llm": [{"use": "doubao", "model": "doubao-seed-1-8-251228", "reasoning_effort": "minimal"}],
        "tts": [{"use": "minimax", "model": "speech-2.8-hd", "sample_rate": 16_000}, {"use": "espeak"}],
    }
    assert list(imported.characters) == ["anon"]
    assert not imported.warnings


def test_every_key_has_a_row(tmp_path: Path):
    """Each key of the file is told once, with where it went or why it went nowhere, in two languages."""
    folder = make(tmp_path / "chat")
    imported = read(folder)
    told = {each.key for each in imported.rows}
    given = {key for key, _ in configuration._keys(configuration.parse(folder / "config.yaml"))}
    apart = {"server.host", "server.port", "characters.anon"}
    assert given - apart <= told
    assert {"server.host, server.port", "characters.anon.voice_id", "characters.anon.tts_model"} <= told
    assert len(told) == len(imported.rows)
    for each in imported.rows:
        assert each.to or all(each.note), each.key
        assert bool(each.note[0]) == bool(each.note[1])
    for secret in imported.secrets.values():
        assert all(secret not in f"{each.value}{each.to}{each.note}" for each in imported.rows)


def test_false_verification_is_kept_and_cried_out(tmp_path: Path):
    """The seed's own `false` comes over as it is, with a warning; silence means that it is checked."""
    imported = read(make(tmp_path / "a", verify=False))
    assert imported.providers["tts"][0]["verify_tls"] is False
    assert imported.warnings == [configuration.UNVERIFIED]
    folder = make(tmp_path / "b", config="models: {tts_model: speech-2.8-hd}\n")
    imported = read(folder)
    assert "verify_tls" not in imported.providers["tts"][0] and not imported.warnings


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ("wss://api.minimaxi.com/ws/v1/t2a_v2", {}),
        ("wss://api.minimax.io/ws/v1/t2a_v2", {"base_url": "wss://api.minimax.io"}),
        (
            "ws://127.0.0.1:9/ws/v1/t2a_v2",
            {"base_url": "ws://127.0.0.1:9/ws/v1/t2a_v2", "protocol": "classic"},
        ),
        (
            "wss://proxy.example/x_bidi",
            {"base_url": "wss://proxy.example/x_bidi", "protocol": "bidirectional"},
        ),
        ("http://api.minimaxi.com", {}),
    ],
)
def test_where_the_voice_is(tmp_path: Path, said: str, options: dict[str, Any]):
    """At MiniMax's own hosts the better protocol; anybody else's address keeps its own."""
    imported = read(make(tmp_path / "chat", config=f"endpoints: {{tts: '{said}'}}\n"))
    assert imported.providers["tts"][0] == {"use": "minimax"} | options


@pytest.mark.parametrize(
    ("config", "key", "to"),
    [
        ("llm: {reasoning_effort: high}", "llm.reasoning_effort", "llm.reasoning_effort"),
        ("llm: {reasoning_effort: huge}", "llm.reasoning_effort", ""),
        ("llm: {stream: true}", "llm.stream", ""),
        ("llm: {mood: good}", "llm.mood", ""),
        ("audio: {tts_sample_rate: 11025}", "audio.tts_sample_rate", ""),
        ("audio: {asr_segment_duration_ms: 500}", "audio.asr_segment_duration_ms", "asr.piece_ms"),
        ("audio: {tts_sentence_gap_seconds: -1}", "audio.tts_sentence_gap_seconds", ""),
        (
            "audio: {tts_sentence_gap_seconds: 9}",
            "audio.tts_sentence_gap_seconds",
            "chatanon.sentence_gap_ms",
        ),
        ("logging: {level: CRITICAL}", "logging.level", "log.level"),
        ("logging: {level: loud}", "logging.level", ""),
        ("ssl: {verify_tts: maybe}", "ssl.verify_tts", ""),
        ("ssl: {ssl_certfile: /nowhere.pem}", "ssl.ssl_certfile", ""),
        ("models: [1]", "models", ""),
        ("surprise: 1", "surprise", ""),
        ("characters: {tomori: {voice_id: x}}", "characters.tomori.voice_id", ""),
        ("characters: {anon: {mood: x}}", "characters.anon.mood", ""),
    ],
)
def test_single_keys(tmp_path: Path, config: str, key: str, to: str):
    """A value that no key of ours can have goes nowhere, and is told; nothing else is lost by it."""
    imported = read(make(tmp_path / "chat", config=config + "\n"))
    found = row(imported, key)
    assert found.to == to
    assert to or all(found.note)
    assert imported.providers["llm"][0]["use"] == "doubao"


@pytest.mark.parametrize(
    ("config", "environ", "listen", "warned"),
    [
        ("", {"VALID_API_TOKENS": "a"}, "0.0.0.0:8765", False),
        ("", {}, "127.0.0.1:8765", False),
        ("server: {host: 0.0.0.0, port: 9000}", {}, "0.0.0.0:9000", True),
        ("server: {host: 0.0.0.0, port: 9000}", {"VALID_API_TOKENS": "a"}, "0.0.0.0:9000", False),
        ("server: {host: '::', port: 70000}", {"VALID_API_TOKENS": "a"}, "[::]:8765", False),
    ],
)
def test_where_it_listens(tmp_path: Path, config: str, environ: dict[str, str], listen: str, warned: bool):
    """Its address is opened beside ours; to the whole network only if somebody wrote that, or has tokens."""
    folder = make(tmp_path / "chat", config=config + "\n")
    (folder / "credentials.py").unlink()
    imported = read(folder, **environ)
    assert imported.settings["server.listen"] == [listen]
    assert (configuration.NO_TOKEN in imported.warnings) is warned


def test_a_certificate_of_its_own(tmp_path: Path):
    """Both files together become ours, by their whole paths; one alone does not."""
    folder = make(tmp_path / "chat", config="ssl: {ssl_certfile: a.pem, ssl_keyfile: b.pem}\n")
    (folder / "a.pem").write_text("")
    assert "server.tls.cert" not in read(folder).settings
    (folder / "b.pem").write_text("")
    settings = read(folder).settings
    assert settings["server.tls.cert"] == str((folder / "a.pem").resolve())
    assert settings["server.tls.key"] == str((folder / "b.pem").resolve())


# -- credentials


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ('DOUBAO_API_KEY = "k1"', "k1"),
        ("DOUBAO_API_KEY: str = 'k1'", "k1"),
        ('K = "k1"\nDOUBAO_API_KEY = K', "k1"),
        ('import os\nDOUBAO_API_KEY = os.environ.get("DOUBAO_API_KEY", "k1")', "k1"),
        ('import os\nDOUBAO_API_KEY = os.getenv("DOUBAO_API_KEY", default="k1")', "k1"),
        ('import os\nDOUBAO_API_KEY = os.environ.get("DOUBAO_API_KEY") or "k1"', "k1"),
        ('DOUBAO_API_KEY = "k" "1"', "k1"),
        ('try:\n    DOUBAO_API_KEY = "k1"\nexcept ImportError:\n    pass', "k1"),
        ('DOUBAO_API_KEY = "k0"\nDOUBAO_API_KEY = "k1"', "k1"),
        ('DOUBAO_API_KEY = " k1 "', "k1"),
        ("VALID_API_TOKENS = ['a', 'b']", "a,b"),
        ("VALID_API_TOKENS = ('a', 'your_token_2', ' ')", "a"),
        ("VALID_API_TOKENS = 'a, b'", "a,b"),
        ("A = 'a'\nVALID_API_TOKENS = [A, 'b']", "a,b"),
        (
            "import os\n"
            "VALID_API_TOKENS = [t.strip() for t in os.environ.get('VALID_API_TOKENS', 'a,b').split(',')]",
            "a,b",
        ),
    ],
)
def test_credentials_that_can_be_told(tmp_path: Path, code: str, value: str):
    """Literals, names of literals, and what stands in the code as the environment's default."""
    (tmp_path / "credentials.py").write_text(code + "\n", encoding="utf-8")
    assert list(read(tmp_path / "credentials.py").secrets.values()) == [value]


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ('DOUBAO_API_KEY = open("/key").read()', credentials.COMPUTED),
        ('DOUBAO_API_KEY = decrypt("aGVsbG8=")', credentials.COMPUTED),
        ('DOUBAO_API_KEY = f"{secret}"', credentials.COMPUTED),
        ("DOUBAO_API_KEY = other", credentials.COMPUTED),
        ("VALID_API_TOKENS = ['a', make()]", credentials.COMPUTED),
        ('DOUBAO_API_KEY = ""', credentials.EMPTY),
        ("DOUBAO_API_KEY = None", credentials.EMPTY),
        ('import os\nDOUBAO_API_KEY = os.environ["DOUBAO_API_KEY"]', credentials.EMPTY),
        ('DOUBAO_API_KEY = "your_doubao_api_key"', credentials.TEMPLATE),
        ("VALID_API_TOKENS = ['your_token_1', '<token>']", credentials.TEMPLATE),
    ],
)
def test_credentials_that_cannot(tmp_path: Path, code: str, note: importers.Words):
    """What would have to be run, is empty, or is still the template's, is told and not taken."""
    (tmp_path / "credentials.py").write_text(code + "\n", encoding="utf-8")
    imported = read(tmp_path / "credentials.py")
    assert not imported.secrets and [each.note for each in imported.rows] == [note]


def test_nothing_is_run(tmp_path: Path):
    """A file that would do harm is only read."""
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'w').close()\nDOUBAO_API_KEY = 'k'\n"
    (tmp_path / "credentials.py").write_text(code, encoding="utf-8")
    assert read(tmp_path / "credentials.py").secrets == {"DOUBAO_API_KEY": "k"}
    assert not mark.exists()


def test_the_environment_goes_before(tmp_path: Path):
    """A key that the environment has with another value is told; the file's is kept in .env all the same."""
    imported = read(make(tmp_path / "chat"), DOUBAO_API_KEY="other", MINIMAX_API_KEY=KEYS["minimax"])
    assert row(imported, "DOUBAO_API_KEY").note == credentials.WINS
    assert row(imported, "MINIMAX_API_KEY").note == importers.NOTHING


def test_credentials_alone_choose_nothing(tmp_path: Path):
    """Only keys come of that file: with them in the environment the providers follow by themselves."""
    imported = read(make(tmp_path / "chat") / "credentials.py")
    assert len(imported.secrets) == 5 and not imported.providers and not imported.settings


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("credentials.py", "DOUBAO_API_KEY = = 'secret-0123'\n", "credentials.py:1: this is not Python"),
        ("credentials.py", "x = '\0'", "this is not Python"),
        ("config.yaml", "server: [\n", "this is not valid YAML"),
        ("config.yaml", "- a\n", "expected keys with values"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, text: str, message: str):
    """Said with file and line, without a word of what stands there."""
    folder = make(tmp_path / "chat")
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read(folder)
    assert "secret-0123" not in str(caught.value)


def test_nothing_of_chatanon(tmp_path: Path):
    """A folder without any of its files is a mistake."""
    with pytest.raises(ConfigError, match="nothing of ChatAnon's"):
        read(tmp_path)


# -- characters


def test_a_character(tmp_path: Path):
    """The manifest goes over to the letter; what the code tells is taken out of its literals."""
    folder = make(tmp_path / "chat")
    files = read(folder).characters["anon"]
    manifest = (folder / "prompts" / "anon" / "character_manifest.md").read_text(encoding="utf-8")
    assert files["character_manifest.md"] == manifest
    home = tmp_path / "anon"
    home.mkdir()
    for name, text in files.items():
        (home / name).write_text(text, encoding="utf-8")
    character = load_character(home)
    assert character.display_name == "小安 (An)" and character.language == "ja"
    assert character.prompt == manifest.strip()
    assert character.style.voices == {"minimax": "Voice-of-Anon"}
    assert character.emotions == ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm")
    assert character.replacements == {"小安": "アン", "live": "ライブ"}
    if hasattr(character, "subtitles"):
        assert character.subtitles == "zh"  # pyright: ignore


def test_a_manifest_alone(tmp_path: Path):
    """Without code beside it the heading is the name; plain prose gets no second language."""
    folder = tmp_path / "chat"
    (folder / "prompts" / "Tomo").mkdir(parents=True)
    (folder / "prompts" / "Tomo" / "character_manifest.md").write_text(
        "\ufeff# Role: Tomo (智)\n\nSays little.\n", encoding="utf-8"
    )
    (folder / "prompts" / "empty").mkdir()
    (folder / "prompts" / "empty" / "character_manifest.md").write_text("  \n", encoding="utf-8")
    imported = read(folder)
    assert list(imported.characters) == ["tomo"]
    text = imported.characters["tomo"]["character.yaml"]
    assert 'display_name: "Tomo (智)"' in text and "language" not in text
    assert not row(imported, "prompts/empty/character_manifest.md").to


def test_facts_beside_a_manifest(tmp_path: Path):
    """A `character.yaml` there goes before the code."""
    folder = make(tmp_path / "chat", config="llm: {stream: false}\n")
    (folder / "prompts" / "anon" / "character.yaml").write_text(
        "display_name: An\nvoice_id: Another\npronunciations: {小安: あん}\nsurprise: 1\n", encoding="utf-8"
    )
    text = read(folder).characters["anon"]["character.yaml"]
    assert "display_name: An\n" in text and "minimax: Another" in text and '"小安": "あん"' in text


def test_names():
    """Each system is one module, found by its name, with a word on itself in two languages."""
    assert "chatanon" in importers.names()
    for name in importers.names():
        assert all(importers.load(name).ABOUT)
