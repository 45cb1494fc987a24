"""`tts.dashscope.dashscope_tts`, by its bare name."""

from aizuchi.compat.bitnp.tts.dashscope.dashscope_tts import DashscopeTTS

__all__ = ["DashscopeTTS"]
