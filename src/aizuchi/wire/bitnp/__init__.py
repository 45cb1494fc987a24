"""What the agents of bitnp say to its page, and hear from it; see docs/wire/bitnp-agent.md."""

from aizuchi.wire.bitnp.wire import BitnpWire
from aizuchi.wire.bitnp.words import EXPRESSIONS, GESTURES

__all__ = ["EXPRESSIONS", "GESTURES", "BitnpWire"]
