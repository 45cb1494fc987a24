"""The native protocol: `up` and `down` are its messages, `NativeWire` one connection of it."""

from aizuchi.wire.native.wire import NativeWire

__all__ = ["NativeWire"]
