"""`DashscopeTTS`: a voice that streams, and costs money once the free quota is used up."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import SecretStr

from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS
from aizuchi.compat.bitnp.tts.dashscope.places import DEFAULT_MODEL, socket_address
from aizuchi.compat.bitnp.tts.either_way import either_way, joined
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav
from aizuchi.compat.bitnp.tts.studio import STUDIO
from aizuchi.errors import ProviderError
from aizuchi.ports import Style, Voice
from aizuchi.providers.dashscope import INFERENCE

RATE = 24_000


class DashscopeTTS(AbstractTTS):
    """24 kHz mono s16le from a Qwen voice; `voice` was cloned for the very `model`, or is one of its own.

    `format="wav"` gives WAV files instead of bare samples; other formats are passed over. A model whose name
    begins with cosyvoice is asked as such. Calls may overlap, and connections are kept for the next one. The
    methods raise ProviderError.
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
        key, make, style = self._asked()
        async with aclosing(STUDIO.say(key, make, text, style)) as slices:
            async for audio in slices:
                yield audio.pcm

    async def warm(self) -> None:
        """Make a connection ahead of the first sentence."""
        if self.api_key:
            key, make, _ = self._asked()
            await STUDIO.warm(key, make)

    def _asked(self) -> tuple[tuple[str, ...], _Maker, Style]:
        if not self.api_key:
            raise ProviderError("DashscopeTTS has no key", retryable=False)
        provider = "cosyvoice" if self.model.startswith("cosyvoice") else "qwen_tts"
        address = socket_address(INFERENCE) if provider == "cosyvoice" else socket_address()
        key = ("dashscope", provider, address, self.api_key, self.model)
        make = _Maker(provider, address, self.api_key, self.model)
        return key, make, Style(voices={provider: self.voice})


class _Maker:
    """Makes the provider, which is imported only now."""

    def __init__(self, provider: str, address: str, api_key: str, model: str) -> None:
        self._provider = provider
        self._settings = {
            "base_url": address,
            "api_key": SecretStr(api_key),
            "model": model,
            "sample_rate": RATE,
        }

    def __call__(self) -> Voice:
        from aizuchi import registry

        kind = registry.load("tts", self._provider)
        made = kind(kind.Options(**self._settings))
        assert isinstance(made, Voice)
        return made
