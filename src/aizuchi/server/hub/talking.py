"""What is said on one connection: from its handshake to its end, over any outlet."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Final

from aizuchi.server.hub import words
from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.outlets import Outlet, parcel
from aizuchi.server.hub.room import HubRoom
from aizuchi.server.hub.words import Disconnect, Event, IsAgentOnline, Unknown, Wrong

log = logging.getLogger(__name__)

PATIENCE: Final = 5.0
"""Seconds that a page is read no further while its agent can take no more; then its event is refused."""
_SENT: Final = parcel(words.SENT)


async def as_agent(room: HubRoom, out: Outlet) -> None:
    """An agent that has its name (`Hub.take`). Returns when it disconnects; raises Gone when it is gone."""
    try:
        await out.accept(words.welcome(out.id, datetime.now()))
        while True:
            match words.read(await out.receive(), "agent"):
                case Event(data):
                    room.relay(data, out)
                    if room.crowded:
                        room.flush()
                        await room.eased()
                case Unknown() | IsAgentOnline():
                    pass
                case Wrong(why):
                    room.flush()
                    out.put(parcel(words.error(why)))
                case Disconnect():
                    return
    finally:
        room.unseat(out)
        log.info("an agent has left the hub", extra={"agent": room.name, "client": out.id})


async def as_page(hub: Hub, name: str, out: Outlet) -> None:
    """A page. Returns when it disconnects; raises Gone when it is gone."""
    await out.accept(words.welcome(out.id, datetime.now()))
    room = hub.room(name)
    room.join(out)
    log.debug("a page has come to the hub", extra={"agent": name, "client": out.id})
    try:
        while True:
            match words.read(await out.receive(), "page"):
                case Event(data):
                    refused = room.tell_agent(data)
                    if refused and room.agent_busy:
                        await _wait(room)
                        refused = room.tell_agent(data)
                    out.put(parcel(words.error(refused)) if refused else _SENT)
                case IsAgentOnline():
                    out.put(parcel(words.online(room.online)))
                case Unknown():
                    pass
                case Wrong(why):
                    out.put(parcel(words.error(why)))
                case Disconnect():
                    return
    finally:
        room.leave(out)


async def _wait(room: HubRoom) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await room.agent_eased()
    except TimeoutError:
        return
