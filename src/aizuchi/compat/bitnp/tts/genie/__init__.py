"""Genie, a local GPT-SoVITS voice."""

from aizuchi.compat.bitnp.tts.genie.compatible_api import GenieTTS

__all__ = ["GenieTTS"]
