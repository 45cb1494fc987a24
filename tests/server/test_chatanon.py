"""ChatAnon over real sockets, with clients written from its document; the vendors are embedded ones."""

import asyncio
import base64
import contextlib
import functools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from aizuchi.events import Interrupted
from aizuchi.server.house import House
from aizuchi.server.mounts import mounts
from aizuchi.wire.chatanon import Manners
from tests.server.chatting import GAP, MS, SAID, VOICE, house_of_two
from tests.server.sockets import serving, ws
from tests.wire.independent_chatanon import RATE, UNLOCKS, Client, anon, quiet, storm, tone

pytestmark = pytest.mark.network

TEXT = "I heard it. Now I rest."


@pytest.fixture
def make_house(tmp_path: Path):
    """A house with two characters; `heard` is what the recogniser makes of any speech."""
    return functools.partial(house_of_two, tmp_path)


@contextlib.asynccontextmanager
async def chatting(house: House, **wishes: Any):
    async with serving(house, table=house.mounts) as base, anon(ws(base, "/ws"), **wishes) as client:
        yield client


_BOTH = ["thinking", "llm_start", "llm_end", "tts_start"]
_SECOND = ["tts_start", "response", "audio_chunk"]
ORDER = {
    "seed": ["thinking", "audio_chunk", "audio_end", "response"],
    "union": [*_BOTH, "audio_chunk", "audio_end", "response", "turn_end"],
    "head": [*_BOTH, "response", "audio_chunk", *_SECOND, "audio_end", "turn_end"],
}
CASES = [("seed", False, "response"), ("auto", False, "turn_end"), ("auto", True, "turn_end")]
NAMES = {("seed", False): "seed", ("auto", False): "union", ("auto", True): "head"}


# ------------------------------------------------------------------ a turn


@pytest.mark.parametrize(("dialect", "page", "end"), CASES)
async def test_text_turns(make_house: Any, dialect: Any, page: bool, end: str):
    """Each generation sees its own order, all the sound with its gap, and the end it waits for."""
    house = make_house(mounts=mounts(chatanon=Manners(dialect, GAP)))
    async with chatting(house, page=page) as client:
        for _ in range(2):
            client.forget()
            await client.send("message", content="hello")
            await client.until(end)
            assert client.order == ORDER[NAMES[dialect, page]]
            assert "".join(each["content_cn"] for each in client.of("response")).replace(" ", "") == (
                TEXT.replace(" ", "")
            )
            assert client.of("response")[0]["emotion"] == "happy"
            seconds = len(client.sound) / 2 / RATE
            spoken = (len("I heard it.") + len("Now I rest.")) * MS / 1000
            assert spoken + GAP / 1000 - 0.01 <= seconds <= spoken + GAP / 1000 + 0.1
        await client.silence_for(0.3)


@pytest.mark.parametrize(("dialect", "page", "end"), CASES)
async def test_commands_are_answered_by_one_frame(make_house: Any, dialect: Any, page: bool, end: str):
    """Clear, switch, ping and mistakes, directly after a turn; and the history is really gone."""
    async with chatting(make_house(mounts=mounts(chatanon=Manners(dialect, 0))), page=page) as client:
        for _ in range(2):
            await client.send("message", content="how often?")
            await client.until(end)
        assert client.of("response")[-1]["content_cn"] == "2."
        assert await client.command("clear_history") == {
            "type": "history_cleared",
            "message": "Conversation history cleared",
        }
        await client.send("message", content="how often?")
        await client.until(end)
        assert client.of("response")[-1]["content_cn"] == "1."
        switched = await client.command("switch_character", character_name="Mutsumi")
        assert switched == {
            "type": "character_switched",
            "character": "mutsumi",
            "character_display_name": "Mutsumi",
            "message": "Switched to character: mutsumi",
        }
        await client.send("message", content="how often?")
        await client.until(end)
        assert client.of("response")[-1]["content_cn"] == "1."
        for wrong, said in (
            ({"type": "switch_character", "character_name": "tomori"}, "Character 'tomori' not available"),
            ({"type": "message", "content": " "}, "Empty message content"),
            ({"type": "dance"}, "Unknown message type: dance"),
            ({}, "Unknown message type: "),
        ):
            await client.socket.send(json.dumps(wrong))
            assert await client.receive() == {"type": "error", "message": said}
        await client.socket.send("no JSON")
        assert (await client.receive())["type"] == "error"
        assert await client.command("ping") == {"type": "pong"}


@pytest.mark.parametrize("page", [False, True])
async def test_a_failing_model_leaves_everything_usable(make_house: Any, page: bool):
    """One error, nothing after it, and the next message is answered."""
    async with chatting(make_house(), page=page) as client:
        await client.send("message", content="break")
        error = await client.until("error", "turn_end")
        assert error == {"type": "error", "message": "LLM error: the script breaks"}
        await client.silence_for(0.5)
        client.forget()
        await client.send("message", content="hello")
        await client.until("turn_end")
        assert client.order == ORDER["head" if page else "union"]


# ------------------------------------------------------------------ voice


@pytest.mark.parametrize(("dialect", "page", "end"), CASES)
async def test_a_recording(make_house: Any, dialect: Any, page: bool, end: str):
    """Batch voice: what was understood, then a turn; nothing in it is an error and no more."""
    async with chatting(make_house(mounts=mounts(chatanon=Manners(dialect, GAP))), page=page) as client:
        for _ in range(2):
            client.forget()
            await client.send("audio_message", audio_base64=base64.b64encode(b"".join(VOICE)).decode())
            await client.until(end)
            kinds = [each for each in client.order if each != "transcription"]
            first = {
                "seed": [],
                "union": ["thinking", "asr_end"],
                "head": ["asr_start", "thinking", "asr_end"],
            }
            assert kinds == [*first[NAMES[dialect, page]], *ORDER[NAMES[dialect, page]]]
            assert client.of("transcription")[-1] == {
                "type": "transcription",
                "text": SAID,
                "is_partial": False,
            }
        await client.send("audio_message", audio_base64=base64.b64encode(quiet(200)).decode())
        assert (await client.until("error"))["message"] == "No speech detected in audio"
        assert (await client.command("audio_message"))["message"] == "No audio data provided"
        assert (await client.command("audio_message", audio_base64="?"))["message"].startswith(
            "Invalid audio"
        )
        assert await client.command("ping") == {"type": "pong"}


async def test_as_much_as_a_message_may_hold(make_house: Any):
    """A message of 16 MiB is read whole, and is no audio; what a longer one meets: test_socket."""
    async with chatting(make_house()) as client:
        head, tail = '{"type": "audio_message", "audio_base64": "', '"}'
        await client.socket.send(head + "?" * ((16 << 20) - len(head + tail)) + tail)
        assert (await client.until("error"))["message"].startswith("Invalid audio data")


@pytest.mark.parametrize(("dialect", "page", "end"), CASES)
async def test_streaming_any_number_of_times(make_house: Any, dialect: Any, page: bool, end: str):
    """Three utterances and an empty one on one connection."""
    async with chatting(make_house(mounts=mounts(chatanon=Manners(dialect, GAP))), page=page) as client:
        for _ in range(3):
            client.forget()
            await client.streamed(*VOICE, end=end)
            assert [each["text"] for each in client.of("transcription") if not each["is_partial"]] == [SAID]
            assert client.of("response") and client.sound
        client.forget()
        await client.streamed(quiet(100), end="error")
        assert client.log[-1]["message"] == "No speech detected"
        await client.send("audio_stream_chunk", audio_base64="AAAA")
        assert await client.command("ping") == {"type": "pong"}


@pytest.mark.parametrize(("family", "page"), [("agent", False), ("voice_call", False), ("voice_call", True)])
async def test_continuous_mode(make_house: Any, family: str, page: bool):
    """Two calls of two turns each, as the command line client holds them; stray chunks are silent."""
    chunks = "agent_audio_chunk" if family == "agent" else "voice_call_audio_chunk"
    start, stop = (
        ("agent_mode_start", "agent_mode_stop")
        if family == "agent"
        else (
            "voice_call_start",
            "voice_call_stop",
        )
    )
    order = ORDER["union" if family == "agent" else "head"]
    async with chatting(make_house(), page=page) as client:
        for _ in range(2):
            await client.send(start)
            await client.until(f"{family}_listening")
            for _ in range(2):
                client.forget()
                await client.speak(chunks, VOICE, pace=4)
                await client.until(f"{family}_listening")
                heard = [each for each in client.log if each["type"] == "transcription"]
                assert heard[-1]["text"] == SAID and not heard[-1]["is_partial"]
                assert [each for each in client.order if each in order] == order
            await client.send(stop)
            await client.send(chunks, audio_base64="AAAA")
            assert await client.command("ping") == {"type": "pong"}
        client.forget()
        await client.send("message", content="hello")
        await client.until("turn_end")
        await client.silence_for(0.3)


async def test_barge_in(make_house: Any):
    """A page that sends all the time speaks over a reply: that ends at once, and the words are answered."""
    house = make_house("a story please.")
    async with chatting(house, page=True) as client:
        await client.send("voice_call_start")
        await client.until("voice_call_listening")
        await client.speak("voice_call_audio_chunk", VOICE, ms=100)
        await client.until("audio_chunk")
        client.forget()
        over = asyncio.ensure_future(
            client.speak("voice_call_audio_chunk", (tone(900), quiet(1_500)), ms=100)
        )
        await client.until("voice_call_listening")
        cut = client.order
        assert cut[-4:] == ["audio_end", "turn_end", "asr_start", "voice_call_listening"]
        (live,) = house.sessions
        assert any(
            isinstance(entry.event, Interrupted) and entry.event.reason == "barge_in"
            for entry in live.session.timeline.since(0)
        )
        client.forget()
        await over
        await client.until("voice_call_listening")
        assert [each["text"] for each in client.of("transcription") if not each["is_partial"]] == [
            "a story please."
        ]
        turn = [each for each in client.order if each in ORDER["head"]]
        assert turn[:6] == ORDER["head"][:6] and turn[-2:] == ["audio_end", "turn_end"]


async def test_hanging_up_during_a_reply(make_house: Any):
    """The reply ends, the page is unlocked, and nothing more comes."""
    async with chatting(make_house("a story please."), page=True) as client:
        await client.send("voice_call_start")
        await client.speak("voice_call_audio_chunk", VOICE, ms=100)
        await client.until("audio_chunk")
        await client.send("voice_call_stop")
        await client.until("turn_end")
        await client.silence_for(0.5)
        assert await client.command("ping") == {"type": "pong"}


async def test_interrupts_at_random_moments(make_house: Any):
    """A new message cuts the reply before it: each turn is closed before the next one begins."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    async with chatting(make_house(), page=True) as client:
        for _ in range(25):
            await client.send("message", content="a story")
            await client.until("thinking")
            for _ in range(dice.randrange(12)):
                await client.receive()
                if client.log[-1]["type"] == "turn_end":
                    break
        await client.send("message", content="hello")
        while "".join(each["content_cn"] for each in client.of("response")[-2:]).replace(" ", "") != (
            TEXT.replace(" ", "")
        ):
            await client.receive()
        await client.until("turn_end")
        open_ = 0
        for message in client.log:
            if message["type"] == "thinking":
                assert not open_, f"seed {seed}"
                open_ = 1
            elif message["type"] == "turn_end":
                open_ = 0
            elif message["type"] in ("audio_chunk", "response", "tts_start"):
                assert open_, f"seed {seed}: {message['type']} outside a turn"


# ------------------------------------------------------------------ coming in


@pytest.mark.parametrize(
    ("first", "said", "code"),
    [
        ({"type": "message", "content": "x"}, "First message must be of type 'connect'", 1008),
        ({"type": "connect"}, "Invalid API token", 1008),
        ({"type": "connect", "api_token": ""}, "Invalid API token", 1008),
        ({"type": "connect", "api_token": "wrong", "character_name": "tomori"}, "Invalid API token", 1008),
        (
            {"type": "connect", "api_token": "second", "character_name": "tomori"},
            "Character 'tomori' not available. Available: ['anon', 'mutsumi']",
            1008,
        ),
        ("garbage", "Invalid JSON", 1007),
    ],
)
async def test_who_is_not_let_in(make_house: Any, first: Any, said: str, code: int):
    """One error in the protocol's words, then the code."""
    async with serving(make_house(), table=mounts()) as base, connect(ws(base, "/ws")) as socket:
        client = Client(socket)
        await socket.send(first if isinstance(first, str) else json.dumps(first))
        assert await client.receive() == {"type": "error", "message": said}
        assert (await client.closed())[0] == code


async def test_a_takeover(make_house: Any):
    """The old connection is told and closed; the new one talks on, also after the old one has gone."""
    house = make_house()
    async with serving(house, table=house.mounts) as base:
        url = ws(base, "/ws")
        async with anon(url) as old, anon(url, "second") as other:
            await old.send("message", content="a story")
            await old.until("audio_chunk")
            async with anon(url) as new:
                code, reason = await old.closed()
                assert (code, reason) == (1008, "new_connection")
                assert old.log[-1] == {
                    "type": "disconnected",
                    "reason": "new_connection",
                    "message": "Another client connected with the same token",
                }
                for client in (new, other):
                    await client.send("message", content="how often?")
                    await client.until("turn_end")
                    assert client.of("response")[0]["content_cn"] == "1."
                assert len(house.sessions) == 2


async def test_a_takeover_storm(make_house: Any):
    """Two hundred connections with one token at once: exactly one lives, and nobody hangs."""
    house = make_house()
    async with serving(house, table=house.mounts) as base:
        async with storm(ws(base, "/ws"), 200) as (living, ends):
            await living.send("message", content="hello")
            await living.until("turn_end")
            assert len(ends) == 199 and set(ends) == {(1008, "new_connection")}
            assert len(house.sessions) == 1
        async with asyncio.timeout(10):
            while len(house.sessions):  # noqa: ASYNC110 - their links are being cleaned up
                await asyncio.sleep(0.05)


async def test_the_page_is_never_left_locked(make_house: Any):
    """After each `thinking` one of those comes that unlock the page, whatever happens."""
    async with chatting(make_house(), page=True) as client:
        for content in ("hello", "break", "a story"):
            await client.send("message", content=content)
            await client.until("thinking")
            await client.until(*UNLOCKS)
