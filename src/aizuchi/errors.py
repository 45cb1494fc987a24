"""The error tree.

AizuchiError
├── ConfigError      the user mends it: a key, a file, a port, a missing package
├── ProtocolError    the client broke its wire; answered in the client's own words
│   └── UnknownCharacter it asked for somebody who is not here
├── ProviderError    a vendor or model failed; `retryable` says whether another try may help
│   ├── StageTimeout it did not answer within the stage's limit
│   └── Busy         it was not asked: too many calls run or wait already
└── ToolError        told to the model, which decides what to say

A turn makes a `Fault` of a provider's error, a link answers a protocol error, the command line
prints one line for a configuration error. Nothing else catches them.
"""

from __future__ import annotations


class AizuchiError(Exception):
    """Everything Aizuchi raises on purpose."""


class ConfigError(AizuchiError):
    """Something the user wrote, or did not write, keeps the server from starting.

    `zh` is the same sentence in Chinese, for what a newcomer is likely to meet below the command line;
    what the command line itself raises is in the user's language already.
    """

    def __init__(self, message: str, *, zh: str = "") -> None:
        super().__init__(message)
        self.zh = zh or message


class ProtocolError(AizuchiError):
    """A client sent what its protocol does not allow.

    `code` is a word of that protocol (`bad_message`, `auth_failed`, ...). `close` is the WebSocket
    close code if the connection can't go on, else None and the session lives. `retry_after_ms`: when it
    makes sense to try again, None if that is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "bad_message",
        close: int | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.close = close
        self.retry_after_ms = retry_after_ms


class UnknownCharacter(ProtocolError):
    """A client asked for a character of a name that nobody here has."""


class ProviderError(AizuchiError):
    """A vendor or an embedded model failed.

    `retryable`: the same request may succeed elsewhere or later. `retry_after_ms`: the vendor's own
    advice, None if it gave none. The message never holds a key or a whole request.
    """

    def __init__(self, message: str, *, retryable: bool = True, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms


class StageTimeout(ProviderError):
    """A provider gave nothing within its stage's time limit."""


class Busy(ProviderError):
    """No provider was asked, since too many calls run or wait; `retry_after_ms` says when to come again."""


class ToolError(AizuchiError):
    """A tool could not do what was asked; the message is meant for the model."""
