"""Providers in a list of the configuration are tried in its order, at every stage, by a real server."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e import ears
from tests.e2e.server import NO_EARS, NOBODY, QUICK_SCRIPT, UNHURRIED, Server
from tests.e2e.talking import sound_of, spoken, talk, texts_of
from tests.speech import speech

pytestmark = [pytest.mark.network, pytest.mark.slow]

DEAD = {"use": "openai", "base_url": NOBODY, "api_key": "none", "retries": 0}


async def test_the_next_in_the_list(tmp_path: Path):
    """With a dead vendor first at each stage a spoken question is still understood, answered and spoken."""
    config = {
        **UNHURRIED,
        "asr": [NO_EARS, {"use": "pocketsphinx", "grammar": ["turn left", "go forward ten meters"]}],
        "llm": [DEAD, QUICK_SCRIPT],
        "tts": [DEAD, "espeak"],
        "tools": {"use": []},
    }
    with Server(tmp_path, config) as server:
        async with asyncio.timeout(100), talk(server.socket) as client:
            await client.send("start_listen")
            assert (await spoken(client, speech("go_forward_ten_meters.wav")))[
                "text"
            ] == "go forward ten meters"
            await client.until("metrics", outcome="finished")
            (end,) = [each for each in client.log if each["type"] == "assistant_text_end"]
            assert end["fallback"] == "provider:script" and end["finish_reason"] == "stop"
            assert texts_of(client.log) == "Going forward ten meters."
            assert await ears.sentence(*sound_of(client.log)) == ears.GOING
            assert not [each for each in client.log if each["type"] == "error"]
        health = server.get("/health")
    assert [each["name"] for each in health["providers"]["asr"]] == ["openai", "pocketsphinx"]
    assert health["status"] == "healthy"
