"""`llm_api.openai`, by its bare name."""

from aizuchi.compat.bitnp.llm_api.openai import OpenAIBot

__all__ = ["OpenAIBot"]
