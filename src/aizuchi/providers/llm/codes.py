"""What the error codes of two vendors mean, by the dialect their servers speak.

The HTTP status says too little there: GLM answers 429 to an account in arrears and to one call too many
alike, Ark 403 to an unpaid bill, 429 to a limit that a person set and has to lift, and both 400 to a sentence
they do not want to hear. A code in the middle of a stream comes with no status at all.

Sources: Volcengine Ark, "error codes" (docs/82379/1299023), read 2026-11 as of 2025-11; Z.ai API reference,
"errors", read 2026-11. What a table does not know is judged by its status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aizuchi.providers.openai import Trouble

ARK: Final[Mapping[str, Trouble]] = {
    "AuthenticationError": "key",
    "AccessDenied": "key",
    "InvalidAccountStatus": "account",
    "AccountOverdueError": "money",
    "ServiceOverdue": "money",
    "InvalidEndpointOrModel": "model",
    "InvalidEndpoint": "model",
    "ModelNotOpen": "model",
    "ServiceNotOpen": "model",
    "UnsupportedModel": "model",
    "MissingParameter": "request",
    "InvalidParameter": "request",
    "OperationDenied": "request",
    "SensitiveContentDetected": "content",
    "InputText": "content",
    "InputImage": "content",
    "OutputText": "content",
    "OutputImage": "content",
    "SetLimitExceeded": "plan",
    "QuotaExceeded": "plan",
    "RateLimitExceeded": "rate",
    "ModelAccountRpmRateLimitExceeded": "rate",
    "ModelAccountTpmRateLimitExceeded": "rate",
    "APIAccountRpmRateLimitExceeded": "rate",
    "RequestBurstTooFast": "rate",
    "ServerOverloaded": "busy",
    "InternalServiceError": "busy",
}

GLM: Final[Mapping[str, Trouble]] = {
    "500": "busy",
    "100": "key",
    "111": "account",
    "1113": "money",
    "1120": "busy",
    "1121": "account",
    "1200": "busy",
    "121": "request",
    "1211": "model",
    "122": "model",
    "1230": "busy",
    "1231": "request",
    "1234": "busy",
    "1261": "request",
    "1300": "content",
    "1301": "content",
    "1302": "rate",
    "1303": "rate",
    "1304": "plan",
    "1305": "busy",
    "1308": "plan",
    "1309": "plan",
    "131": "plan",
}
"""Codes are digits in a text. 1308 and above belong to subscriptions, whose hours no retry shortens."""

CODES: Final[Mapping[str, Mapping[str, Trouble]]] = {"doubao": ARK, "glm": GLM}
"""By the dialect's name."""
