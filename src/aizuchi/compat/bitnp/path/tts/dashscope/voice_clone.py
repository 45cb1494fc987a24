"""`tts.dashscope.voice_clone`, by its bare name."""

from aizuchi.compat.bitnp.tts.dashscope.voice_clone import (
    DEFAULT_AUDIO_MIME_TYPE,
    DEFAULT_TARGET_MODEL,
    create_voice,
    query_voice_list,
)

__all__ = ["DEFAULT_AUDIO_MIME_TYPE", "DEFAULT_TARGET_MODEL", "create_voice", "query_voice_list"]
