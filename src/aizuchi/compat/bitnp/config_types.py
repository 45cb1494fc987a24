"""Settings as models that can also be used like dictionaries, `**` included.

Fields that a model does not declare are kept and readable by name, but `**config`, iteration, `keys`,
`values` and `items` cover the declared ones only; `model_dump()` gives all. So
`create_tts(**Dashscope_TTS_Config(api_key=..., model=..., format="wav", voice=...))` passes no `format`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView
from typing import Any

from pydantic import BaseModel, ConfigDict


class CompatibaleModel(BaseModel):
    """A model that reads like a dictionary. The spelling is the one that scripts import."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        return iter(self.items())

    def __getitem__(self, key: str) -> Any:
        """A declared or further field. Raises KeyError."""
        if key in type(self).model_fields:
            return getattr(self, key)
        return (self.model_extra or {})[key]

    def keys(self) -> KeysView[str]:
        return type(self).model_fields.keys()

    def values(self) -> Iterable[Any]:
        return [getattr(self, name) for name in self.keys()]

    def items(self) -> Iterable[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.keys()]


class LLM_Config(CompatibaleModel):
    """A chat model: which bot, its key, its name, who it plays, how many messages it remembers."""

    api_name: str
    token: str
    model_name: str
    system_prompt: str
    max_context_length: int


class Genie_TTS_Config(CompatibaleModel):
    """Genie's local voice: a folder of models, and a recording that it is to sound like."""

    tts_method_name: str = "genie"
    onnx_model_dir: str
    language: str
    ref_audio_path: str
    ref_audio_text: str
    ref_audio_language: str


class Dashscope_TTS_Config(CompatibaleModel):
    """A Qwen voice behind DashScope, cloned or one of theirs."""

    tts_method_name: str = "dashscope"
    api_key: str
    model: str
    voice: str


TTS_Config = Genie_TTS_Config | Dashscope_TTS_Config


class AgentConfig(CompatibaleModel):
    """What all agents need. `tts_config` and whatever else an agent takes are further fields."""

    server_url: str
    agent_name: str
    llm_api_config: LLM_Config
    tts_stream: bool = False
