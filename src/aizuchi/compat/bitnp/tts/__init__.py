"""Voices. `REGISTRY` takes classes of your own; nothing of a vendor is loaded before its voice speaks."""

from __future__ import annotations

from typing import Any, Literal

from aizuchi.compat.bitnp.tts.abstract_tts import AbstractTTS
from aizuchi.compat.bitnp.tts.aizuchi_tts import AizuchiTTS
from aizuchi.compat.bitnp.tts.dashscope import DashscopeTTS
from aizuchi.compat.bitnp.tts.genie import GenieTTS

REGISTRY: dict[str, type[AbstractTTS]] = {
    "genie": GenieTTS,
    "dashscope": DashscopeTTS,
    "aizuchi": AizuchiTTS,
}
Available_TTS_Methods = Literal["genie", "dashscope", "aizuchi"]

__all__ = [
    "REGISTRY",
    "AbstractTTS",
    "AizuchiTTS",
    "Available_TTS_Methods",
    "DashscopeTTS",
    "GenieTTS",
    "create_tts",
]


def create_tts(tts_method_name: str = "", **kwargs: Any) -> AbstractTTS:
    """A voice by its name in `REGISTRY`. Raises ValueError for an unknown one, or none."""
    if tts_method_name not in REGISTRY:
        raise ValueError(
            f"TTS {tts_method_name!r} not found in registry; tts_method_name is one of {', '.join(REGISTRY)}"
        )
    return REGISTRY[tts_method_name](**kwargs)
