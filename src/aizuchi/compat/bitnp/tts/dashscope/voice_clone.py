"""Voices of one's own at DashScope: make one from a recording, list those there are.

Source: Alibaba Cloud Model Studio, "Voice cloning" (qwen-voice-enrollment), read 2026-11.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any, Final

from aizuchi.compat.bitnp.tts.dashscope.realtime import DEFAULT_MODEL

DEFAULT_TARGET_MODEL: Final = DEFAULT_MODEL
"""The model that speaks with the new voice; both must be the same."""
DEFAULT_AUDIO_MIME_TYPE: Final = "audio/mpeg"
TIMEOUT: Final = 120.0
"""Seconds for one request; a recording of some megabytes has to travel."""
LARGEST: Final = 10 << 20
"""Bytes of a recording that the vendor takes."""
_BEIJING: Final = "https://dashscope.aliyuncs.com/api/v1"

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
    """
    path = Path(file_path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no recording {file_path}")
    if path.stat().st_size > LARGEST:
        raise RuntimeError(f"{file_path} is larger than {LARGEST >> 20} MB; 10 to 20 seconds are enough")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    asked = {
        "action": "create",
        "target_model": target_model,
        "preferred_name": preferred_name,
        "audio": {"data": f"data:{audio_mime_type};base64,{data}"},
    }
    match _ask(api_key, asked):
        case {"output": {"voice": str(voice)}}:
            print(f"Voice made: {voice}")
            return voice
        case _:
            raise RuntimeError("creating the voice failed: the answer names no voice")


def query_voice_list(api_key: str, page_size: int = 10, page_index: int = 0) -> list[dict[str, Any]]:
    """The account's cloned voices; printed, too. Raises RuntimeError."""
    match _ask(api_key, {"action": "list", "page_size": page_size, "page_index": page_index}):
        case {"output": {"voice_list": list(voices)}}:
            known = [voice for voice in voices if isinstance(voice, dict)]
        case _:
            raise RuntimeError("listing the voices failed: the answer holds no list")
    print(f"Voices: {len(known)}")
    for voice in known:
        print(f"- {voice.get('voice')}  {voice.get('gmt_create')}  {voice.get('target_model')}")
    return known


def _ask(api_key: str, asked: dict[str, Any]) -> Any:
    import httpx

    base = os.environ.get("DASHSCOPE_HTTP_BASE_URL", "").strip().rstrip("/") or _BEIJING
    try:
        response = httpx.post(
            f"{base}/services/audio/tts/customization",
            headers={"Authorization": f"Bearer {api_key}"},
            json={"model": "qwen-voice-enrollment", "input": asked},
            timeout=TIMEOUT,
        )
        if response.status_code != 200:
            said = " ".join(response.text.split())[:300]
            raise RuntimeError(f"{asked['action']} failed: HTTP {response.status_code}: {said}")
        return response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # Of a transport's error only the kind: its text may hold addresses of the machine.
        raise RuntimeError(f"{asked['action']} failed: {type(error).__name__}") from None
