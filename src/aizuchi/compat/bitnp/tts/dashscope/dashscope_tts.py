"""`DashscopeTTS`: a voice that streams, and costs money once the free quota is used up."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS
from aizuchi.compat.bitnp.tts.dashscope.realtime import DEFAULT_MODEL, RATE, speak
from aizuchi.compat.bitnp.tts.either_way import either_way, joined
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav


class DashscopeTTS(AbstractTTS):
    """24 kHz mono s16le from a Qwen voice; `voice` was cloned for the very `model`, or is one of its own.

    `format="wav"` gives WAV files instead of bare samples; other formats are passed over. Nothing of one
    call is kept for another, so calls may overlap. The methods raise ProviderError.
    """

    def __init__(self, api_key: str, voice: str, model: str = DEFAULT_MODEL, format: str = "pcm") -> None:
        super().__init__(format="wav" if format == "wav" else "pcm", sample_rate=RATE)
        self.api_key = api_key
        self.voice = voice
        self.model = model

    @either_way
    async def synthesize(self, text: str, chunk_delay: float = 0.1) -> bytes:
        """The whole sound. A coroutine where an event loop runs, the bytes where none does."""
        pcm = await joined(self._samples(text))
        return pcm2wav(pcm, sample_rate=RATE) if self.format == "wav" else pcm

    async def synthesize_stream(self, text: str, chunk_delay: float = 0.1) -> AsyncGenerator[bytes, None]:
        """The sound as it is made. `chunk_delay` is taken for the sake of callers; nothing waits for it."""
        async with aclosing(self._samples(text)) as slices:
            async for pcm in slices:
                yield pcm2wav(pcm, sample_rate=RATE) if self.format == "wav" else pcm

    async def _samples(self, text: str) -> AsyncGenerator[bytes, None]:
        """One empty slice for a text in which there is nothing to say."""
        if not any(char.isalnum() for char in text):
            yield b""
            return
        stream = speak(text, api_key=self.api_key, model=self.model, voice=self.voice)
        async with aclosing(stream) as slices:
            async for pcm in slices:
                yield pcm
