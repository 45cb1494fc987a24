"""Real recorded speech goes in over the native protocol; the right words and real speech come out."""

import asyncio
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aizuchi.client import Client, Sound
from aizuchi.wire.native import down
from tests.e2e import ears
from tests.e2e.server import Server
from tests.e2e.talking import sound_of, spoken, talk, texts_of
from tests.speech import recording, speech
from tests.wire.independent import Plain

pytestmark = pytest.mark.network

GO = "go_forward_ten_meters.wav"
WORDS = "go forward ten meters"
REPLY = "Going forward ten meters."

CHUNKS = {
    "20 ms": [640],
    "30 ms": [960],
    "40 ms": [1280],
    "odd": [2, 666, 1482, 38, 6398, 214],
    "200 ms": [6400],
}
"""Bytes a chunk; `odd` takes them in turn."""


async def test_our_client_is_heard_and_answered(embedded: Server):
    """A recording in real time: its words, partials before them, a spoken reply of the right length."""
    finals: list[str] = []
    partials: list[str] = []
    sounds: list[Sound] = []
    states: list[str] = []
    text, told = "", None
    async with asyncio.timeout(90), Client.connect(embedded.url, want=("stream", "metrics")) as client:
        await client.listen()
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(client.stream_wav(recording(GO), tail_ms=60_000))
            async for event in client:
                match event:
                    case down.AsrPartial(text=partial):
                        partials.append(partial)
                    case down.AsrFinal(text=final):
                        finals.append(final)
                        speaking.cancel()
                    case down.AssistantTextDelta(delta=delta):
                        text += delta
                    case Sound():
                        sounds.append(event)
                    case down.StateUpdate(state=state):
                        states.append(state)
                    case down.TtsAudioEnd(duration_ms=ms):
                        told = ms
                    case down.Metrics(outcome="finished"):
                        break
                    case _:
                        pass
    assert finals == [WORDS]
    assert len(partials) >= 2 and len(set(partials)) == len(partials)
    assert text == REPLY
    assert states == ["listening", "thinking", "speaking", "idle"]
    pcm, rate = b"".join(each.pcm for each in sounds), sounds[0].rate
    ms = len(pcm) / 2 / rate * 1000
    assert told is not None and abs(ms - told) <= 20
    assert 900 < ms < 4_000, "four words take between one and four seconds"
    assert await ears.sentence(pcm, rate) == ears.GOING


@pytest.mark.parametrize("audio", ["base64", "binary"])
async def test_a_stranger_is_heard_and_answered(embedded: Server, audio: str):
    """A client written from the document alone gets the same, with its sound in text or binary frames."""
    async with asyncio.timeout(90), talk(embedded.socket, audio=audio) as client:
        await client.send("start_listen")
        final = await spoken(client, speech(GO))
        metrics = await client.until("metrics")
    assert final["text"] == WORDS
    assert texts_of(client.log) == REPLY
    frames = [each for each in client.log if each.get("pcm")]
    assert ("data" in frames[0]) == (audio == "base64")
    assert all(len(each["pcm"]) <= each["sample_rate"] * 2 * 40 // 1000 for each in frames)
    begun = final["generation_id"] + 1
    after = client.log[client.log.index(final) + 1 :]
    assert {each["generation_id"] for each in after} == {begun}
    kinds = [each["type"] for each in after]
    assert kinds.index("assistant_text_delta") < kinds.index("tts_audio_chunk"), "text precedes its sound"
    assert metrics["outcome"] == "finished" and metrics["first_audio_from_voice_ms"] > 0
    assert await ears.sentence(*sound_of(client.log, 0)) == ears.GOING


@pytest.mark.slow
async def test_chunk_sizes_make_no_difference(embedded: Server):
    """Chunks of 20, 30, 40 and 200 ms and of odd sizes give the same words (acceptance 5)."""

    async def heard(sizes: list[int]) -> str:
        async with talk(embedded.socket, audio="binary") as client:
            await client.send("start_listen")
            return (await spoken(client, speech(GO), sizes=sizes))["text"]

    async with asyncio.timeout(110), asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(heard(sizes)) for name, sizes in CHUNKS.items()}
    assert {name: task.result() for name, task in tasks.items()} == dict.fromkeys(CHUNKS, WORDS)


async def test_push_to_talk(embedded: Server):
    """In push mode a pause ends nothing; `stop_listen` does, and so does `last`."""
    pcm = speech(GO)
    for ending in ("stop_listen", "last"):
        async with asyncio.timeout(90), talk(embedded.socket, mode="push") as client:
            await client.send("start_listen")
            for start in range(0, len(pcm), 3_200):
                await client.sound(pcm[start : start + 3_200], binary=True)
            for _ in range(10):
                await client.sound(bytes(3_200), binary=True)
            await client.send("ping", t="before")
            await client.until("pong", t="before")
            assert not [each for each in client.log if each["type"] == "asr_final"]
            if ending == "last":
                await client.sound(b"", binary=True, last=True)
            else:
                await client.send("stop_listen")
            assert (await client.until("asr_final"))["text"] == WORDS


@pytest.mark.slow
async def test_one_piece_and_stream_say_the_same(embedded: Server):
    """A v0.1 client and a streaming one hear the same of the same spoken turn (acceptance 7)."""

    async def turn(**fields: Any) -> Plain:
        async with talk(embedded.socket, **fields) as client:
            await client.send("start_listen")
            await spoken(client, speech(GO))
            await client.until("state_update", state="idle")
            return client

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        whole_task = group.create_task(turn(want=[], audio="base64"))
        stream_task = group.create_task(turn(want=["stream"]))
    whole, stream = whole_task.result(), stream_task.result()
    (text,) = [each["text"] for each in whole.log if each["type"] == "assistant_text"]
    assert text == texts_of(stream.log) == REPLY
    assert not {each["type"] for each in whole.log} & {
        *("asr_partial", "assistant_text_delta", "assistant_text_end", "tts_audio_chunk", "tts_audio_end")
    }
    assert len([each for each in whole.log if each["type"] == "tts_audio"]) == 1
    for client in (whole, stream):
        assert await ears.sentence(*sound_of(client.log)) == ears.GOING


async def test_one_piece_and_stream_sound_the_same(humming: Server):
    """Where the voice is the same to the sample, so is what either client gets of it."""
    got: list[tuple[str, bytes, int]] = []
    for want in ([], ["stream"]):
        async with asyncio.timeout(60), talk(humming.socket, want=want, audio="base64") as client:
            await client.send("text_input", text="turn left")
            await client.until("state_update", state="idle")
            ends = [m["text"] for m in client.log if m["type"] in ("assistant_text", "assistant_text_end")]
            got.append((*ends, *sound_of(client.log)))
    assert got[0] == got[1]
    assert got[0][0] == "Turning left." and len(got[0][1]) == len("Turning left.") * 30 * 48


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("turn left", "turning left"),
        ("go backward ten meters", "going backward ten meters"),
        ("thank you", "you are welcome"),
    ],
)
async def test_other_replies_sound_otherwise(embedded: Server, said: str, sentence: str):
    """The ears of these tests tell replies apart, so that what they hear means something."""
    async with asyncio.timeout(90), talk(embedded.socket) as client:
        await client.send("text_input", text=said)
        await client.until("metrics", outcome="finished")
    assert await ears.sentence(*sound_of(client.log, 0)) == sentence


async def test_text_only(embedded: Server):
    """A client without sound gets the text and not a byte of sound."""
    async with asyncio.timeout(60), talk(embedded.socket, audio="none") as client:
        await client.send("text_input", text=WORDS)
        await client.until("metrics", outcome="finished")
    assert texts_of(client.log) == REPLY
    assert not [each for each in client.log if each["type"].startswith("tts_")]


async def test_mouth_and_words_fit_the_sound(embedded: Server):
    """Mouth shapes and words of a sentence rise in time and lie within its sound."""
    wants = ["stream", "visemes", "words", "metrics"]
    async with asyncio.timeout(60), talk(embedded.socket, want=wants) as client:
        await client.send("text_input", text=WORDS)
        await client.until("metrics", outcome="finished")
    pcm, rate = sound_of(client.log, 0)
    length = len(pcm) / 2 / rate * 1000
    visemes = [v for each in client.log if each["type"] == "viseme_timeline" for v in each["visemes"]]
    words = [w for each in client.log if each["type"] == "word_timeline" for w in each["words"]]
    assert [w["text"].strip(".,").lower() for w in words] == ears.GOING.split()
    for timed in (visemes, words):
        assert all(one["t"] <= other["t"] for one, other in pairwise(timed))
        assert timed[0]["t"] >= 0 and timed[-1]["t"] + timed[-1]["d"] <= length + 20
    assert len({v["id"] for v in visemes}) >= 5


def test_the_recording_is_what_we_think():
    """The tests above stand on a recording of 16 kHz mono speech."""
    path: Path = recording(GO)
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert 2.0 < file.getnframes() / 16_000 < 4.0
