"""Interrupts over a real socket: by voice in the middle of a reply, and many at random moments."""

import asyncio
import json
import random
import zlib
from typing import Any

import pytest

from aizuchi.client import Client, Sound
from aizuchi.providers.tts.tone import TONES, heard
from aizuchi.wire.native import down
from tests.e2e import ears
from tests.e2e.server import Server
from tests.e2e.talking import FRAME, microphone, sound_of, talk, texts_of
from tests.speech import speech
from tests.wire.independent import Plain

pytestmark = pytest.mark.network

GO = "go_forward_ten_meters.wav"
WORDS = "go forward ten meters"
STORM = 50
WORD = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def stale(log: list[dict[str, Any]]) -> list[str]:
    """Messages that bear an older generation than a state that was announced before them."""
    found: list[str] = []
    newest = 0
    for message in log:
        if message["generation_id"] < newest:
            found.append(f"{message['type']} of {message['generation_id']} after {newest}")
        if message["type"] == "state_update":
            newest = max(newest, message["generation_id"])
    return found


@pytest.mark.slow
async def test_barge_in_on_real_speech(embedded: Server):
    """Spoken over a long reply: silence, then the new words from their first one on, then their answer."""
    async with asyncio.timeout(100), talk(embedded.socket, mode="continuous") as client:
        await client.send("start_listen")
        async with asyncio.TaskGroup() as group:
            silence = group.create_task(microphone(client, b""))
            await client.send("text_input", text="tell me a story")
            speaking = await client.until("state_update", state="speaking")
            # The first sentence is heard before the story is interrupted.
            await client.until("tts_audio_chunk", sentence_index=1)
            for _ in range(25):
                await client.until("tts_audio_chunk", lambda message: bool(message.get("pcm")))
            silence.cancel()
        mark = len(client.log)
        async with asyncio.TaskGroup() as group:
            voice = group.create_task(microphone(client, speech(GO)))
            final = await client.until("asr_final")
            voice.cancel()
            metrics = await client.until("metrics", outcome="finished")

    old = speaking["generation_id"]
    states = [m for m in client.log[mark:] if m["type"] == "state_update"]
    # It stands still at the first sign of the voice; until it is known what that is it may go on meanwhile.
    while states[0]["reason"] in ("held", "resumed"):
        assert states.pop(0)["state"] == "speaking"
    assert [(m["state"], m.get("reason")) for m in states[:2]] == [
        ("idle", "barge_in"),
        ("listening", "barge_in"),
    ]
    cut = client.log.index(states[0])
    assert states[0]["generation_id"] == old + 1
    assert not [m for m in client.log[cut:] if m["generation_id"] <= old]
    assert not stale(client.log)
    assert final["text"] == WORDS
    after = client.log[client.log.index(final) :]
    assert texts_of(after) == "Going forward ten meters."
    assert await ears.sentence(*sound_of(after, 0)) == ears.GOING
    assert metrics["of_generation"] == final["generation_id"] + 1
    # What was heard of the story is its beginning.
    (listened,) = [m for m in client.log[cut:] if m["type"] == "heard"]
    told = texts_of(client.log[:cut])
    assert listened["of_generation"] == old and listened["generation_id"] == old + 1
    assert listened["text"] and told.startswith(listened["text"]) and len(listened["text"]) < len(told)
    # Whether or not its text had ended before: its end names the interrupt, directly before the state.
    end = client.log[cut - 1]
    assert (end["type"], end["finish_reason"], end["generation_id"]) == (
        "assistant_text_end",
        "interrupted",
        old,
    )
    assert end["text"] == listened["text"]


async def test_a_cough_does_not_interrupt(embedded: Server):
    """A noise much shorter than the barge-in limit leaves the reply alone."""
    noise = random.Random(7)
    cough = b"".join(noise.randrange(-9_000, 9_000).to_bytes(2, "little", signed=True) for _ in range(960))
    async with asyncio.timeout(60), talk(embedded.socket, mode="continuous") as client:
        await client.send("start_listen")
        async with asyncio.TaskGroup() as group:
            voice = group.create_task(microphone(client, bytes(32_000) + cough))
            await client.send("text_input", text="turn left")
            metrics = await client.until("metrics")
            voice.cancel()
    assert metrics["outcome"] == "finished"


@pytest.mark.parametrize("holds", [True, False])
async def test_a_noise_pauses_and_nothing_is_lost(humming: Server, holds: bool):
    """A knock over a reply: it stands still, goes on within a second after it, and all of it comes once."""
    noise = random.Random(7)
    knock = b"".join(noise.randrange(-9_000, 9_000).to_bytes(2, "little", signed=True) for _ in range(4_000))
    want = ["stream", "metrics", *(["hold"] if holds else [])]
    async with (
        asyncio.timeout(60),
        talk(humming.socket, mode="continuous", want=want, echo_cancelled=True) as client,
    ):
        await client.send("start_listen")
        async with asyncio.TaskGroup() as group:
            voice = group.create_task(microphone(client, bytes(48_000) + knock))
            await client.send("text_input", text="say: " + ". ".join(f"alpha bravo {each}" for each in WORD))
            held = await client.until("state_update", reason="held")
            resumed = await client.until("state_update", reason="resumed")
            metrics = await client.until("metrics")
            voice.cancel()
    assert held["state"] == resumed["state"] == "speaking"
    assert held["generation_id"] == resumed["generation_id"]
    names = [m["type"] for m in client.log if m["type"].startswith("playback_")]
    assert names == (["playback_pause", "playback_resume"] if holds else [])
    assert metrics["outcome"] == "finished"
    (end,) = [m for m in client.log if m["type"] == "tts_audio_end"]
    sound, rate = sound_of(client.log)
    assert abs(len(sound) / 2 / rate * 1000 - end["duration_ms"]) < 2


def tone_of(text: str) -> int:
    """The tone of a sentence, as the test voice makes it."""
    return zlib.crc32(text.encode()) % TONES


async def test_an_interrupt_storm(humming: Server):
    """Fifty interrupts at random moments: nothing of a dead reply follows an acknowledgement (acceptance 1).

    Each turn has sentences of its own and so tones of its own: sound that lies about its generation is
    found, too.
    """
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    sentences: dict[int, set[str]] = {}
    async with asyncio.timeout(110), talk(humming.socket) as client:
        for number in range(STORM):
            words = " ".join(WORD[int(digit)] for digit in f"{number:02}")
            await client.send("text_input", text=f"say: alpha {words}. bravo {words}. charlie {words}")
            begun = await client.until("state_update", state="thinking")
            sentences[begun["generation_id"]] = {f"{name} {words}." for name in ("alpha", "bravo", "charlie")}
            if number % 3 == 0:
                await client.until("tts_audio_chunk")
            for _ in range(dice.choice([0, 0, 1, 3, 8, dice.randrange(60)])):
                await client.receive()
            await client.send("interrupt", reason="user_click")
            acknowledged = await client.until("state_update", state="idle")
            assert acknowledged["reason"] == "interrupt", f"seed {seed}: {acknowledged}"
            assert acknowledged["generation_id"] == begun["generation_id"] + 1, f"seed {seed}"
        # A last turn that may end: whatever was still under way would come before it.
        await client.send("text_input", text="turn left")
        last = await client.until("metrics", outcome="finished")
    sentences[last["of_generation"]] = {"Turning left."}

    assert not stale(client.log), f"seed {seed}"
    spoken: dict[tuple[int, str], bytearray] = {}
    text = ""
    for message in client.log:
        if message["type"] == "tts_audio_chunk":
            text = message.get("text") or text
            spoken.setdefault((message["generation_id"], text), bytearray()).extend(message.get("pcm", b""))
    for (generation, text), pcm in spoken.items():
        assert text in sentences.get(generation, ()), f"seed {seed}: {text!r} in generation {generation}"
        if len(pcm) >= 24_000 * 2 // 20:
            assert heard(bytes(pcm), 24_000) == tone_of(text), f"seed {seed}: generation {generation}"
    assert len(spoken) > STORM / 4, f"seed {seed}: too few replies were heard for this to mean anything"
    interrupted = [m for m in client.log if m["type"] == "metrics" and m["outcome"] == "interrupted"]
    assert len(interrupted) == STORM
    late = sorted(m["interrupt_ms"] for m in interrupted)
    print(f"interrupt_ms p95 {late[round(STORM * 0.95) - 1]:.1f}, max {late[-1]:.1f} over {STORM}")


async def test_our_client_drops_ghosts(humming: Server):
    """After `interrupt` our client delivers no more of the reply, whatever is still in the wires."""
    async with asyncio.timeout(60), Client.connect(humming.url) as client:
        await client.say("tell me a story")
        async for event in client:
            if isinstance(event, Sound):
                break
        generation = client.generation
        await client.interrupt()
        seen: list[Any] = []
        async for event in client:
            seen.append(event)
            if isinstance(event, down.StateUpdate) and event.state == "idle":
                break
        await client.say("turn left")
        async for event in client:
            seen.append(event)
            if isinstance(event, down.TtsAudioEnd):
                break
    sounds = [event for event in seen if isinstance(event, Sound)]
    assert sounds and all(each.generation > generation for each in sounds)
    assert [each.text for each in sounds if each.text] == ["Turning left."]


async def test_interrupts_when_nothing_runs(humming: Server):
    """A late click is harmless: idle is said again, with a new generation (T12)."""
    async with asyncio.timeout(30), talk(humming.socket) as client:
        for expected in (1, 2, 3):
            await client.send("interrupt")
            said = await client.until("state_update")
            assert (said["state"], said["generation_id"]) == ("idle", expected)


async def test_typing_over_a_reply(humming: Server):
    """Text sent during a reply takes the floor (T13): the old reply ends, the new one is whole."""
    async with asyncio.timeout(60), talk(humming.socket) as client:
        await client.send("text_input", text="tell me a story")
        await client.until("state_update", state="speaking")
        mark = len(client.log)
        await client.send("text_input", text="turn left")
        done = await client.until("metrics", outcome="finished")
    states = [m["state"] for m in client.log[mark:] if m["type"] == "state_update"]
    assert states == ["idle", "thinking", "speaking", "idle"]
    mine = [m for m in client.log if m["generation_id"] == done["of_generation"]]
    assert texts_of(mine) == "Turning left."
    assert not stale(client.log)


async def test_a_flood_is_met_with_words(humming: Server):
    """Two hundred binary frames of garbage and of odd JSON change nothing; the connection still serves."""
    dice = random.Random(3)
    async with asyncio.timeout(60), Plain(humming.socket, want=["stream", "metrics"]) as client:
        for number in range(200):
            if number % 2:
                await client.socket.send(dice.randbytes(dice.randrange(1, FRAME)))
            else:
                await client.socket.send(json.dumps({"type": dice.choice(["audio_chunk", "interrupt", 7])}))
        await client.send("text_input", text="turn left")
        await client.until("metrics", outcome="finished")
    assert "Turning left." in texts_of(client.log)
    errors = {m["code"] for m in client.log if m["type"] == "error"}
    assert errors <= {"bad_message", "rate_limited"} and "bad_message" in errors
