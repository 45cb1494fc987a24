"""The ChatAnon protocol at `/ws`; see docs/wire/chatanon.md."""

from aizuchi.wire.chatanon.manners import Dialect, Manners
from aizuchi.wire.chatanon.wire import ChatAnonWire

__all__ = ["ChatAnonWire", "Dialect", "Manners"]
