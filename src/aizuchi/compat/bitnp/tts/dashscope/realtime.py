"""One utterance over Qwen-TTS realtime: a text in, 24 kHz mono s16le out as it is made.

Source: Alibaba Cloud Model Studio, "Qwen-TTS realtime" client and server events, read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import uuid
from collections.abc import AsyncGenerator
from typing import Any, Final
from urllib.parse import quote, urlsplit

from aizuchi.errors import ProviderError
from aizuchi.providers.sockets import Sockets

RATE: Final = 24_000
DEFAULT_MODEL: Final = "qwen3-tts-vc-realtime-2026-01-15"
BEIJING: Final = "wss://dashscope.aliyuncs.com/api-ws/v1/realtime"
CONNECT: Final = 10.0
"""Seconds to reach the server."""
SILENCE: Final = 30.0
"""Seconds without any message after which the utterance is given up."""


def address() -> str:
    """The realtime address, by the variable that DashScope's own package reads."""
    base = os.environ.get("DASHSCOPE_WEBSOCKET_BASE_URL", "").strip().rstrip("/")
    return f"{base.removesuffix('/inference').removesuffix('/realtime')}/realtime" if base else BEIJING


async def speak(text: str, *, api_key: str, model: str, voice: str) -> AsyncGenerator[bytes, None]:
    """The sound of a text, in slices. Closing the generator cuts the connection.

    Raises ProviderError: no key, not reachable, refused, an error of the server's, broken off.
    """
    if not api_key:
        raise ProviderError("DashscopeTTS has no key", retryable=False)
    url = address()
    host = urlsplit(url).hostname or ""
    headers = {"Authorization": f"Bearer {api_key}", "user-agent": "aizuchi"}
    refused = "refused the key, or the model"
    sockets = Sockets(f"{url}?model={quote(model)}", headers, connect=CONNECT, idle=0.0, refused=refused)
    socket, _ = await sockets.take()
    try:
        session = {
            "voice": voice,
            "mode": "server_commit",
            "response_format": "pcm",
            "sample_rate": RATE,
        }
        await socket.send(_event("session.update", session=session))
        await socket.send(_event("input_text_buffer.append", text=text))
        await socket.send(_event("session.finish"))
        while True:
            match _said(await socket.receive(SILENCE), host):
                case {"type": "response.audio.delta", "delta": str(delta)}:
                    try:
                        yield base64.b64decode(delta, validate=True)
                    except binascii.Error:
                        raise ProviderError(f"{host} sent sound that is no base64") from None
                case {"type": "session.finished"}:
                    return
                case {"type": "error", "error": error}:
                    raise ProviderError(f"{host} gave the utterance up: {_words(error)}")
                case _:
                    pass
    finally:
        sockets.give_back(socket, reusable=False)


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"event_id": f"event_{uuid.uuid4().hex}", "type": kind, **fields}, ensure_ascii=False)


def _said(message: str | bytes, host: str) -> dict[str, Any]:
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProviderError(f"{host} sent something that is no event")
    return said


def _words(error: object) -> str:
    if not isinstance(error, dict):
        return "no reason given"
    said = " ".join(str(error.get("message") or "no reason given").split())[:300]
    return f"{said} ({error['code']})" if error.get("code") else said
