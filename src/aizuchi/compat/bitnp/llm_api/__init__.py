"""Chat models as bots that tell by events what they say. `REGISTRY` takes classes of your own."""

from __future__ import annotations

from typing import Any

from aizuchi.compat.bitnp.llm_api.abstract_bot import AbstractBot
from aizuchi.compat.bitnp.llm_api.glm import GlmBot
from aizuchi.compat.bitnp.llm_api.openai import OpenAIBot

REGISTRY: dict[str, type[AbstractBot]] = {"glm": GlmBot, "openai": OpenAIBot}

__all__ = ["REGISTRY", "AbstractBot", "GlmBot", "OpenAIBot", "create_bot"]


def create_bot(api_name: str, **kwargs: Any) -> AbstractBot:
    """A bot by its name in `REGISTRY`. Raises ValueError for an unknown one."""
    if api_name not in REGISTRY:
        raise ValueError(f"Bot {api_name} not found in registry; there are {', '.join(REGISTRY)}")
    return REGISTRY[api_name](**kwargs)
