"""Qwen voices behind Alibaba's DashScope."""

from aizuchi.compat.bitnp.tts.dashscope.dashscope_tts import DashscopeTTS

__all__ = ["DashscopeTTS"]
