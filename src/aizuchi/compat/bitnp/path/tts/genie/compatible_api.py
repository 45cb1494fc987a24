"""`tts.genie.compatible_api`, by its bare name."""

from aizuchi.compat.bitnp.tts.genie.compatible_api import GenieTTS

__all__ = ["GenieTTS"]
