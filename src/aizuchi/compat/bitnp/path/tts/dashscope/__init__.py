"""`tts.dashscope`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.tts.dashscope import DashscopeTTS

__path__ = extend_path(__path__, __name__)

__all__ = ["DashscopeTTS"]
