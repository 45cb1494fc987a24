"""`GenieTTS`: a voice from models on this machine, spoken by Genie's own server process."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS
from aizuchi.compat.bitnp.tts.either_way import either_way
from aizuchi.compat.bitnp.tts.genie.server import Genie
from aizuchi.compat.bitnp.tts.genie.trimming import trim
from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav


class GenieTTS(AbstractTTS):
    """32 kHz mono WAV, a sentence at a time. The character is loaded when it first speaks.

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
        self._genie = Genie(
            self.speaker_name,
            {"onnx_model_dir": onnx_model_dir, "language": language},
            {"audio_path": ref_audio_path, "audio_text": ref_audio_text, "language": ref_audio_language},
        )

    @either_way
    async def synthesize(self, text: str) -> bytes:
        """A WAV file, b"" for mere punctuation. A coroutine where an event loop runs, else the bytes.

        Raises ProviderError: Genie's server is not there, lacks the models, or failed.
        """
        if not any(char.isalnum() for char in text):
            return b""
        return pcm2wav(trim(await self._genie.samples(text)), sample_rate=Genie.rate)

    def synthesize_stream(self, text: str) -> Any:
        """Genie gives whole sentences only."""
        raise NotImplementedError("Genie does not stream; use synthesize")
