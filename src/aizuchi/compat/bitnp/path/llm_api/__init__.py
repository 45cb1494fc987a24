"""`llm_api`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.llm_api import REGISTRY, AbstractBot, GlmBot, OpenAIBot, create_bot

__path__ = extend_path(__path__, __name__)

__all__ = ["REGISTRY", "AbstractBot", "GlmBot", "OpenAIBot", "create_bot"]
