"""Voices of one's own at DashScope: make one from a recording, list those there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from aizuchi.compat.bitnp.tts.dashscope.places import DEFAULT_MODEL, http_address
from aizuchi.errors import AizuchiError

DEFAULT_TARGET_MODEL: Final = DEFAULT_MODEL
"""The model that speaks with the new voice; both must be the same."""
DEFAULT_AUDIO_MIME_TYPE: Final = "audio/mpeg"
LARGEST: Final = 10 << 20
"""Bytes of a recording that the vendor takes."""

__all__ = ["DEFAULT_AUDIO_MIME_TYPE", "DEFAULT_TARGET_MODEL", "create_voice", "query_voice_list"]


def create_voice(
    api_key: str,
    file_path: str,
    preferred_name: str,
    target_model: str = DEFAULT_TARGET_MODEL,
    audio_mime_type: str = DEFAULT_AUDIO_MIME_TYPE,
) -> str:
    """Clone the voice of a recording; gives the new voice's id.

    Raises FileNotFoundError when there is no such file, RuntimeError for whatever else goes wrong.
    `aizuchi voices clone` also looks at the recording before it is sent.
    """
    from aizuchi.providers.cloning import dashscope

    path = Path(file_path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no recording {file_path}")
    if path.stat().st_size > LARGEST:
        raise RuntimeError(f"{file_path} is larger than {LARGEST >> 20} MB; 10 to 20 seconds are enough")
    try:
        voice = dashscope.create_voice(
            api_key,
            path.read_bytes(),
            preferred_name=preferred_name,
            target_model=target_model,
            audio_mime_type=audio_mime_type,
            base_url=http_address(),
        )
    except AizuchiError as error:
        raise RuntimeError(f"creating the voice failed: {error}") from None
    print(f"Voice made: {voice}")
    return voice


def query_voice_list(api_key: str, page_size: int = 10, page_index: int = 0) -> list[dict[str, Any]]:
    """The account's cloned voices, with `voice`, `gmt_create`, `target_model`; printed, too.

    Raises RuntimeError.
    """
    from aizuchi.providers.cloning import dashscope

    try:
        voices = dashscope.query_voice_list(
            api_key, page_size=page_size, page_index=page_index, base_url=http_address()
        )
    except AizuchiError as error:
        raise RuntimeError(f"listing the voices failed: {error}") from None
    print(f"Voices: {len(voices)}")
    for voice in voices:
        print(f"- {voice.get('voice')}  {voice.get('gmt_create')}  {voice.get('target_model')}")
    return voices
