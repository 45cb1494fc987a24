"""The names of a server: who is there under each, and whether a name may be had."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aizuchi.server.hub.manners import Manners
from aizuchi.server.hub.outlets import Outlet
from aizuchi.server.hub.ports import Resident
from aizuchi.server.hub.room import HubRoom
from aizuchi.server.hub.stay import Lodging, Spawn

if TYPE_CHECKING:
    from aizuchi.server.siblings import Siblings

log = logging.getLogger(__name__)

KIND: Final = "bitnp"
"""What a name's key begins with where connections look for their process."""


class Hub:
    """One per process. `open` before the first connection, `close` at the end.

    `residents` are agents of our own by their names; they may be set until `open`. With `siblings` the
    other processes learn which names are here.
    """

    def __init__(
        self,
        manners: Manners | None = None,
        *,
        residents: Mapping[str, Resident] | None = None,
        siblings: Siblings | None = None,
    ) -> None:
        self.manners = manners or Manners()
        self.residents: Mapping[str, Resident] = residents or {}
        self._siblings = siblings
        self._spawn: Spawn | None = None
        self._rooms: dict[str, HubRoom] = {}

    def open(self, spawn: Spawn) -> None:
        """`spawn` makes a task that the server waits for."""
        self._spawn = spawn

    def close(self) -> None:
        """Agents of ours have to leave; connections are their server's to close."""
        self._spawn = None
        for room in tuple(self._rooms.values()):
            room.close()

    # -- rooms

    def counts(self) -> dict[str, int]:
        """Names under which somebody is there, outside agents and pages that are connected; here."""
        rooms = self._rooms.values()
        return {
            "names": len(rooms),
            "agents": sum(room.agent is not None for room in rooms),
            "pages": sum(len(room.pages) for room in rooms),
        }

    def room(self, name: str) -> HubRoom:
        """The room of a name. One in which nobody is yet is to be entered without waiting, or dropped by
        `sweep`."""
        room = self._rooms.get(name)
        if room is None:
            room = HubRoom(
                name,
                envelope=self.manners.envelope,
                most=self.manners.queue_bytes,
                empty=self._empty,
            )
            resident, spawn = self.residents.get(name), self._spawn
            if resident is not None and spawn is not None:
                room.lodging = Lodging(
                    resident,
                    name,
                    linger=self.manners.linger,
                    spawn=spawn,
                    pages=lambda: len(room.pages),
                    publish=room.relay,
                    idle=lambda: self.sweep(room),
                )
            self._rooms[name] = room
            if self._siblings is not None:
                self._siblings.hold(key(name))
        return room

    def sweep(self, room: HubRoom) -> None:
        """Forget a room that nobody is in."""
        if room.vacant:
            self._empty(room)

    def _empty(self, room: HubRoom) -> None:
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
            if self._siblings is not None:
                self._siblings.drop(key(room.name))

    # -- the name

    async def take(self, name: str, agent: Outlet) -> HubRoom | None:
        """Give an agent its name; None when it is refused.

        An agent of ours makes room unless the configuration says otherwise. A connection that has the name
        is asked for a sign of life first: a client that crashed may else keep it for a minute.
        """
        if name in self.residents and not self.manners.takeover:
            return None
        holder = self._holder(name)
        patience = self.manners.holder_patience
        if holder is not None:
            if patience <= 0 or await holder.alive(patience):
                return None
            # Whoever waited with us may have been quicker.
            if self._holder(name) is holder:
                log.warning("an agent no longer answers; another one gets its name", extra={"agent": name})
                self.room(name).unseat(holder)
                holder.abort()
        if self._holder(name) is not None:
            return None
        room = self.room(name)
        room.seat(agent)
        log.info("an agent has come to the hub", extra={"agent": name, "client": agent.id})
        return room

    def _holder(self, name: str) -> Outlet | None:
        room = self._rooms.get(name)
        return None if room is None else room.agent


def key(name: str) -> str:
    """What a name is called among processes."""
    return f"{KIND}/{name}"
