"""`tts`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.tts import (
    REGISTRY,
    AbstractTTS,
    AizuchiTTS,
    Available_TTS_Methods,
    DashscopeTTS,
    GenieTTS,
    create_tts,
)

__path__ = extend_path(__path__, __name__)

__all__ = [
    "REGISTRY",
    "AbstractTTS",
    "AizuchiTTS",
    "Available_TTS_Methods",
    "DashscopeTTS",
    "GenieTTS",
    "create_tts",
]
