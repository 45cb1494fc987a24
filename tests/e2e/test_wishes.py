"""What a client may ask for in its hello and no other test speaks about, by the protocol's document alone."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.e2e.server import TONES, Server
from tests.e2e.talking import sound_of, talk, texts_of

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def fluent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose voice also takes text while it is written."""
    voice = {"use": "tone", "ms_per_character": 10, "streaming": True}
    with Server(tmp_path_factory.mktemp("fluent"), {**TONES, "tts": voice}) as server:
        yield server


async def test_a_greeting_is_the_first_turn(fluent: Server):
    """Who wants to be greeted is spoken to first, in text and sound; who does not is waited for."""
    async with asyncio.timeout(60), talk(fluent.socket, want=["stream", "greeting"]) as client:
        await client.until("state_update", state="idle", reason="done")
    assert texts_of(client.log) == "Hello, I'm Aizu. I'm listening. What is on your mind?"
    assert any(sound_of(client.log)[0])
    assert not [each for each in client.log if each["type"] == "asr_final"]
    async with asyncio.timeout(60), talk(fluent.socket) as quiet:
        await quiet.send("text_input", text="say: alpha bravo")
        await quiet.until("state_update", state="idle", reason="done")
    assert texts_of(quiet.log) == "alpha bravo."


@pytest.mark.parametrize("streams", [True, False])
async def test_text_may_go_straight_into_the_voice(fluent: Server, streams: bool):
    """With `tts_stream` the voice is asked once for a whole reply; messages and sentences are the same."""
    want = ["stream", "timeline", *["tts_stream"] * streams]
    async with asyncio.timeout(60), talk(fluent.socket, want=want) as client:
        await client.send("text_input", text="tell me a joke")
        await client.until("state_update", state="idle", reason="done")
    entries = [entry for each in client.log if each["type"] == "timeline" for entry in each["entries"]]
    asked = [each for each in entries if each["kind"] == "requested" and each["stage"] == "tts"]
    sentences = [each for each in entries if each["kind"] == "sentence"]
    assert len(sentences) > 1
    assert len(asked) == (1 if streams else len(sentences))
    assert all(any(sound_of(client.log, index)[0]) for index in range(len(sentences)))
    assert "".join(each["shown"] for each in sentences) == texts_of(client.log)
