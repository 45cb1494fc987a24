"""`prompts`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.prompts import AVAILABLE_PROMPTS, get_prompt

__path__ = extend_path(__path__, __name__)

__all__ = ["AVAILABLE_PROMPTS", "get_prompt"]
