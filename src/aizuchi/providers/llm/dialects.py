"""How the servers that speak the chat-completions protocol differ, as one table.

A dialect is chosen by the host of `base_url`, for a server of your own by its usual port, and last by the
model's name. Where nothing fits, `generic` adds no field that the plain protocol lacks. A server that
refuses one of the fields a dialect added is asked again without it (`openai.py`), so a wrong guess costs
one request and not the conversation.

Sources: OpenAI, DeepSeek, Ollama, vLLM and OpenRouter API references, Z.ai thinking guide, Alibaba and
Volcengine compatible-mode pages, Google's OpenAI-compatibility page; read 2026-11. The rows for `lmstudio`,
`moonshot`, `siliconflow` and `groq` follow other clients and are not confirmed by the vendors' own pages.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["off", "low", "medium", "high"]
Patch = dict[str, Any]
LEVELS: tuple[Level, ...] = ("off", "low", "medium", "high")
_BUDGET = {"low": 1_024, "medium": 4_096, "high": 16_384}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one kind of server wants said differently."""

    name: str
    reasoning: Callable[[str, Level], Patch]
    """(model, level) -> fields of the request."""
    hosts: tuple[str, ...] = ()
    """Host patterns."""
    port: int | None = None
    """The usual port on a machine of one's own."""
    models: str = ""
    """Regular expression over the model's name, for hosts nobody knows."""
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    cache_key: bool = False
    """Knows `prompt_cache_key`."""
    forbids: bool = False
    """Knows `tool_choice` "none": tools stay listed, so that its prompt cache keeps the beginning."""
    usage: bool = True
    """Knows `stream_options.include_usage`."""


def _nothing(model: str, level: Level) -> Patch:
    return {}


def _effort(model: str, level: Level) -> Patch:
    return {"reasoning_effort": "none" if level == "off" else level}


def _thinking(model: str, level: Level) -> Patch:
    if level == "off":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, "reasoning_effort": level}


def _enable_thinking(model: str, level: Level) -> Patch:
    if level == "off":
        return {"enable_thinking": False}
    return {"enable_thinking": True, "thinking_budget": _BUDGET[level]}


def _template(model: str, level: Level) -> Patch:
    # Two names, because templates differ: Qwen and GLM read the first, DeepSeek and Granite the second.
    on = level != "off"
    patch: Patch = {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}
    return patch | {"reasoning_effort": level} if on else patch


def _openai(model: str, level: Level) -> Patch:
    """Effort exists for o1 and later and for GPT-5 and later; what stands for "off" changed twice."""
    if re.match(r"o\d", model):
        return {"reasoning_effort": "low" if level == "off" else level}
    found = re.match(r"gpt-(\d+)(?:\.(\d+))?", model)
    if found is None or int(found[1]) < 5 or "chat" in model or "pro" in model:
        return {}
    if level != "off":
        return {"reasoning_effort": level}
    return {"reasoning_effort": "minimal" if (found[1], found[2]) == ("5", None) else "none"}


def _groq(model: str, level: Level) -> Patch:
    if "qwen" in model:
        return {"reasoning_effort": "none" if level == "off" else "default"}
    if "gpt-oss" in model:
        return {"reasoning_effort": "low" if level == "off" else level}
    return {}


def _lmstudio(model: str, level: Level) -> Patch:
    return {} if level == "off" else {"reasoning_effort": level}


def _openrouter(model: str, level: Level) -> Patch:
    return {"reasoning": {"effort": "none" if level == "off" else level}}


TABLE: tuple[Dialect, ...] = (
    Dialect(
        "openai",
        _openai,
        hosts=("api.openai.com", "*.api.openai.com", "*.openai.azure.com"),
        models=r"(?:gpt-[3-9](?!.*oss)|o[1-9](?:-|$))",
        max_tokens="max_completion_tokens",
        cache_key=True,
        forbids=True,
    ),
    Dialect("doubao", _thinking, hosts=("ark.*.volces.com", "ark.*.bytepluses.com"), models=r"doubao"),
    Dialect("glm", _thinking, hosts=("open.bigmodel.cn", "api.z.ai"), models=r"(?:.*/)?glm-\d"),
    Dialect(
        "qwen",
        _enable_thinking,
        hosts=("dashscope*.aliyuncs.com", "*.dashscope.aliyuncs.com"),
        models=r"(?:.*/)?(?:qwen|qwq)",
        forbids=True,
    ),
    Dialect("deepseek", _thinking, hosts=("api.deepseek.com",), models=r"(?:.*/)?deepseek", forbids=True),
    Dialect("moonshot", _thinking, hosts=("api.moonshot.cn", "api.moonshot.ai"), models=r"(?:.*/)?kimi"),
    Dialect("siliconflow", _enable_thinking, hosts=("api.siliconflow.cn", "api.siliconflow.com")),
    Dialect("gemini", _effort, hosts=("generativelanguage.googleapis.com",), models=r"(?:.*/)?gemini"),
    Dialect("openrouter", _openrouter, hosts=("openrouter.ai",), forbids=True),
    Dialect("groq", _groq, hosts=("api.groq.com",), forbids=True),
    Dialect("ollama", _effort, hosts=("ollama.com",), port=11434),
    Dialect("vllm", _template, port=8000, forbids=True),
    Dialect("llamacpp", _template, port=8080),
    Dialect("lmstudio", _lmstudio, port=1234),
    Dialect("generic", _nothing),
)
BY_NAME: Mapping[str, Dialect] = {dialect.name: dialect for dialect in TABLE}
NAMES = ("auto", *BY_NAME)

_SEES = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-[5-9]|\bo(?:1|3|4-mini)(?:-\d|$)|vision|(?:^|[-_/\d.])vl|omni|gemini|gemma-?3|llava|pixtral|claude"
    r"|glm-\d+(?:\.\d+)?v|doubao-(?:seed-)?(?:1-[5-9]|[2-9])|kimi-k[2-9]\.5|llama-?4|minicpm-[vo]"
)


def find(host: str, port: int, model: str, *, own: bool) -> Dialect:
    """The dialect of a server. `own`: it stands on this machine or in the same network."""
    for dialect in TABLE:
        if any(fnmatch.fnmatchcase(host.lower(), pattern) for pattern in dialect.hosts):
            return dialect
    if own:
        return next((dialect for dialect in TABLE if dialect.port == port), BY_NAME["generic"])
    name = model.lower()
    return next(
        (dialect for dialect in TABLE if dialect.models and re.match(dialect.models, name)),
        BY_NAME["generic"],
    )


def sees(model: str) -> bool:
    """Whether a model of this name takes images, as far as names tell."""
    return _SEES.search(model.lower()) is not None
