"""`aizuchi voices clone`, `list` and `delete`, against the loopback server of the vendor."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from aizuchi.cli import main
from aizuchi.config import load
from tests.loopback.enrollment_server import KEY, EnrollmentServer
from tests.providers.cloning.test_sample import recording, speech

pytestmark = pytest.mark.network

MODEL = "qwen3-tts-vc-realtime-2026-01-15"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EnrollmentServer]:
    async with EnrollmentServer() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: EnrollmentServer) -> Path:
    """A folder to be in, with a configuration that speaks with both families, and a good recording."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_HOME", "AIZUCHI_CONFIG", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("aizuchi.providers.cloning.dashscope.POLL", 0.01)
    (tmp_path / "aizuchi.yaml").write_text(
        "tts:\n"
        f"  - {{use: qwen_tts, base_url: '{server.base_url}'}}\n"
        f"  - {{use: cosyvoice, base_url: '{server.base_url}'}}\n"
        "  - tone\n",
        encoding="utf-8",
    )
    recording(tmp_path / "good.wav", speech(14))
    return tmp_path


async def run(*words: str, typed: str = "") -> int:
    """The command, while the server goes on."""
    before, sys.stdin = sys.stdin, io.StringIO(typed)
    try:
        async with asyncio.timeout(60):
            return await asyncio.to_thread(main, ["voices", *words])
    finally:
        sys.stdin = before


async def test_a_voice_is_cloned_and_used(
    place: Path, server: EnrollmentServer, capsys: pytest.CaptureFixture[str]
):
    """What the sample is like is said, then the voice and the lines that use it, which are valid YAML."""
    assert await run("clone", "good.wav", "--name", "anon") == 0
    out = capsys.readouterr().out
    (made,) = server.voices
    assert made.sample == (place / "good.wav").read_bytes() and made.model == MODEL
    assert "14.0 s of wav, 24000 Hz, mono" in out and "consent" in out and f"The voice is {made.id}" in out
    lines = out.partition("in aizuchi.yaml:\n")[2].partition("or for one")[0]
    yaml = "\n".join(line.removeprefix("  ") for line in lines.splitlines())
    (place / "aizuchi.yaml").write_text(yaml + "\n", encoding="utf-8")
    (chosen,) = load(None, lang="en").chosen["tts"]
    assert (chosen.name, chosen.options.model_dump()["voice"]) == ("qwen_tts", made.id)
    assert f"voices: {{qwen_tts: {made.id}}}" in out


async def test_the_other_family(place: Path, server: EnrollmentServer, capsys: pytest.CaptureFixture[str]):
    """Named by its provider; a public address is taken unseen, and another model is obeyed."""
    words = (
        "https://example.com/a.wav",
        "--name",
        "anon",
        "--provider",
        "cosyvoice",
        "--model",
        "cosyvoice-v2",
    )
    assert await run("clone", *words) == 0
    out = capsys.readouterr().out
    assert "can't be looked at here" in out and "use: cosyvoice" in out and "model: cosyvoice-v2" in out
    assert server.voices[0].family == "voice-enrollment" and server.voices[0].model == "cosyvoice-v2"


async def test_a_bad_sample_is_not_sent(
    place: Path, server: EnrollmentServer, capsys: pytest.CaptureFixture[str]
):
    """Unless it is forced; each fault is a line, in the user's language."""
    recording(place / "bad.wav", speech(2, level=-55), rate=16_000)
    assert await run("clone", "bad.wav", "--name", "anon") == 2
    out = capsys.readouterr().out
    assert "! It is too short" in out and "! It is too quiet" in out and "! It is sampled at 16000 Hz" in out
    assert "--force" in out and not server.requests
    assert await run("clone", "bad.wav", "--name", "anon", "--lang", "zh") == 2
    assert "! 声音太小" in capsys.readouterr().out
    assert await run("clone", "bad.wav", "--name", "anon", "--force") == 0
    assert len(server.voices) == 1


async def test_what_the_user_must_mend(
    place: Path, server: EnrollmentServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One line each, and nothing sent."""
    (place / "text.wav").write_text("no sound", encoding="utf-8")
    for words, said in (
        (("clone",), "say which recording"),
        (("clone", "good.wav"), "--name NAME (1 to 16 letters, digits and _)"),
        (("clone", "good.wav", "--name", "an on"), "can't be the name"),
        (("clone", "missing.wav", "--name", "a"), "missing.wav can't be read"),
        (("clone", "text.wav", "--name", "a"), "no recording that can be read"),
        (("clone", "good.wav", "--name", "a", "--provider", "espeak"), '"espeak" does not clone voices'),
        (("delete",), "say which voice"),
    ):
        assert await run(*words) == 2
        assert said in capsys.readouterr().err
    assert not server.requests
    (place / "aizuchi.yaml").write_text("tts: tone\n", encoding="utf-8")
    assert await run("list") == 2
    assert "Choose cosyvoice, qwen_tts for tts" in capsys.readouterr().err
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    assert await run("list", "--provider", "qwen_tts") == 2
    assert "DASHSCOPE_API_KEY" in capsys.readouterr().err


async def test_list_and_delete(place: Path, server: EnrollmentServer, capsys: pytest.CaptureFixture[str]):
    """Both families in one table, or as JSON; deleting asks first, of the family that has the voice."""
    assert await run("list") == 0
    assert "No voice was cloned yet." in capsys.readouterr().out
    assert await run("clone", "good.wav", "--name", "anon", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["provider"], told["status"]) == (server.voices[0].id, "qwen_tts", "ready")
    server.polls = 0
    assert await run("clone", "good.wav", "--name", "saki", "--provider", "cosyvoice") == 0
    capsys.readouterr()
    assert await run("list") == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["voice", "provider", "model", "made", "state"] and len(table) == 3
    assert await run("list", "--json", "--provider", "cosyvoice") == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert only["model"] == "cosyvoice-v3-flash" and only["status"] == "ready"
    assert await run("delete", only["id"], typed="n\n") == 1
    assert "Nothing was deleted." in capsys.readouterr().out and len(server.voices) == 2
    assert await run("delete", only["id"], typed="y\n") == 0
    assert await run("delete", told["id"], "--yes") == 0
    assert not server.voices and "Deleted" in capsys.readouterr().out
    assert await run("delete", told["id"], "--yes") == 2
    assert "there is no voice" in capsys.readouterr().err


async def test_a_vendor_that_fails(place: Path, server: EnrollmentServer, capsys: pytest.CaptureFixture[str]):
    """One line without the key."""
    server.faults = ["busy", "garbage", "drop"]
    for said in ("too many requests", "no answer", "cannot reach"):
        assert await run("clone", "good.wav", "--name", "anon") == 1
        err = capsys.readouterr().err
        assert said in err and KEY not in err


async def test_the_command_without_an_action(place: Path, capsys: pytest.CaptureFixture[str]):
    """It still lists the vendors' own voices, of all or of one."""
    assert await run() == 0
    out = capsys.readouterr().out
    assert "qwen_tts does not list its voices. voice: " in out and "tone has one voice only." in out
    assert await run("tone") == 0
    assert capsys.readouterr().out == "tone has one voice only.\n"


def test_a_sample_for_these_tests_is_good():
    """Or they would prove nothing."""
    assert np.abs(speech(14)).max() < 0.999
