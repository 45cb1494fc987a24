"""The OpenAI-compatible voice against the loopback server, its faults included."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style
from aizuchi.providers.tts.openai import OpenAIVoice
from tests.loopback import sound
from tests.loopback.openai_server import OpenAIServer

pytestmark = pytest.mark.network
TEXT = "Good morning, it is a fine day."
PLAIN = Style()


@pytest.fixture
async def server():
    async with asyncio.timeout(60), OpenAIServer() as server:
        yield server


def voice(server: OpenAIServer, **options: Any) -> OpenAIVoice:
    given = {"base_url": server.base_url, "api_key": server.key, "retry_wait": 0.001}
    return OpenAIVoice(OpenAIVoice.Options.model_validate(given | options))


def sentence(text: str = TEXT, emotion: str = "") -> Sentence:
    return Sentence(1, 0, text, text, emotion=emotion)


async def speak(
    chosen: OpenAIVoice, text: str = TEXT, style: Style = PLAIN, emotion: str = ""
) -> list[Audio]:
    async with chosen, aclosing(chosen.say(sentence(text, emotion), style)) as slices:  # type: ignore[type-var]
        return [slice_ async for slice_ in slices if isinstance(slice_, Audio)]


def joined(slices: list[Audio]) -> tuple[bytes, int]:
    assert len({slice_.rate for slice_ in slices}) == 1
    assert all(len(slice_.pcm) % 2 == 0 for slice_ in slices)
    return b"".join(slice_.pcm for slice_ in slices), slices[0].rate


@pytest.mark.parametrize("fault", ["", "drip"])
@pytest.mark.parametrize("kind", ["pcm", "wav"])
async def test_plain_sound(server: OpenAIServer, kind: str, fault: str):
    """Plain samples arrive unchanged, even where the network tears them apart."""
    if fault:
        server.fault(fault)
    text = "Hi." if fault else TEXT
    pcm, rate = joined(await speak(voice(server, response_format=kind), text))
    assert (pcm, rate) == (sound.tone(text), 24_000)


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac"])
async def test_containers(server: OpenAIServer, kind: str):
    """Compressed answers are decoded to the tone and the length that the server made."""
    pcm, rate = joined(await speak(voice(server, response_format=kind)))
    seconds = len(pcm) / 2 / rate
    assert seconds == pytest.approx(len(sound.tone(TEXT)) / 2 / sound.RATE, abs=0.12)
    assert sound.pitch(pcm, rate) == pytest.approx(sound.frequency_of(TEXT), abs=2)


@pytest.mark.parametrize(
    "asked, sent", [("pcm", "mp3"), ("pcm", "wav"), ("mp3", "pcm"), ("mp3", "wav"), ("opus", "flac")]
)
async def test_the_answer_tells_its_kind(server: OpenAIServer, asked: str, sent: str):
    """A server that sends another format than it was asked for is understood by what it says it sends."""
    server.sound_kind = sent
    pcm, rate = joined(await speak(voice(server, response_format=asked)))
    assert sound.pitch(pcm, rate) == pytest.approx(sound.frequency_of(TEXT), abs=2)


@pytest.mark.parametrize(
    "claim, rate",
    [("application/octet-stream", 16_000), ("audio/pcm;rate=22050", 22_050), ("audio/pcm", 16_000)],
)
async def test_the_rate_of_plain_samples(server: OpenAIServer, claim: str, rate: int):
    """Samples without a header have the rate of the Content-Type, else that of the options."""
    server.sound_type = claim
    assert joined(await speak(voice(server, sample_rate=16_000))) == (sound.tone(TEXT), rate)


async def test_the_first_sound_does_not_wait_for_the_last(server: OpenAIServer):
    """Sound is handed on while the rest is still to come."""
    server.fault("stall", after=2)
    async with voice(server) as chosen:
        async with aclosing(chosen.say(sentence(), Style())) as slices:  # type: ignore[type-var]
            first = await anext(slices)
            assert isinstance(first, Audio) and sound.tone(TEXT).startswith(first.pcm)
        await server.requests[0].disconnected.wait()


async def test_what_is_asked(server: OpenAIServer):
    """Voice, speed and feeling reach the server; what is plain is left out."""
    style = Style(voices={"openai": "nova", "espeak": "f2"}, speed=1.5)
    await speak(voice(server, speed=2.0, instructions="Whisper.", emotions=True), "Hi.", style, "happy")
    await speak(voice(server), "Hi.")
    own = Style(emotions={"openai": {"happy": "bright and bouncy", "calm": ""}})
    for emotion in ("happy", "calm", "sad"):
        await speak(voice(server, emotions=True), "Hi.", own, emotion)
    told = [each.json.get("instructions") for each in server.requests[2:]]
    assert told == ["Feel bright and bouncy while you say it.", None, "Feel sad while you say it."]
    assert server.requests[0].json == {
        "model": "gpt-4o-mini-tts",
        "input": "Hi.",
        "voice": "nova",
        "response_format": "pcm",
        "speed": 3.0,
        "instructions": "Whisper. Feel happy while you say it.",
    }
    plain = {"model": "gpt-4o-mini-tts", "input": "Hi.", "voice": "alloy", "response_format": "pcm"}
    assert server.requests[1].json == plain


async def test_nothing_to_say(server: OpenAIServer):
    """An empty sentence makes no request."""
    assert await speak(voice(server), " ") == []
    assert server.requests == []


@pytest.mark.parametrize(
    "fault, options, message",
    [
        ({"kind": "refuse", "status": 401}, {}, "tts.openai.api_key"),
        ({"kind": "refuse", "status": 500}, {}, "HTTP 500"),
        ({"kind": "empty"}, {}, "without any sound"),
        ({"kind": "empty"}, {"response_format": "mp3"}, "without any sound"),
        ({"kind": "error"}, {}, "ordered"),
        ({"kind": "html"}, {}, "web page"),
        ({"kind": "garbage"}, {"response_format": "mp3"}, "."),
        ({"kind": "garbage"}, {"response_format": "opus"}, "."),
        ({"kind": "close", "after": 0}, {}, "broke off"),
        ({"kind": "close_head"}, {}, "without an answer"),
    ],
)
async def test_failures(server: OpenAIServer, fault: dict[str, Any], options: dict[str, Any], message: str):
    """What goes wrong is a ProviderError that says what."""
    server.fault(**fault, times=9)
    with pytest.raises(ProviderError, match=message):
        await speak(voice(server, **options))


async def test_breaking_off_in_mid_sound(server: OpenAIServer):
    """Sound that has come stays; the rest is not asked for again."""
    server.fault("close", after=3)
    heard = b""
    async with voice(server) as chosen:
        with pytest.raises(ProviderError, match="broke off"):
            async with aclosing(chosen.say(sentence(), Style())) as slices:  # type: ignore[type-var]
                async for slice_ in slices:
                    assert isinstance(slice_, Audio)
                    heard += slice_.pcm
    assert len(heard) == 3 * 1_999 // 2 * 2 and sound.tone(TEXT).startswith(heard)
    assert len(server.requests) == 1


async def test_a_further_try_helps(server: OpenAIServer):
    """A fault before the first sound is not heard."""
    server.fault("refuse", status=503)
    assert joined(await speak(voice(server)))[0] == sound.tone(TEXT)


async def test_the_hard_bound(server: OpenAIServer):
    """A sentence that never sounds ends at the time limit."""
    server.fault("stall_head")
    async with voice(server, timeout=0.05) as chosen:
        with pytest.raises(StageTimeout):
            await anext(chosen.say(sentence(), Style()))  # type: ignore[arg-type]
        await server.requests[0].disconnected.wait()


@pytest.mark.parametrize("kind", ["pcm", "mp3"])
@pytest.mark.parametrize("fault", [{"kind": "stall_head"}, {"kind": "stall", "after": 0}])
async def test_cancelling_before_the_first_sound(server: OpenAIServer, fault: dict[str, Any], kind: str):
    """A task that waits for the first sound is cancelled, and its connection closed at once."""
    server.fault(**fault)
    async with voice(server, response_format=kind) as chosen, asyncio.TaskGroup() as group:
        stream = chosen.say(sentence(), Style())
        waiting = group.create_task(anext(stream))  # type: ignore[arg-type]
        request = await server.seen(1)
        await request.complete.wait()
        waiting.cancel()
        await request.disconnected.wait()
    assert waiting.cancelled()
