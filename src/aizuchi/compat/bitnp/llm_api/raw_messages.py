"""Chat models that send a script's messages as they were written, parts and pictures included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aizuchi.ports import Prompt
from aizuchi.providers.llm.glm import GlmModel
from aizuchi.providers.llm.openai import ChatModel, OpenAIModel


@dataclass(frozen=True, slots=True)
class RawPrompt(Prompt):
    raw: tuple[Any, ...] = ()
    """What stands in `messages` of the request."""


class _Raw(ChatModel):
    def request(self, prompt: Prompt) -> dict[str, Any]:
        body = super().request(prompt)
        return body | {"messages": list(prompt.raw)} if isinstance(prompt, RawPrompt) else body


class RawOpenAI(_Raw, OpenAIModel):
    """Any server that speaks OpenAI's chat completions."""


class RawGlm(_Raw, GlmModel):
    """Zhipu's, with its own error codes."""
