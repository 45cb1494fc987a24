"""Genie TTS against a loopback server that behaves as its own, and its process with a stand-in package."""

from __future__ import annotations

import asyncio
import os
import sys
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aizuchi.errors import Busy, ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style
from aizuchi.providers.tts import genie, genie_files, genie_server
from aizuchi.providers.tts.genie import RATE, Ending, GenieVoice
from tests.loopback.genie_server import MS, GenieLoopback
from tests.loopback.sound import tone

network = pytest.mark.network

HELLO = "Hello there. How are you?"
STAND_IN = Path(__file__).with_name("genie_stand_in")
ROOT = Path(__file__).resolve().parents[3]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[GenieLoopback]:
    async with GenieLoopback() as server:
        yield server


def voice(server: GenieLoopback, **options: Any) -> GenieVoice:
    speaker = {"model": "models/anon", "language": "ja", "reference": "anon.wav", "reference_text": "はい"}
    voices = {"anon": speaker, "saki": speaker | {"language": "Japanese", "reference_language": "zh"}}
    given = {"base_url": server.url, "voices": voices, "timeout": 10.0, **options}
    return GenieVoice(GenieVoice.Options.model_validate(given))


async def said(
    chosen: GenieVoice, text: str, style: Style | None = None, got: list[Audio] | None = None
) -> bytes:
    """The sound of one sentence; `got` has the slices also when it fails."""
    got = [] if got is None else got
    async with (
        asyncio.timeout(30),
        aclosing(chosen.say(Sentence(1, 0, text, text), style or Style())) as items,
    ):
        async for item in items:
            got.append(item)
    assert all(item.rate == RATE for item in got)
    return b"".join(item.pcm for item in got)


def silence(ms: int, value: int = 0) -> bytes:
    return array("h", [value]).tobytes() * (RATE * ms // 1000)


def sound(*sentences: str) -> bytes:
    """What the server makes of them, with an even end."""
    spoken = silence(90, 5).join(tone(sentence, MS, RATE) for sentence in sentences)
    cut = Ending(RATE, 200)
    return cut.push(spoken + silence(90, 5)) + cut.end()


@network
async def test_a_sentence(server: GenieLoopback):
    """The voice is made known once; the sound is whole, cut by the server, with 200 ms behind it."""
    async with voice(server) as chosen:
        got: list[Audio] = []
        assert await said(chosen, HELLO, got=got) == sound("Hello there.", "How are you?")
        assert len(got) >= 3
        assert await said(chosen, " ...!? ") == b""
        await said(chosen, "Yes.")
        await said(chosen, "No.", Style(voices={"genie": "saki"}))
        assert chosen.languages == {"ja"} and chosen.local and chosen.ready and await chosen.warm()
        assert [name.split()[0] for name in chosen.voices()] == ["anon", "saki"]
    asked = [request.path for request in server.requests]
    assert asked.count("/load_character") == asked.count("/set_reference_audio") == 2
    assert server.characters["anon"] == {
        "character_name": "anon",
        "onnx_model_dir": "models/anon",
        "language": "ja",
    }
    assert server.references["saki"]["language"] == "zh" and server.references["anon"]["language"] == "ja"
    assert server.spoken == [HELLO, "Yes.", "No."]


@network
async def test_one_at_a_time(server: GenieLoopback):
    """The package can't bear two requests: they wait for each other, so many of them and so long."""
    async with voice(server, waiting=2) as chosen:
        async with asyncio.TaskGroup() as group:
            for text in ("One.", "Two.", "Three."):
                group.create_task(said(chosen, text))
        assert server.most == 1 and sorted(server.spoken) == ["One.", "Three.", "Two."]
        server.trouble = ["slow"] * 9
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(said(chosen, "A. B. C. D.")) for _ in range(3)]
            await asyncio.sleep(0)
            await server.seen(len(server.requests) + 1)
            with pytest.raises(Busy, match="2 wait already"):
                await said(chosen, "Late.")
            assert not any(task.done() for task in tasks[1:])
    async with voice(server, wait_timeout=0.05) as chosen, asyncio.TaskGroup() as group:
        server.trouble = ["slow"]
        first = group.create_task(said(chosen, "A. B. C. D. E. F. G. H."))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="was busy for"):
            await said(chosen, "Late.")
        await first


@network
async def test_an_interrupt_stops_it(server: GenieLoopback):
    """At once for the listener; the next sentence begins only when the server has stopped."""
    server.trouble = ["slow"]
    async with voice(server) as chosen, asyncio.timeout(20):
        async with aclosing(chosen.say(Sentence(1, 0, "A. B. C. D. E.", "A. B. C. D. E."), Style())) as items:
            await anext(items)
        assert await said(chosen, "And now?") == sound("And now?")
    assert server.stops == 1 and server.most == 1 and server.spoken == ["And now?"]


@network
async def test_closing_before_anything_came(server: GenieLoopback):
    """Whether it waits for its turn or for its first sound."""
    server.trouble = ["slow"]
    async with voice(server) as chosen, asyncio.timeout(20):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(said(chosen, HELLO))
            second = group.create_task(said(chosen, "Never."))
            while not server.together:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            second.cancel()
            first.cancel()
        assert await said(chosen, "And now?") == sound("And now?")
    assert server.spoken == ["And now?"] and server.most == 1


@network
@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("stall", "said nothing for 0.5 s", True),
        ("drop", "cannot reach", True),
        ("empty", "without any sound", True),
        ("error", r"HTTP 500\): it broke", True),
        ("flood", "does not stop", False),
    ],
)
async def test_what_goes_wrong_is_said(
    server: GenieLoopback, monkeypatch: pytest.MonkeyPatch, fault: str, message: str, retryable: bool
):
    """A ProviderError, and the next sentence is spoken."""
    monkeypatch.setattr(genie, "LARGEST", 1_000_000)
    server.trouble = [fault]
    async with voice(server, timeout=0.5) as chosen:
        with pytest.raises(ProviderError, match=message) as caught:
            await said(chosen, HELLO)
        assert caught.value.retryable == retryable
        assert await said(chosen, "And now?") == sound("And now?")
    assert server.most == 1


@network
async def test_a_server_that_forgot_the_voice(server: GenieLoopback):
    """It was restarted in between: the voice is made known again and nobody notices."""
    async with voice(server) as chosen:
        await said(chosen, "One.")
        server.trouble = ["forget"]
        assert await said(chosen, "Two.") == sound("Two.")
        server.characters.clear()
        with pytest.raises(ProviderError, match="without any sound"):
            await said(chosen, "Three.")
        assert await said(chosen, "Four.") == sound("Four.")


@network
async def test_a_voice_that_can_not_be_loaded(server: GenieLoopback):
    """The server's own reason is passed on; a reference that can't be read never ends, and is given up."""
    server.broken_models = True
    async with voice(server) as chosen:
        with pytest.raises(ProviderError, match=r"/load_character.*ONNX Model not found"):
            await said(chosen, HELLO)
    server.broken_models = False
    speaker = {"model": "m", "reference": "unreadable.wav", "reference_text": "x"}
    async with voice(server, voices={"a": speaker}, timeout=0.3) as chosen:
        with pytest.raises(ProviderError, match="said nothing for"):
            await said(chosen, HELLO)
        with pytest.raises(ProviderError, match="no voice 'b'") as caught:
            await said(chosen, HELLO, Style(voices={"genie": "b"}))
    assert not caught.value.retryable and server.stops == 1
    async with voice(server, voices={"a": speaker | {"reference": "a.mp3"}}) as chosen:
        with pytest.raises(ProviderError, match="format is not supported") as caught:
            await said(chosen, HELLO)
    assert not caught.value.retryable


@network
async def test_sound_in_drops(server: GenieLoopback):
    """Chunks of odd length join to whole samples."""
    server.trouble = ["odd"]
    async with voice(server) as chosen:
        assert await said(chosen, HELLO) == sound("Hello there.", "How are you?")


@network
async def test_a_stop_that_is_not_answered(server: GenieLoopback, monkeypatch: pytest.MonkeyPatch):
    """It does not block the lane for ever."""
    monkeypatch.setattr(genie, "STOPPING", 0.2)
    server.trouble, server.deaf = ["slow"], True
    async with voice(server) as chosen, asyncio.timeout(20):
        async with aclosing(chosen.say(Sentence(1, 0, HELLO, HELLO), Style())) as items:
            await anext(items)
        assert await said(chosen, "And now?")


async def test_nobody_there():
    """No server is a ProviderError; an address that is none needs a person."""
    speaker = {"model": "m", "reference": "a.wav", "reference_text": "x"}
    options = {"base_url": "http://127.0.0.1:9", "voices": {"a": speaker}}
    async with GenieVoice(GenieVoice.Options.model_validate(options)) as nobody:
        assert not await nobody.warm()
        with pytest.raises(ProviderError, match="cannot reach"):
            await said(nobody, HELLO)
    with pytest.raises(ConfigError, match="base_url"):
        GenieVoice(GenieVoice.Options(base_url="127.0.0.1:8000"))


# -- its own process


def files(place: Path) -> dict[str, Any]:
    """Everything that is needed, empty."""
    for name in (*genie_files.SHARED, *genie_files.PRONUNCIATION.values()):
        (place / "GenieData" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "GenieData" / name).touch()
    (place / "anon").mkdir()
    for name in genie_files.MODEL:
        (place / "anon" / name).touch()
    (place / "anon.wav").touch()
    speaker = {
        "model": str(place / "anon"),
        "language": "zh",
        "reference": str(place / "anon.wav"),
        "reference_text": "你好",
    }
    return {"python": sys.executable, "data": str(place / "GenieData"), "voices": {"anon": speaker}}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(STAND_IN), str(ROOT))))
    monkeypatch.setattr(genie_server, "POLL", 0.05)
    monkeypatch.setattr(genie_server, "PAUSE", 0.05)


def own(options: dict[str, Any], **more: Any) -> GenieVoice:
    given = {**options, "start_timeout": 60.0, "timeout": 20.0, **more}
    return GenieVoice(GenieVoice.Options.model_validate(given))


@network
async def test_a_process_of_its_own(tmp_path: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch):
    """It is started, asked, started again when it dies, and gone at the end; it never sees our secrets."""
    flag = tmp_path / "die"
    monkeypatch.setenv("STAND_IN_FLAG", str(flag))
    monkeypatch.setenv("SOME_API_KEY", "secret")
    async with own(files(tmp_path)) as chosen, asyncio.timeout(90):
        assert "SOME_API_KEY" not in chosen._server._environment
        assert await said(chosen, "你好。") == sound("你好。")
        first = chosen._server.pid
        flag.touch()
        while chosen._server.pid == first or not chosen.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert await said(chosen, "又见面了。") == sound("又见面了。")
        assert chosen._server.starts == 2
        process = chosen._server._process
        assert process is not None
    assert process.returncode is not None or await process.wait() is not None


@network
@pytest.mark.parametrize(
    ("how", "message"),
    [("dies", "the stand-in dies"), ("sleeps", "no answer within"), ("absent", "has no genie_tts")],
)
async def test_a_process_that_does_not_start(
    tmp_path: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch, how: str, message: str
):
    """What it said last is told; after three times requests are refused at once."""
    monkeypatch.setenv("STAND_IN", how)
    if how == "absent":
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
    async with own(files(tmp_path), start_timeout=0.7 if how == "sleeps" else 30.0) as chosen:
        async with asyncio.timeout(90):
            while not chosen._server._trouble:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not chosen.ready
        with pytest.raises(ProviderError, match=f"does not start.*{message}"):
            await said(chosen, "你好。")


async def test_what_is_missing_is_listed(tmp_path: Path):
    """Each file by its path, and where it comes from; nothing is started."""
    options = files(tmp_path)
    (tmp_path / "anon" / "vits_fp32.onnx").unlink()
    (tmp_path / "anon" / "prompt_encoder_fp32.onnx").touch()
    (tmp_path / "GenieData" / "speaker_encoder.onnx").unlink()
    (tmp_path / "anon.wav").rename(tmp_path / "anon.mp3")
    options["voices"]["anon"]["reference"] = str(tmp_path / "anon.mp3")
    with pytest.raises(ConfigError) as caught:
        async with own(options):
            pass
    for said_ in (
        "speaker_encoder.onnx",
        genie_files.DATA_URL,
        "vits_fp32.onnx",
        "prompt_encoder_fp16.bin",
        genie_files.MODEL_URL,
        "anon.mp3 as one of .aif",
        "aizuchi genie setup",
    ):
        assert said_ in str(caught.value)
    assert "缺少文件" in caught.value.zh
    for changed, message in (
        ({"python": ""}, "genie setup"),
        ({"voices": {}}, "no voices"),
        ({"voice": "saki"}, "is not among"),
        ({"data": str(tmp_path / "nowhere")}, "nowhere"),
    ):
        with pytest.raises(ConfigError, match=message):
            async with own({**options, **changed}):
                pass


# -- the end of a sentence


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("behind", [0, 5, 500])
def test_every_sentence_ends_alike(step: int, behind: int):
    """However long the silence behind it is, and however it is cut; silence inside is left as it is."""
    loud = array("h", [0] * 3 + [900, -11] + [3] * 400 + [11]).tobytes()
    ending = Ending(1000, 200)
    whole = loud + array("h", [-10] * behind).tobytes()
    made = b"".join(ending.push(whole[at : at + step]) for at in range(0, len(whole), step))
    assert made == loud
    assert ending.end() == array("h", [-10] * min(behind, 200) + [0] * max(0, 200 - behind)).tobytes()
