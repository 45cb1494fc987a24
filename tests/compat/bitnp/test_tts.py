"""Voices: built-in ones against loopback vendors, users' own in every form, and WAV files for the page."""

import asyncio
import io
import struct
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from aizuchi.compat.bitnp.agent.wav_files import LARGEST, SILENT, seconds, spoken
from aizuchi.compat.bitnp.config_types import Dashscope_TTS_Config
from aizuchi.compat.bitnp.tts import REGISTRY, AbstractTTS, DashscopeTTS, GenieTTS, create_tts
from aizuchi.compat.bitnp.tts.dashscope.voice_clone import create_voice, query_voice_list
from aizuchi.compat.bitnp.tts.either_way import pieces, whole
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers.tts.genie_files import python_in
from tests.compat.bitnp.voices import VOICES, PlainVoice, sound
from tests.loopback import cosyvoice_server, enrollment_server, genie_server
from tests.loopback.cosyvoice_server import CosyVoiceServer
from tests.loopback.enrollment_server import EnrollmentServer
from tests.loopback.genie_server import GenieLoopback
from tests.loopback.qwen_tts_server import KEY, MS, QwenTtsServer
from tests.loopback.sound import tone

TICK = b"\x01\x02" * 240
"""10 ms of sound."""
VC = "qwen-tts-vc-me"
"""A cloned voice, as the vendor names them."""


@pytest.fixture
async def qwen(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[QwenTtsServer]:
    async with QwenTtsServer() as server:
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", f"{server.host}/api-ws/v1/inference")
        yield server


def said(text: str) -> bytes:
    """What the loopback server makes of a text."""
    return tone(text, MS, 24_000)


async def collect(stream: Any) -> list[bytes]:
    async with aclosing(stream) as items:
        return [item async for item in items]


def samples(file: bytes) -> tuple[int, bytes]:
    """Rate and sound of a file, as a strict reader sees it."""
    with wave.open(io.BytesIO(file), "rb") as read:
        assert (read.getnchannels(), read.getsampwidth()) == (1, 2)
        return read.getframerate(), read.readframes(read.getnframes())


# ------------------------------------------------------------------ DashScope


@pytest.mark.network
async def test_dashscope_streams(qwen: QwenTtsServer):
    """Sound comes in slices; the session says what is wanted."""
    voice = DashscopeTTS(KEY, voice=VC)
    slices = await collect(voice.synthesize_stream("你好，我是树莓娘", 0.1))
    assert len(slices) > 1 and b"".join(slices) == said("你好，我是树莓娘")
    assert (voice.format, voice.sample_rate, voice.channels, voice.bits_per_sample) == ("pcm", 24000, 1, 16)
    session = qwen.sessions[0]
    assert (session.model, session.text) == ("qwen3-tts-vc-realtime-2026-01-15", "你好，我是树莓娘")
    assert (session.settings["voice"], session.settings["sample_rate"]) == (VC, 24000)


@pytest.mark.network
async def test_dashscope_either_way(qwen: QwenTtsServer):
    """With a running loop a coroutine, without one the bytes; calls may overlap, and share connections."""
    voice = DashscopeTTS(api_key=KEY, voice=VC)
    assert await voice.synthesize("你好") == said("你好")
    assert await asyncio.to_thread(voice.synthesize, "你好吗") == said("你好吗")
    assert qwen.handshakes == 1
    texts = ["好" * n for n in (7, 2, 9)]
    made = await asyncio.gather(*(voice.synthesize(text, chunk_delay=0.5) for text in texts))
    assert made == [said(text) for text in texts]


@pytest.mark.network
async def test_the_guides_call(qwen: QwenTtsServer):
    """As the guide writes it, undeclared format included; honoured where it arrives."""
    config = Dashscope_TTS_Config(
        api_key=KEY,
        model="dashscope-tts",
        format="wav",  # pyright: ignore
        voice="zhangsan",
    )
    voice = create_tts(**config)
    assert isinstance(voice, DashscopeTTS) and voice.format == "pcm"
    assert (voice.model, voice.voice) == ("dashscope-tts", "zhangsan")
    with pytest.raises(ProviderError, match="zhangsan"):  # which no vendor has
        await voice.synthesize("你好")
    voice.voice = "Cherry"
    assert await voice.synthesize("你好") == said("你好")
    given = create_tts(**(config.model_dump() | {"voice": "Cherry"}))
    assert given.format == "wav"
    assert samples(await given.synthesize("你好")) == (24000, said("你好"))
    assert create_tts(**(config.model_dump() | {"format": "opus"})).format == "pcm"


@pytest.mark.parametrize("text", ["", "？？？", " \n", "……！"])
async def test_nothing_to_say(text: str):
    """Mere punctuation is one empty slice, and no vendor is asked."""
    voice = DashscopeTTS(KEY, voice="v")
    assert await collect(voice.synthesize_stream(text)) == [b""]
    assert await voice.synthesize(text) == b""


@pytest.mark.network
@pytest.mark.parametrize(
    ("trouble", "told"), [("error", "it broke"), ("close", "closed"), ("garbage", "sent"), ("odd", "sent")]
)
async def test_dashscope_fails(qwen: QwenTtsServer, trouble: str, told: str):
    """What goes wrong is raised, and does not hang; the next sentence is spoken."""
    qwen.trouble.append(trouble)
    voice = DashscopeTTS(KEY, voice=VC)
    with pytest.raises(ProviderError, match=told) as failed:
        await voice.synthesize("你好你好")
    assert KEY not in str(failed.value)
    assert await voice.synthesize("你好") == said("你好")


@pytest.mark.network
async def test_dashscope_refuses(qwen: QwenTtsServer):
    """A wrong key, and none."""
    with pytest.raises(ProviderError, match="refused the key"):
        await DashscopeTTS("sk-wrong", voice=VC).synthesize("你好")
    with pytest.raises(ProviderError, match="no key"):
        await DashscopeTTS("", voice=VC).synthesize("你好")


@pytest.mark.network
async def test_closing_silences_the_vendor(qwen: QwenTtsServer):
    """Who stops listening stops the vendor, by its connection if it does not hear."""
    qwen.trouble.append("stall")
    qwen.deaf = True
    stream = DashscopeTTS(KEY, voice=VC).synthesize_stream("你好你好")
    assert await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(30):
        await qwen.sessions[0].closed.wait()


@pytest.mark.network
async def test_cosyvoice_by_its_models_name(monkeypatch: pytest.MonkeyPatch):
    """A model of the other family is asked at that family's address."""
    async with CosyVoiceServer() as server:
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", server.url)
        voice = DashscopeTTS(cosyvoice_server.KEY, voice="longanyang", model="cosyvoice-v3-flash")
        assert len(await voice.synthesize("你好")) == 48 * cosyvoice_server.MS * 2
        assert server.tasks[0].parameters["voice"] == "longanyang"


@pytest.mark.network
async def test_voice_cloning(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """A recording becomes a voice, which then stands in the list."""
    key = enrollment_server.KEY
    sample = project / "me.mp3"
    sample.write_bytes(b"sound")
    async with EnrollmentServer() as server:
        monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", f"http://127.0.0.1:{server.port}/api/v1")
        voice = await asyncio.to_thread(create_voice, key, str(sample), "shumeiniang")
        assert voice.startswith("qwen-tts-vc-shumeiniang-voice-")
        model = "qwen3-tts-vc-realtime-2026-01-15"
        listed = await asyncio.to_thread(query_voice_list, key)
        assert [(each["voice"], each["target_model"]) for each in listed] == [(voice, model)]
        assert await asyncio.to_thread(query_voice_list, key, 10, 1) == []
        assert voice in capsys.readouterr().out
        with pytest.raises(RuntimeError, match="key is not accepted"):
            await asyncio.to_thread(create_voice, "sk-wrong", str(sample), "x")
        with pytest.raises(RuntimeError, match="can't be the name"):
            await asyncio.to_thread(create_voice, key, str(sample), "not a name")
        server.faults.append("garbage")
        with pytest.raises(RuntimeError, match=r"list.* failed"):
            await asyncio.to_thread(query_voice_list, key)
    with pytest.raises(RuntimeError, match="cannot reach"):
        await asyncio.to_thread(query_voice_list, key)
    with pytest.raises(FileNotFoundError):
        create_voice(key, str(project / "nobody.mp3"), "x")


# ------------------------------------------------------------------ Genie


def genie(model: str = "models/me", reference: str = "ref.wav") -> GenieTTS:
    return GenieTTS(model, "zh", reference, "蒙德有很多风车呢。", "zh")


def genie_says(text: str) -> bytes:
    """What the loopback server makes of a text, 200 ms of silence behind it."""
    return tone(text, genie_server.MS, 32_000) + (b"\5\0" * 32 * genie_server.TAIL_MS).ljust(12_800, b"\0")


@pytest.mark.network
async def test_genie(monkeypatch: pytest.MonkeyPatch):
    """Loaded once, with its recording; 32 kHz, 200 ms of silence; several voices don't get mixed up."""
    async with GenieLoopback() as server:
        monkeypatch.setenv("GENIE_URL", server.url)
        voice, other = genie(), genie("models/other")
        assert samples(await voice.synthesize("你好")) == (32_000, genie_says("你好"))
        assert samples(await asyncio.to_thread(voice.synthesize, "你好。再见")) == (
            32_000,
            genie_says("你好。再见"),
        )
        paths = [request.path for request in server.requests]
        assert paths == ["/load_character", "/set_reference_audio", "/tts", "/tts"]
        assert server.characters[voice.speaker_name]["onnx_model_dir"] == "models/me"
        assert server.references[voice.speaker_name] == {
            "character_name": voice.speaker_name,
            "audio_path": "ref.wav",
            "audio_text": "蒙德有很多风车呢。",
            "language": "zh",
        }
        assert await voice.synthesize("？") == b""
        made = await asyncio.gather(*(each.synthesize("一起") for each in (voice, other, voice)))
        assert [samples(file)[1] for file in made] == [genie_says("一起")] * 3
        assert server.most == 1
    with pytest.raises(ProviderError, match="genie"):
        await genie().synthesize("你好")


async def test_genie_is_missing(monkeypatch: pytest.MonkeyPatch, project: Path):
    """What is not there is told with what brings it: first Genie itself, then its files and the voice's."""
    monkeypatch.setenv("AIZUCHI_HOME", str(project / "home"))
    with pytest.raises(ConfigError, match=r"tts/genie/setup\.py"):
        await genie().synthesize("你好")
    python = python_in(project / "home" / "genie")
    python.parent.mkdir(parents=True)
    python.touch()
    with pytest.raises(ConfigError, match=r"GenieData.*models.me.*ref.wav"):
        await genie().synthesize("你好")


def test_genie_does_not_stream():
    with pytest.raises(NotImplementedError):
        genie().synthesize_stream("你好")


# ------------------------------------------------------------------ everybody's


def test_pcm2wav():
    """44 bytes of header, then the samples; a strict reader agrees."""
    assert samples(pcm2wav(TICK)) == (24000, TICK)
    assert len(pcm2wav(TICK)) == 44 + len(TICK)
    with wave.open(io.BytesIO(pcm2wav(bytes(24), 48000, 2, 24)), "rb") as read:
        assert read.getparams()[:4] == (2, 3, 48000, 4)


def test_the_base_class():
    """`format`, and the shape of samples where they are bare."""
    bare = PlainVoice("pcm")
    assert (bare.sample_rate, bare.channels, bare.bits_per_sample) == (24000, 1, 16)
    assert not hasattr(PlainVoice("wav"), "sample_rate")
    with pytest.raises(TypeError):
        AbstractTTS("wav")  # pyright: ignore


def test_the_registry(monkeypatch: pytest.MonkeyPatch):
    """Voices by name, a user's own among them."""
    monkeypatch.setitem(REGISTRY, "mine", PlainVoice)
    assert isinstance(create_tts("mine", format="wav"), PlainVoice)
    assert isinstance(create_tts(tts_method_name="dashscope", api_key="k", voice="v"), DashscopeTTS)
    for wrong in ({"tts_method_name": "nobody"}, {"gpt_weights_path": "x"}):
        with pytest.raises(ValueError, match="one of genie, dashscope, aizuchi, mine"):
            create_tts(**wrong)


@pytest.mark.parametrize("kind", ["plain", "async", "coroutine", "generator"])
async def test_users_voices_in_every_form(kind: str):
    """Plain, async or between: the sound is the same, as a whole and in pieces."""
    voice = VOICES[kind]()
    assert await whole(voice, "你好吗") == sound("你好吗")
    assert b"".join(await collect(pieces(voice, "你好吗"))) == sound("你好吗")


async def test_a_plain_voice_does_not_stop_the_loop():
    """It runs in a thread, while the loop goes on."""
    begun, gate = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Slow(PlainVoice):
        def synthesize(self, text: str) -> bytes:
            loop.call_soon_threadsafe(begun.set)
            assert gate.wait(30)
            return b"done"

    async with asyncio.TaskGroup() as group:
        task = group.create_task(whole(Slow(), "你好"))
        async with asyncio.timeout(30):
            await begun.wait()
        gate.set()
    assert task.result() == b"done"


# ------------------------------------------------------------------ for the page


async def files(voice: Any, text: str, stream: bool = True) -> list[bytes]:
    return await collect(spoken(voice, text, stream=stream))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("kind", "format"),
    [("plain", "pcm"), ("plain", "wav"), ("async", "pcm"), ("async", "wav"), ("generator", "pcm")],
)
async def test_files_for_the_page(kind: str, format: str, stream: bool):
    """Whole WAV files, whose sound joined is the voice's; one a piece where it streams."""
    made = await files(VOICES[kind](format), "你好吗", stream)
    assert {samples(file)[0] for file in made} == {24000}
    assert b"".join(samples(file)[1] for file in made) == sound("你好吗")
    assert len(made) > 1 if stream else len(made) == 1
    assert sum(map(seconds, made)) == pytest.approx(0.03)


async def test_a_voice_that_fails(caplog: pytest.LogCaptureFixture):
    """What it gave is kept; where it gave nothing, a file without sound stands for it."""
    assert await files(VOICES["broken"](), "你好") == [pcm2wav(sound("你"))]
    assert await files(VOICES["broken"](), "你好", False) == [SILENT]
    assert "lost my voice" in caplog.text and "no voice today" in caplog.text


async def test_punctuation_asks_no_voice():
    assert await files(VOICES["broken"](), "？？？") == [SILENT]


class Given(PlainVoice):
    """Gives what it was told to."""

    def __init__(self, format: str, *given: bytes, **shape: int) -> None:
        AbstractTTS.__init__(self, format, **shape)
        self.given = given

    def synthesize(self, text: str) -> bytes:
        return b"".join(self.given)

    async def synthesize_stream(self, text: str) -> AsyncIterator[bytes]:
        for each in self.given:
            yield each


async def test_odd_slices_and_shapes():
    """Half a sample waits for its other half; two channels become one; nothing at all is a silent file."""
    made = await files(Given("pcm", b"\x01", b"\x00\x02", b"\x00"), "hi")
    assert b"".join(samples(file)[1] for file in made) == b"\x01\x00\x02\x00"
    stereo = struct.pack("<4h", 10, 30, -10, -30)
    assert await files(Given("pcm", stereo, channels=2, sample_rate=16_000), "hi") == [
        pcm2wav(struct.pack("<2h", 20, -20), 16_000)
    ]
    assert await files(Given("pcm"), "hi") == [SILENT]
    assert await files(Given("wav", b""), "hi", False) == [SILENT]


async def test_wav_that_the_page_could_not_play():
    """Streaming lengths, stereo and files cut in pieces are made anew; a good file travels untouched."""
    head = bytearray(pcm2wav(b"", 16_000))
    head[4:8] = head[40:44] = b"\xff\xff\xff\xff"
    made = await files(Given("wav", bytes(head) + TICK, TICK), "hi")
    assert [samples(file) for file in made] == [(16_000, TICK)] * 2
    wide = pcm2wav(struct.pack("<4h", 10, 30, -10, -30), 16_000, 2)
    assert await files(Given("wav", wide), "hi") == [pcm2wav(struct.pack("<2h", 20, -20), 16_000)]
    good = pcm2wav(TICK, 32_000)
    assert await files(Given("wav", good), "hi") == [good]
    assert await files(Given("wav", b"no wav at all"), "hi") == [SILENT]


async def test_mp3():
    """What the page cannot play is decoded."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp3") as out:
        stream = out.add_stream("mp3", rate=24_000)
        tone = (8_000 * np.sin(np.arange(24_000) / 10)).astype("<i2")
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.rate = 24_000
        out.mux([*stream.encode(frame), *stream.encode(None)])
    made = await files(Given("mp3", held.getvalue()), "hi", False)
    assert sum(map(seconds, made)) == pytest.approx(1.0, abs=0.15)
    assert samples(made[0])[0] == 24_000


async def test_long_sound_is_cut():
    """No file is larger than what a receiver takes in one message."""
    long = TICK * 4_000
    for voice in (Given("pcm", long), Given("wav", pcm2wav(long))):
        made = await files(voice, "hi", False)
        assert max(map(len, made)) <= LARGEST + 44
        assert b"".join(samples(file)[1] for file in made) == long
