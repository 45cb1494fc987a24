"""Any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import os

from aizuchi.compat.bitnp.llm_api.chat_bot import ChatBot


class OpenAIBot(ChatBot):
    """The server's address: `base_url`, else the variable OPENAI_BASE_URL, else OpenAI's own."""

    default_model = "gpt-3.5-turbo"
    default_url = "https://api.openai.com/v1"

    def address(self) -> str:
        return self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or self.default_url
