"""Which worker gets a connection: a request's head -> keys, keys and loads -> a worker. No input or output.

A key is hashed with each living worker's number and the highest wins (rendezvous hashing), so that a worker
that dies moves its own keys only, and gets them back when it has been started again. A path that is pinned
stays where it is until that worker dies. A room, named by a path's last segment, stays with the worker that
has it, as a session does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from aizuchi.ports import Shard
from aizuchi.server.paths import find

SESSION: Final = "session"
TALKING: Final = 4
"""A session in which somebody speaks or is answered costs about as much as so many that are quiet."""


class Key(NamedTuple):
    """One thing by which a connection may find its worker."""

    kind: Literal["pinned", "session", "same"]
    value: str


def complete(head: bytes) -> bool:
    """Whether nothing more is needed to route: the blank line is there, or it will never be HTTP."""
    return b"\r\n\r\n" in head or b"\n\n" in head or not head[:1].isalpha()


def keys(head: bytes, shards: Mapping[str, Shard]) -> tuple[Key, ...]:
    """The keys of a request in the order in which they decide; `shards` is path -> how it is keyed.

    Garbage and half heads have those that can be read, or none.
    """
    first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = first.split(" ")
    path, _, query = (words[1] if len(words) > 1 else "").partition("?")
    shard = find(shards, path)
    if shard is None:
        return ()
    if shard.room:
        return (Key("session", f"{shard.room}/{unquote(path.rpartition('/')[2])}"),)
    if shard.pinned:
        return (Key("pinned", path),)
    asked: dict[str, str] = {}
    for name, value in parse_qsl(query.partition("#")[0], max_num_fields=None):
        asked.setdefault(name.lower(), value)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    values = [(name, asked.get(name, "")) for name in shard.query]
    values += [(name, _secret(name, headers.get(name, ""))) for name in shard.headers]
    return tuple(Key("session" if name == SESSION else "same", value) for name, value in values if value)


def _secret(name: str, value: str) -> str:
    """A token is the same one whether it comes as a parameter or in a header."""
    scheme, _, secret = value.partition(" ")
    return secret.strip() if name == "authorization" and scheme.lower() == "bearer" else value


def by_address(address: str) -> tuple[Key, ...]:
    """The keys of a request that can't be read (TLS)."""
    return (Key("same", address),)


@dataclass(slots=True)
class Load:
    """How busy a worker is: what it said last, and what it has been given since."""

    connections: int = 0
    talking: int = 0
    handed: int = 0
    """Connections given to it so far."""
    taken: int = 0
    """Those of them that its report knows of."""

    @property
    def score(self) -> int:
        return self.connections + self.handed - self.taken + TALKING * self.talking


class Board:
    """The living workers, their loads, and which session is where."""

    def __init__(self) -> None:
        self.loads: dict[int, Load] = {}
        self.sessions: dict[str, int] = {}
        """Session -> the worker that has it."""
        self._pinned: dict[str, int] = {}

    def come(self, worker: int) -> None:
        self.loads[worker] = Load()

    def gone(self, worker: int) -> None:
        """The worker is dead, and its sessions with it."""
        self.loads.pop(worker, None)
        self.sessions = {session: each for session, each in self.sessions.items() if each != worker}
        self._pinned = {path: each for path, each in self._pinned.items() if each != worker}

    def report(self, worker: int, *, connections: int, talking: int, taken: int) -> None:
        if (load := self.loads.get(worker)) is not None:
            load.connections, load.talking, load.taken = connections, talking, taken

    def dropped(self, session: str, worker: int) -> None:
        """A worker has a session no longer; one that has moved on meanwhile stays where it is."""
        if self.sessions.get(session) == worker:
            del self.sessions[session]

    def pick(self, keys: Sequence[Key] = ()) -> int | None:
        """The worker for a connection; None while there is none. `gave` says that it got it."""
        if not self.loads:
            return None
        for kind, value in keys:
            match kind:
                case "session" if value in self.sessions:
                    return self.sessions[value]
                case "session":
                    continue
                case "pinned":
                    return self._pinned.setdefault(value, self._highest(value))
                case "same":
                    return self._highest(value)
        if keys:
            # A session that nobody has: two connections that want it should meet.
            return self._highest(keys[0].value)
        return min(self.loads, key=lambda each: (self.loads[each].score, self.loads[each].handed, each))

    def gave(self, worker: int) -> None:
        if (load := self.loads.get(worker)) is not None:
            load.handed += 1

    def _highest(self, value: str) -> int:
        return max(self.loads, key=lambda worker: _weight(worker, value))


def _weight(worker: int, value: str) -> bytes:
    return hashlib.blake2b(f"{worker} {value}".encode(errors="surrogatepass"), digest_size=8).digest()
