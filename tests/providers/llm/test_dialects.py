"""Which server wants what: one row a fact."""

from __future__ import annotations

from typing import Any

import pytest

from aizuchi.providers.llm import dialects


@pytest.mark.parametrize(
    "host, port, model, own, name",
    [
        ("api.openai.com", 443, "gpt-5.4-mini", False, "openai"),
        ("eu.api.openai.com", 443, "x", False, "openai"),
        ("mine.openai.azure.com", 443, "x", False, "openai"),
        ("ark.cn-beijing.volces.com", 443, "ep-1", False, "doubao"),
        ("open.bigmodel.cn", 443, "glm-4.7", False, "glm"),
        ("api.z.ai", 443, "glm-5", False, "glm"),
        ("dashscope.aliyuncs.com", 443, "qwen-plus", False, "qwen"),
        ("dashscope-intl.aliyuncs.com", 443, "deepseek-v3", False, "qwen"),
        ("api.deepseek.com", 443, "deepseek-chat", False, "deepseek"),
        ("openrouter.ai", 443, "qwen/qwen3-8b", False, "openrouter"),
        ("generativelanguage.googleapis.com", 443, "gemini-2.5-flash", False, "gemini"),
        ("127.0.0.1", 11434, "qwen3", True, "ollama"),
        ("gpu.lan", 8000, "Qwen/Qwen3-8B", True, "vllm"),
        ("localhost", 8080, "x", True, "llamacpp"),
        ("localhost", 1234, "x", True, "lmstudio"),
        ("localhost", 9999, "qwen3", True, "generic"),
        ("relay.example", 443, "gpt-5.4", False, "openai"),
        ("relay.example", 443, "glm-4.7", False, "glm"),
        ("relay.example", 443, "deepseek-ai/DeepSeek-V3.2", False, "deepseek"),
        ("relay.example", 443, "Qwen/Qwen3-8B", False, "qwen"),
        ("relay.example", 443, "gpt-oss-20b", False, "generic"),
        ("relay.example", 443, "mystery", False, "generic"),
    ],
)
def test_find(host: str, port: int, model: str, own: bool, name: str):
    """The host decides, then one's own port, then the model's name."""
    assert dialects.find(host, port, model, own=own).name == name


@pytest.mark.parametrize(
    "name, model, off, low",
    [
        ("openai", "gpt-4o", {}, {}),
        ("openai", "gpt-5", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ("openai", "gpt-5-mini", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ("openai", "gpt-5.4-mini", {"reasoning_effort": "none"}, {"reasoning_effort": "low"}),
        ("openai", "gpt-6-luna", {"reasoning_effort": "none"}, {"reasoning_effort": "low"}),
        ("openai", "gpt-5-chat-latest", {}, {}),
        ("openai", "o4-mini", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        (
            "doubao",
            "doubao-seed-1-6",
            {"thinking": {"type": "disabled"}},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
        ),
        (
            "glm",
            "glm-4.7",
            {"thinking": {"type": "disabled"}},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
        ),
        (
            "deepseek",
            "deepseek-chat",
            {"thinking": {"type": "disabled"}},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
        ),
        ("qwen", "qwen-plus", {"enable_thinking": False}, {"enable_thinking": True, "thinking_budget": 1024}),
        ("ollama", "qwen3", {"reasoning_effort": "none"}, {"reasoning_effort": "low"}),
        (
            "vllm",
            "qwen3",
            {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
            {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}, "reasoning_effort": "low"},
        ),
        ("openrouter", "x", {"reasoning": {"effort": "none"}}, {"reasoning": {"effort": "low"}}),
        ("gemini", "x", {"reasoning_effort": "none"}, {"reasoning_effort": "low"}),
        ("groq", "qwen/qwen3-32b", {"reasoning_effort": "none"}, {"reasoning_effort": "default"}),
        ("groq", "openai/gpt-oss-20b", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("lmstudio", "x", {}, {"reasoning_effort": "low"}),
        ("generic", "x", {}, {}),
    ],
)
def test_reasoning(name: str, model: str, off: dict[str, Any], low: dict[str, Any]):
    """Each dialect has its fields for no thinking and for a little."""
    dialect = dialects.BY_NAME[name]
    assert dialect.reasoning(model, "off") == off
    assert dialect.reasoning(model, "low") == low


@pytest.mark.parametrize(
    "model, expected",
    [
        ("gpt-4o-mini", True),
        ("gpt-5.4-mini", True),
        ("gpt-3.5-turbo", False),
        ("o3", True),
        ("o3-mini", False),
        ("o4-mini-2025-04-16", True),
        ("glm-4.5v", True),
        ("glm-4.7", False),
        ("qwen-vl-max", True),
        ("Qwen2.5-VL-7B", True),
        ("qwen-plus", False),
        ("doubao-seed-1-6-lite-251015", True),
        ("deepseek-chat", False),
        ("llava:7b", True),
        ("llama3.2", False),
        ("model-o-1", False),
    ],
)
def test_sees(model: str, expected: bool):
    """A name tells whether a model takes pictures, as far as names tell."""
    assert dialects.sees(model) is expected
