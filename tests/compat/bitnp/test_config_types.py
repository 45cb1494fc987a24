"""Settings that read like dictionaries."""

import pytest
from pydantic import ValidationError

from aizuchi.compat.bitnp.config_types import (
    AgentConfig,
    CompatibaleModel,
    Dashscope_TTS_Config,
    Genie_TTS_Config,
    LLM_Config,
)

LLM = LLM_Config(
    api_name="glm", token="t", model_name="glm-4-flash", system_prompt="be kind", max_context_length=11
)


def as_the_guide_calls_it() -> Dashscope_TTS_Config:
    more = {"format": "wav"}
    return Dashscope_TTS_Config(api_key="k", model="dashscope-tts", voice="zhangsan", **more)  # pyright: ignore


def test_declared_fields_only():
    """`**`, iteration, keys, values and items cover what the model declares; by name all is there."""
    config = as_the_guide_calls_it()
    declared = {"tts_method_name": "dashscope", "api_key": "k", "model": "dashscope-tts", "voice": "zhangsan"}
    assert dict(**config) == dict(config) == dict(config.items()) == declared
    assert list(config.keys()) == list(declared)
    assert list(config.values()) == list(declared.values())
    assert (config["format"], config["voice"]) == ("wav", "zhangsan")
    assert config.model_dump() == declared | {"format": "wav"}


@pytest.mark.parametrize("name", ["nothing", "keys", "model_fields", "__class__"])
def test_no_such_field(name: str):
    """Methods are no fields."""
    with pytest.raises(KeyError):
        as_the_guide_calls_it()[name]


def test_an_agents_configuration():
    """`tts_config` is a further field: the dump has it whole, `**` leaves it out."""
    more = {"tts_config": as_the_guide_calls_it()}
    config = AgentConfig(server_url="localhost:8000", agent_name="a", llm_api_config=LLM, **more)  # pyright: ignore
    assert "tts_config" not in dict(**config)
    assert config.tts_stream is False
    dumped = config.model_dump()
    assert dumped["tts_config"]["format"] == "wav"
    assert dumped["llm_api_config"] == dict(LLM)


def test_required_fields():
    """What is missing is told."""
    with pytest.raises(ValidationError, match="voice"):
        Dashscope_TTS_Config(api_key="k", model="m")  # pyright: ignore


def test_a_model_of_a_users_own():
    """Defaults and the name of Genie's method."""

    class Mine(CompatibaleModel):
        a: int = 1

    assert dict(**Mine()) == {"a": 1}
    genie = Genie_TTS_Config(
        onnx_model_dir="m", language="zh", ref_audio_path="p", ref_audio_text="t", ref_audio_language="zh"
    )
    assert genie["tts_method_name"] == "genie"
