"""`tts.pcm2wav`, by its bare name."""

from aizuchi.compat.bitnp.tts.pcm2wav import pcm2wav

__all__ = ["pcm2wav"]
