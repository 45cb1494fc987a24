"""A bot and two voices of one's own in the ready agent.

`voices_of_ones_own.py [localhost:8000 [plain|async]]`
"""

import asyncio
import math
import struct
import sys

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
import llm_api
import tts
from agent import BasicChattingAgent
from llm_api import AbstractBot
from tts import AbstractTTS


class Parrot(AbstractBot):
    """Says what it heard, word by word."""

    async def respond_to_context(self, messages=None) -> str:
        await self._dispatch_event("start_of_response")
        text = (messages or self.messages)[-1]["content"]
        for piece in text:
            await self._dispatch_event("message_delta", {"content": piece})
        await self._dispatch_event("done", {"content": text})
        return text


def hum(text: str) -> bytes:
    """80 ms of a low tone for each character, 24 kHz mono, 16 bits."""
    samples = (round(6000 * math.sin(at / 18)) for at in range(1920 * len(text)))
    return b"".join(struct.pack("<h", sample) for sample in samples)


class PlainHum(AbstractTTS):
    """A plain `synthesize`, as the guide describes it; it may take its time, and runs in a thread."""

    def __init__(self) -> None:
        super().__init__(format="pcm", sample_rate=24000)

    def synthesize(self, text: str) -> bytes:
        return hum(text)

    async def synthesize_stream(self, text: str):
        for char in text:
            yield hum(char)


class AsyncHum(PlainHum):
    """An async one."""

    async def synthesize(self, text: str) -> bytes:
        return hum(text)


llm_api.REGISTRY["parrot"] = Parrot
tts.REGISTRY["plain"] = PlainHum
tts.REGISTRY["async"] = AsyncHum

server_url = sys.argv[1] if len(sys.argv) > 1 else "localhost:8000"
voice = sys.argv[2] if len(sys.argv) > 2 else "plain"
agent = BasicChattingAgent(server_url, "parrot", {"api_name": "parrot"}, {"tts_method_name": voice})

asyncio.run(agent.run())
