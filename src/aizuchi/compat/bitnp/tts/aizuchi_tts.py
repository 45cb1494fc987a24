"""`AizuchiTTS`: any voice that Aizuchi's server can use, by its name there."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic import ValidationError

from aizuchi import registry
from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS
from aizuchi.compat.bitnp.tts.either_way import either_way
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav
from aizuchi.compat.bitnp.tts.studio import STUDIO
from aizuchi.ports import Audio, Style, Voice


class AizuchiTTS(AbstractTTS):
    """`provider` is a name as in the configuration's `tts:`, `options` are what stands below it there.

    Gives WAV files. `espeak` needs no key, no network and no download. Raises ConfigError for a provider
    nobody knows; the methods raise ProviderError and ConfigError.
    """

    def __init__(
        self,
        provider: str = "espeak",
        voice: str = "",
        language: str = "zh",
        speed: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(format="wav")
        kind = registry.load("tts", provider)
        assert issubclass(kind, Voice)
        self._kind: type[Voice] = kind
        try:
            self._options = kind.Options(**options)
        except ValidationError as error:
            raise ValueError(f"{provider}: {error}") from None
        self._key = (provider, json.dumps(options, sort_keys=True, default=str))
        self._style = Style(voices={provider: voice} if voice else {}, speed=speed)
        self._language = language

    @either_way
    async def synthesize(self, text: str) -> bytes:
        """One WAV file, b"" for mere punctuation. A coroutine where an event loop runs, else the bytes."""
        pcm, rate = b"", 0
        async with aclosing(self._slices(text)) as slices:
            async for audio in slices:
                pcm, rate = pcm + audio.pcm, audio.rate
        return pcm2wav(pcm, rate) if rate else b""

    async def synthesize_stream(self, text: str) -> AsyncGenerator[bytes, None]:
        """A WAV file for each slice, as it is made."""
        async with aclosing(self._slices(text)) as slices:
            async for audio in slices:
                yield pcm2wav(audio.pcm, audio.rate)

    async def warm(self) -> None:
        """Open the voice, and a connection where it has one, ahead of the first sentence."""
        await STUDIO.warm(self._key, self._make)

    def _make(self) -> Voice:
        return self._kind(self._options)

    async def _slices(self, text: str) -> AsyncGenerator[Audio, None]:
        if not any(char.isalnum() for char in text):
            return

        stream = STUDIO.say(self._key, self._make, text, self._style, self._language)
        async with aclosing(stream) as slices:
            async for audio in slices:
                yield audio
