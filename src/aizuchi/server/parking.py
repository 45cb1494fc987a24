"""Snapshots of parked sessions in the store.

What is kept lets a client go on after the live session is gone; it never lets anybody in, since of the
resume token only its fingerprint is there. A store that fails costs the resume, not the conversation.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from aizuchi.ports import Join, Store
from aizuchi.server.admission import Token, fingerprint, same

if TYPE_CHECKING:
    from aizuchi.server.sessions import Live

log = logging.getLogger(__name__)

KIND = "parked"
"""The store's kind; the key is the session's id."""

UNSEEN = 10_000
"""Generations and entries that clients may have seen since a running session's snapshot: these numbers only
rise, also for a client that comes back after a crash."""

T = TypeVar("T")


class Parking:
    """Keeps each snapshot for `ttl` seconds."""

    def __init__(self, store: Store, ttl: float) -> None:
        self._store = store
        self.ttl = ttl

    async def keep(self, live: Live, *, at_least: float = 0.0, running: bool = False) -> None:
        """Store a snapshot of this moment for `ttl` seconds, or longer if `at_least` says so.

        `running`: the conversation goes on, and is further than its snapshot when this is needed.
        """
        session = live.session
        snapshot = session.snapshot()
        if running:
            snapshot["generation"] += UNSEEN
            snapshot["seq"] = snapshot.get("seq", 0) + UNSEEN
        document = {
            "character": session.character.name,
            "person": session.person,
            "resume": fingerprint(live.resume_token),
            "unfinished": live.unfinished,
            "unfinished_generation": live.unfinished_generation,
            "snapshot": snapshot,
        }
        await _quietly(self._store.put(KIND, session.id, document, ttl=max(self.ttl, at_least)))

    async def find(self, session: str) -> Mapping[str, Any] | None:
        return await _quietly(self._store.get(KIND, session))

    async def forget(self, session: str) -> None:
        await _quietly(self._store.delete(KIND, session))


def may_restore(stored: Mapping[str, Any], join: Join, token: Token | None) -> bool:
    """Whether a client has shown that a snapshot is theirs: by the resume token, or as the same person."""
    right = bool(join.resume_token) and same(str(stored.get("resume", "")), fingerprint(join.resume_token))
    return right or (token is not None and same(token.who, str(stored.get("person", ""))))


async def _quietly(doing: Coroutine[Any, Any, T]) -> T | None:
    try:
        return await doing
    except (OSError, ValueError, TypeError) as error:
        log.warning("the store did not keep or find a parked session: %s", error)
        return None
