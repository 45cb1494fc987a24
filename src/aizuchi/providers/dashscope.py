"""What everything at Alibaba's DashScope (Model Studio, Bailian) shares: addresses, key, failures.

Addresses differ by region, and since 2026 by workspace (`wss://WORKSPACE.REGION.maas.aliyuncs.com/...`);
whichever it is, the paths are the same, so that one address tells the others.

Source: Alibaba Cloud Model Studio, "CosyVoice WebSocket API", "Qwen-TTS Realtime API" and the list of error
codes, read 2026-11.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers.line import LineOptions, key_of, no_key

MAINLAND: Final = "wss://dashscope.aliyuncs.com"
INTERNATIONAL: Final = "wss://dashscope-intl.aliyuncs.com"
INFERENCE: Final = "/api-ws/v1/inference"
REALTIME: Final = "/api-ws/v1/realtime"
CUSTOMIZATION: Final = "/api/v1/services/audio/tts/customization"
VARIABLE: Final = "DASHSCOPE_API_KEY"
IDLE: Final = 50.0
"""Seconds after which a connection is not used again; the server closes it after 60 without a task."""

_ADVICE: Final = {
    "InvalidApiKey": f"the key is not accepted; set {VARIABLE}, and the base_url of the key's region",
    "Arrearage": "the account is in arrears; top it up in the vendor's console",
    "AccessDenied": "the account may not use this model; switch it on in the vendor's console",
    "ModelNotFound": "there is no such model at this address; look at `model` and the region of base_url",
    "Throttling": "too many requests in a short time; wait a little, or ask the vendor for a higher limit",
    "DataInspectionFailed": "the vendor's moderation refused the text",
}
_LASTING: Final = (
    "Invalid",
    "invalid_",
    "Arrearage",
    "AccessDenied",
    "Access_denied",
    "ModelNotFound",
    "model_not_found",
    "Unsupported",
    "DataInspection",
    "Audio.",
)
"""Codes of failures that no other try mends begin so."""


class DashScopeOptions(LineOptions):
    """Where it is and who asks."""

    base_url: str = Field(
        default=MAINLAND,
        description="the host, or the whole WebSocket address; keys of other regions need that region's,"
        " such as wss://dashscope-intl.aliyuncs.com",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), description="the key; empty: DASHSCOPE_API_KEY from the environment"
    )
    workspace: str = Field(default="", description="id of the key's workspace, if it needs one")


def address(base_url: str, path: str) -> str:
    """`base_url` with the path of a service, unless it has one already."""
    given = base_url.strip().rstrip("/")
    try:
        return given if urlsplit(given).path else given + path
    except ValueError:
        return given


def http_of(base_url: str, path: str = CUSTOMIZATION) -> str:
    """The HTTP address beside a WebSocket one. Raises ConfigError when it is none."""
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    scheme = {"ws": "http", "wss": "https", "http": "http", "https": "https"}.get(parts.scheme)
    if scheme is None or not host:
        raise ConfigError(
            f"{base_url!r:.80} is not an address of DashScope; expected something like {MAINLAND}"
        )
    if parts.scheme in ("http", "https") and parts.path.rstrip("/") not in ("", "/api/v1"):
        path = parts.path  # somebody named the whole of it
    return f"{scheme}://{parts.netloc}{path}"


def key(options: DashScopeOptions) -> str:
    """The key in use; empty if there is none."""
    return key_of(options.api_key, VARIABLE)


def need_key(name: str, options: DashScopeOptions) -> None:
    """Raises ConfigError when the vendor's own server would be asked without a key."""
    host = urlsplit(options.base_url).hostname or ""
    if not key(options) and host.endswith("aliyuncs.com"):
        raise no_key(name, VARIABLE)


def headers(options: DashScopeOptions) -> dict[str, str]:
    made = {"Authorization": f"Bearer {key(options)}"}
    return made | ({"X-DashScope-WorkSpace": options.workspace} if options.workspace else {})


def refused(name: str) -> str:
    """What is said of a handshake that was refused."""
    return (
        f"refused the key; set {VARIABLE}, or {name}.api_key, and the base_url of the region it was made in"
    )


def failure(host: str, what: str, code: Any, message: Any, secret: str) -> ProviderError:
    """An error that the vendor told, in our words and without the key. `what` is what it did."""
    code = " ".join(str(code or "no code").split())[:80]
    why = " ".join(str(message or "no reason given").split())
    if len(secret) >= 4:
        why, code = why.replace(secret, "***"), code.replace(secret, "***")
    advice = next((words for begin, words in _ADVICE.items() if code.startswith(begin)), "")
    said = "; ".join(filter(None, (why[:300], advice)))
    return ProviderError(f"{host} {what} ({code}): {said}", retryable=not code.startswith(_LASTING))
