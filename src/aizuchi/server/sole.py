"""Connections of which there may be one at a time: the newest stays. No input or output.

`Sole` is what a process knows of its own, `Holders` what the process that started several knows of all.
"""

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

    def lose(self, key: str, id_: str) -> G | None:
        """Another process has the key now; the connection that loses it, unless it has done so before."""
        if not self._holds(key, id_):
            return None
        return self._holders.pop(key)

    def lost(self, id_: str) -> bool:
        """Whether a connection had a key and another one has taken it."""
        key = self._keys.get(id_)
        return key is not None and not self._holds(key, id_)

    def leave(self, id_: str) -> str:
        """A connection is over; returns the key that nobody has now, if it had one. May be called for any,
        and twice."""
        key = self._keys.pop(id_, None)
        if key is None or not self._holds(key, id_):
            return ""
        del self._holders[key]
        return key

    def _holds(self, key: str, id_: str) -> bool:
        holder = self._holders.get(key)
        return holder is not None and holder.id == id_


class Holders:
    """Which connection of which worker has which key."""

    def __init__(self) -> None:
        self._holders: dict[str, tuple[int, str]] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def take(self, key: str, worker: int, id_: str) -> tuple[int, str] | None:
        """The key is theirs; worker and connection that had it until now."""
        before = self._holders.get(key)
        self._holders[key] = (worker, id_)
        return before

    def leave(self, key: str, worker: int, id_: str) -> None:
        """A connection is over; does nothing if the key is another's."""
        if self._holders.get(key) == (worker, id_):
            del self._holders[key]

    def gone(self, worker: int) -> None:
        """The worker is dead, and its connections with it."""
        self._holders = {key: each for key, each in self._holders.items() if each[0] != worker}
