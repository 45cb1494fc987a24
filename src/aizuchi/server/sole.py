"""Connections of which there may be one at a time: the newest stays. No input or output."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    id: str


G = TypeVar("G", bound=Named)


class Sole(Generic[G]):
    """Who holds which key. A connection that was replaced is remembered as lost until it leaves."""

    def __init__(self) -> None:
        self._holders: dict[str, G] = {}
        self._keys: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def take(self, key: str, who: G) -> G | None:
        """The key is theirs from now on; returns whose it was."""
        before = self._holders.get(key)
        self._holders[key] = who
        self._keys[who.id] = key
        return before if before is not who else None

    def lost(self, id_: str) -> bool:
        """Whether a connection had a key and another one has taken it."""
        key = self._keys.get(id_)
        return key is not None and not self._holds(key, id_)

    def leave(self, id_: str) -> None:
        """A connection is over, whoever has its key now. May be called for any, and twice."""
        key = self._keys.pop(id_, None)
        if key is not None and self._holds(key, id_):
            del self._holders[key]

    def _holds(self, key: str, id_: str) -> bool:
        holder = self._holders.get(key)
        return holder is not None and holder.id == id_
