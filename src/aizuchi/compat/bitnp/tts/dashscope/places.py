"""Where DashScope is asked; other addresses stand in the variables that the vendor's own package reads."""

from __future__ import annotations

import os
from typing import Final

from aizuchi.providers.dashscope import INFERENCE, MAINLAND, REALTIME

DEFAULT_MODEL: Final = "qwen3-tts-vc-realtime-2026-01-15"
"""Speaks with cloned voices."""


def socket_address(path: str = REALTIME) -> str:
    """The WebSocket address of a service."""
    base = os.environ.get("DASHSCOPE_WEBSOCKET_BASE_URL", "").strip().rstrip("/") or MAINLAND
    return base.removesuffix(INFERENCE).removesuffix(REALTIME) + path


def http_address() -> str:
    """The HTTP address, up to and with /api/v1."""
    return os.environ.get("DASHSCOPE_HTTP_BASE_URL", "").strip().rstrip("/") or MAINLAND
