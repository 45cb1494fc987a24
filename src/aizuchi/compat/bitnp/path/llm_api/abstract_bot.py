"""`llm_api.abstract_bot`, by its bare name."""

from aizuchi.compat.bitnp.llm_api.abstract_bot import AbstractBot

__all__ = ["AbstractBot"]
