"""`GenieTTS`: a voice from models on this machine, spoken by Genie's own server process."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS
from aizuchi.compat.bitnp.tts.either_way import either_way
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav
from aizuchi.compat.bitnp.tts.studio import STUDIO
from aizuchi.ports import Style

RATE = 32_000


class GenieTTS(AbstractTTS):
    """32 kHz mono WAV, a sentence at a time, 200 ms of silence behind it. Loaded when it first speaks.

    `language` is the model's, `ref_audio_*` a recording with its words that the voice is to sound like.
    """

    def __init__(
        self,
        onnx_model_dir: str,
        language: str,
        ref_audio_path: str,
        ref_audio_text: str,
        ref_audio_language: str,
    ) -> None:
        super().__init__(format="wav")
        self.speaker_name = str(uuid4())
        self._speaker = {
            "model": onnx_model_dir,
            "language": language,
            "reference": ref_audio_path,
            "reference_text": ref_audio_text,
            "reference_language": ref_audio_language,
        }

    @either_way
    async def synthesize(self, text: str) -> bytes:
        """A WAV file, b"" for mere punctuation. A coroutine where an event loop runs, else the bytes.

        Raises ConfigError: Genie or a file of the voice is missing. ProviderError: its server is not there,
        or failed.
        """
        if not any(char.isalnum() for char in text):
            return b""
        options = await asyncio.to_thread(self._options)
        key = ("genie", options.base_url, options.python, options.data)
        style = Style(voices={"genie": self.speaker_name})
        async with aclosing(STUDIO.say(key, _Maker(options), text, style)) as slices:
            return pcm2wav(b"".join([audio.pcm async for audio in slices]), sample_rate=RATE)

    def synthesize_stream(self, text: str) -> Any:
        """Genie gives whole sentences only."""
        raise NotImplementedError("Genie does not stream; use synthesize")

    def _options(self) -> Any:
        from aizuchi.compat.bitnp.tts.genie.place import options_with
        from aizuchi.providers.tts.genie import Speaker

        return options_with(self.speaker_name, Speaker.model_validate(self._speaker))


class _Maker:
    """Makes the provider, which is imported only now."""

    def __init__(self, options: Any) -> None:
        self._options = options

    def __call__(self) -> Any:
        from aizuchi.providers.tts.genie import GenieVoice

        return GenieVoice(self._options)
