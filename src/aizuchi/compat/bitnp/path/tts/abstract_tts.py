"""`tts.abstract_tts`, by its bare name."""

from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS

__all__ = ["AbstractTTS"]
