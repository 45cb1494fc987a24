"""How many tokens a text is for a model, estimated without its tokenizer.

A quarter of a token for each Latin character, one for each wide one; vendors count somewhat differently,
so a budget built on this wants a margin.
"""

from __future__ import annotations

from typing import Final

from aizuchi.engine.scripts import width
from aizuchi.ports import Message

IMAGE_TOKENS: Final = 800
"""What one picture is taken for, whatever its size."""
_PER_MESSAGE: Final = 4
"""Role, separators."""


def estimate(text: str) -> int:
    """Tokens of `text`, rounded up; 0 for the empty text."""
    wide = width(text) - len(text)
    return wide + (len(text) - wide + 3) // 4


def of_message(message: Message) -> int:
    """Tokens of a message with its pictures and the calls it makes."""
    calls = sum(estimate(call.name) + estimate(call.args) + _PER_MESSAGE for call in message.calls)
    return _PER_MESSAGE + estimate(message.text) + calls + IMAGE_TOKENS * len(message.images)
