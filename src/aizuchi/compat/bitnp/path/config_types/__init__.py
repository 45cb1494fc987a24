"""`config_types`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.config_types import (
    AgentConfig,
    CompatibaleModel,
    Dashscope_TTS_Config,
    Genie_TTS_Config,
    LLM_Config,
    TTS_Config,
)

__path__ = extend_path(__path__, __name__)

__all__ = [
    "AgentConfig",
    "CompatibaleModel",
    "Dashscope_TTS_Config",
    "Genie_TTS_Config",
    "LLM_Config",
    "TTS_Config",
]
