"""A voice from settings speaks a sentence into speech.wav, as a whole and then as it is made."""

import asyncio
from pathlib import Path

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from config_types import Dashscope_TTS_Config
from tokens import get_token
from tts import create_tts
from tts.pcm2wav import pcm2wav

# A cloned voice needs the model that it was cloned for; Cherry is one of DashScope's own.
tts_config = Dashscope_TTS_Config(
    api_key=get_token("dashscope"), model="qwen3-tts-flash-realtime", voice="Cherry"
)
tts = create_tts(**tts_config)
TEXT = "你好，我是树莓娘。"


# Where no event loop runs, `synthesize` gives the bytes; within one it gives a coroutine to await.
Path("speech.wav").write_bytes(pcm2wav(tts.synthesize(TEXT), tts.sample_rate))


async def stream() -> None:
    async for piece in tts.synthesize_stream(TEXT):
        print(len(piece), "bytes")


asyncio.run(stream())
