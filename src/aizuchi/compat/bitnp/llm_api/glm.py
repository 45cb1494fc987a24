"""Zhipu's GLM models."""

from __future__ import annotations

import os

from aizuchi.compat.bitnp.llm_api.chat_bot import ChatBot


class GlmBot(ChatBot):
    """Another address than Zhipu's stands in `base_url`, or in the variable ZHIPUAI_BASE_URL."""

    default_model = "glm-4-flash"
    default_url = "https://open.bigmodel.cn/api/paas/v4"

    def address(self) -> str:
        return self.base_url or os.environ.get("ZHIPUAI_BASE_URL", "").strip() or self.default_url
