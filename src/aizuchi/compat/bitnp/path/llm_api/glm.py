"""`llm_api.glm`, by its bare name."""

from aizuchi.compat.bitnp.llm_api.glm import GlmBot

__all__ = ["GlmBot"]
