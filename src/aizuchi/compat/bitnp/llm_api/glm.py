"""Zhipu's GLM models."""

from __future__ import annotations

import os
from typing import ClassVar

from aizuchi.compat.bitnp.llm_api.chat_bot import ChatBot
from aizuchi.compat.bitnp.llm_api.raw_messages import RawGlm
from aizuchi.errors import AizuchiError
from aizuchi.providers.llm.glm import MAINLAND
from aizuchi.providers.llm.openai import ChatModel


class GlmBot(ChatBot):
    """Another address than Zhipu's stands in `base_url`, or in the variable ZHIPUAI_BASE_URL."""

    default_model = "glm-4-flash"
    default_url = MAINLAND
    model_class: ClassVar[type[ChatModel]] = RawGlm

    def address(self) -> str:
        return self.base_url or os.environ.get("ZHIPUAI_BASE_URL", "").strip() or self.default_url

    def _words(self, error: AizuchiError) -> str:
        return str(error)  # tells what the vendor's code means, and where a key is looked for
