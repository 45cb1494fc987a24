"""`aizuchi check` and `asr-eval`: providers that work, fail, stay silent, or take for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from aizuchi import registry
from aizuchi.audio import silence, write_wav
from aizuchi.cli import main
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import (
    Audio,
    Final,
    Hints,
    LanguageModel,
    Prompt,
    Recognizer,
    Style,
    Token,
    TurnModel,
    Voice,
)
from aizuchi.providers import keys
from aizuchi.providers.tts import espeak
from tests.speech import recording

NOISE = np.random.default_rng(1).normal(0, 3_000, 8_000).astype("<i2").tobytes()
"""Half a second that an energy detector takes for speech."""
EMBEDDED = "vad: energy\nllm: {use: script, first_token_ms: 0, tokens_per_second: 0}\ndata: home\n"


class FakeVoice(Voice):
    """Speaks, or does not, as its option says."""

    name = "fake"

    class Options(Voice.Options):
        how: str = Field("well", description="well, mute, fail, hang, late")

    async def __aenter__(self) -> Any:
        if self.options.how == "late":
            raise ConfigError("fake wants a file")
        return self

    async def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Audio]:
        if self.options.how == "fail":
            raise ProviderError("the vendor said no")
        if self.options.how == "hang":
            await asyncio.Event().wait()
        yield Audio(b"" if self.options.how == "mute" else NOISE, 16_000)


class FakeEars(Recognizer):
    """Hears what its option says, whatever was spoken."""

    name = "fake"

    class Options(Recognizer.Options):
        hears: str = Field("", description="text")

    async def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Final]:
        size = 0
        async for pcm in audio:
            size += len(pcm)
        if self.options.hears == "fail":
            raise ProviderError("no ears")
        yield Final(self.options.hears or f"{size}")


class FakeJudge(TurnModel):
    """Takes everything longer than a second for finished."""

    name = "fake"

    async def finished(self, pcm: bytes) -> float:
        return 0.9 if len(pcm) > 20_000 else 0.1


class FakeMind(LanguageModel):
    """Thinks of nothing."""

    name = "fake"

    async def think(self, prompt: Prompt) -> AsyncIterator[Token]:
        yield Token(" ")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with the fakes installed as other people's plugins."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_HOME", "AIZUCHI_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.chdir(tmp_path)
    module = ModuleType("aizuchi_fakes")
    module.__dict__.update(FakeVoice=FakeVoice, FakeEars=FakeEars, FakeMind=FakeMind, FakeJudge=FakeJudge)
    monkeypatch.setitem(__import__("sys").modules, "aizuchi_fakes", module)
    known = {"tts": "FakeVoice", "asr": "FakeEars", "llm": "FakeMind", "turn": "FakeJudge"}
    whole = registry.targets

    def targets(kind: registry.Kind) -> dict[str, str]:
        return whole(kind) | ({"fake": f"aizuchi_fakes:{known[kind]}"} if kind in known else {})

    monkeypatch.setattr(registry, "targets", targets)
    monkeypatch.setattr("aizuchi.config.loading.targets", targets)
    return tmp_path


def check(place: Path, text: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of `aizuchi check` with these settings over the embedded ones."""
    (place / "aizuchi.yaml").write_text(EMBEDDED + text, encoding="utf-8")
    code = main(["check", "--lang", "en", *arguments])
    return code, capsys.readouterr().out


def test_all_well(place: Path, capsys: pytest.CaptureFixture[str]):
    """What works is told with what it said and how long that took; exit code 0."""
    code, out = check(place, "tts: fake\nasr: {use: fake, hears: hello}\n", capsys, "--voices")
    assert code == 0
    assert "tts fake          works  0.5 s of sound at 16000 Hz; first after " in out
    assert "asr fake          works  heard “hello” of “Hello, can you hear me?”; first after " in out
    assert "llm script        works  “" in out
    assert "Everything chosen works." in out
    assert "fake has one voice only." in out


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("mute", "FAILS  gave no sound"),
        ("fail", "FAILS  the vendor said no"),
        ("hang", "FAILS  no answer within 0.05 s"),
        ("late", "FAILS  fake wants a file"),
    ],
)
def test_a_voice_that_fails(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str, said: str
):
    """One provider that fails is told with its reason, the others are tried all the same; exit code 1."""
    monkeypatch.setattr("aizuchi.server.trials.TRY", 0.05)
    code, out = check(place, f"tts: {{use: fake, how: {how}}}\nasr: {{use: fake, hears: x}}\n", capsys)
    assert code == 1
    assert said in out
    assert "asr fake          works  no voice to try it with" in out


def test_fallbacks_are_tried_too(place: Path, capsys: pytest.CaptureFixture[str]):
    """Every provider of a list is tried, and one bad one is enough for exit code 1."""
    code, out = check(place, "tts: [fake, {use: fake, how: fail}]\nasr: {use: fake, hears: fail}\n", capsys)
    assert code == 1
    assert out.count("tts fake") == 2 and "FAILS  no ears" in out
    assert "2 of 5 did not work" in out


def test_a_turn_end_model_is_tried(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """It hears a question, whole and by half; one that lacks its file says what to do."""
    ears = "tts: fake\nasr: {use: fake, hears: hello}\n"
    code, out = check(place, ears + "turn: fake\n", capsys)
    assert code == 0
    assert "turn fake          works  a question is finished to 0.90, half of it to 0.10; first after " in out
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    code, out = check(place, ears + "turn: smart_turn\n", capsys)
    assert code == 1
    assert "turn smart_turn    FAILS  its model is missing; `aizuchi models download" in out


def test_a_model_that_says_nothing(place: Path, capsys: pytest.CaptureFixture[str]):
    """A model whose whole answer is blank does not work."""
    text = EMBEDDED.replace("llm: {use: script, first_token_ms: 0, tokens_per_second: 0}", "llm: fake")
    (place / "aizuchi.yaml").write_text(text + "tts: fake\nasr: fake\n", encoding="utf-8")
    assert main(["check", "--lang", "en"]) == 1
    assert "llm fake          FAILS  gave no text" in capsys.readouterr().out


def test_a_plugin_that_cannot_be_loaded_is_told(place: Path, capsys: pytest.CaptureFixture[str]):
    """A broken plugin with another behind it is left out and named; alone it is a mistake to mend."""
    module = __import__("sys").modules["aizuchi_fakes"]
    del module.__dict__["FakeVoice"]
    code, out = check(place, "tts: [fake, tone]\nasr: {use: fake, hears: x}\n", capsys, "--offline")
    assert code == 0 and "can't be loaded" in out
    (place / "aizuchi.yaml").write_text(EMBEDDED + "tts: fake\n", encoding="utf-8")
    assert main(["check", "--offline"]) == 2
    assert "can't be loaded" in capsys.readouterr().err


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_key_that_is_missing(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lang: str
):
    """Below what failed stands where the key is made and what it costs; offline it is a note."""
    for name in ("DOUBAO_API_KEY", "ARK_API_KEY", "MINIMAX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    text = EMBEDDED.replace("llm: {use: script, first_token_ms: 0, tokens_per_second: 0}", "llm: doubao")
    (place / "aizuchi.yaml").write_text(text + "tts: minimax\nasr: fake\n", encoding="utf-8")
    line = account("llm", "doubao").line(lang)
    assert main(["check", "--lang", lang]) == 1
    out = capsys.readouterr().out
    assert f"    {line}\n" in out and f"    {account('tts', 'minimax').line(lang)}\n" in out
    assert main(["check", "--lang", lang, "--offline"]) == 0
    out = capsys.readouterr().out
    assert f"  {line}\n" in out and "llm doubao" in out
    monkeypatch.setenv("DOUBAO_API_KEY", "k")
    assert main(["check", "--lang", lang, "--offline"]) == 0
    assert line not in capsys.readouterr().out


def account(kind: str, name: str) -> keys.Account:
    found = keys.find(kind, name)
    assert found is not None
    return found


def test_a_language_nobody_hears(place: Path, capsys: pytest.CaptureFixture[str]):
    """A Chinese character before an English recogniser is noted."""
    folder = place / "people" / "mei"
    folder.mkdir(parents=True)
    (folder / "character.yaml").write_text("display_name: 小梅\nlanguage: zh\n", encoding="utf-8")
    (folder / "prompt.md").write_text("你是小梅。", encoding="utf-8")
    code, out = check(place, "characters: [people]\ncharacter: mei\n", capsys, "--offline")
    assert code == 0
    assert "Note: 小梅 speaks zh, which no chosen recogniser hears: en." in out


def test_a_data_folder_that_cannot_be(place: Path, capsys: pytest.CaptureFixture[str]):
    """A data folder that can't be made is a mistake to mend."""
    (place / "home").write_text("", encoding="utf-8")
    (place / "aizuchi.yaml").write_text(EMBEDDED, encoding="utf-8")
    assert main(["check", "--offline"]) == 2
    assert "can't be written" in capsys.readouterr().err


# ------------------------------------------------------------------ asr-eval


def recordings(folder: Path) -> None:
    """Three recordings: two with a text beside them, one in a table."""
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_wav(folder / f"{name}.wav", silence(100, 16_000), 16_000)
    (folder / "a.txt").write_text("one two\n", encoding="utf-8")
    (folder / "b.txt").write_text("One, three.\n", encoding="utf-8")
    (folder / "list.tsv").write_text("file\twords\nc.wav\tone\n", encoding="utf-8")


def test_word_error_rate(place: Path, capsys: pytest.CaptureFixture[str]):
    """Errors are summed over all recordings, those beside a text and those in a table."""
    recordings(place / "set")
    (place / "aizuchi.yaml").write_text(EMBEDDED + "asr: {use: fake, hears: one two}\n", encoding="utf-8")
    assert main(["asr-eval", "set"]) == 0
    out = capsys.readouterr().out
    assert "fake over 3 recordings" in out
    assert (
        "   0.0%  a.wav: one two" in out
        and "  50.0%  b.wav: one two" in out
        and " 100.0%  c.wav: one two" in out
    )
    assert "word error rate 40.0%: 5 words: 1 wrong, 0 lost, 1 new" in out


def test_failed_recognitions(place: Path, capsys: pytest.CaptureFixture[str]):
    """A recogniser that fails is told for each recording, and the exit code is 1."""
    recordings(place / "set")
    (place / "aizuchi.yaml").write_text(EMBEDDED + "asr: {use: fake, hears: fail}\n", encoding="utf-8")
    assert main(["asr-eval", "set", "--limit", "2"]) == 1
    assert "2 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "said"),
    [("no tab here", "line 2: expected a file name, a tab"), ("gone.wav\tx", "line 2: there is no")],
)
def test_tables_with_mistakes(place: Path, capsys: pytest.CaptureFixture[str], row: str, said: str):
    """A row that can't be used is named by its line."""
    recordings(place / "set")
    (place / "set" / "list.tsv").write_text(f"c.wav\tone\n{row}\n", encoding="utf-8")
    (place / "aizuchi.yaml").write_text(EMBEDDED + "asr: fake\n", encoding="utf-8")
    assert main(["asr-eval", "set"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_embedded_recogniser_on_a_real_recording(place: Path, capsys: pytest.CaptureFixture[str]):
    """The embedded recogniser reads the short command without an error."""
    (place / "set").mkdir()
    wav = recording("go_forward_ten_meters.wav")
    (place / "set" / "list.tsv").write_text(f"{wav}\tgo forward ten meters\n", encoding="utf-8")
    (place / "aizuchi.yaml").write_text(EMBEDDED, encoding="utf-8")
    assert main(["asr-eval", "set"]) == 0
    assert "word error rate 0.0%: 4 words" in capsys.readouterr().out


@pytest.mark.slow
def test_the_embedded_parts_work(place: Path, capsys: pytest.CaptureFixture[str]):
    """With no configuration at all every part works."""
    (place / "aizuchi.yaml").write_text("data: home\n", encoding="utf-8")
    assert main(["check", "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert out.count("正常  ") == 4 and "所选的全部正常。" in out


def test_a_character_without_a_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Before anybody talks, it is told that no voice speaks the default character's language."""
    monkeypatch.setattr(espeak, "_reads_japanese", lambda: False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aizuchi.yaml").write_text(EMBEDDED + "tts: espeak\ncharacter: anon\n", encoding="utf-8")
    assert main(["check", "--offline"]) == 0
    said = capsys.readouterr().out
    assert "アノン (Anon) speaks ja, which no chosen voice does: 93 languages" in said
    assert "zh is spoken instead." in said
    assert main(["--lang", "zh", "check", "--offline"]) == 0
    assert "改说 zh。" in capsys.readouterr().out
