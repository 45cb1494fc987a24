"""A character as the agent of a name: one conversation that all pages of the name share.

The conversation has one link, whose connection is the room instead of a socket. It begins with the first page
and ends when the hub says so; whoever comes after that finds a fresh one.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aizuchi.character import Character
from aizuchi.ports import Frame
from aizuchi.server.hub.ports import Resident, Room
from aizuchi.server.link import Link
from aizuchi.server.pipe import Gone
from aizuchi.wire.bitnp import BitnpWire
from aizuchi.wire.bitnp.wire import connected

if TYPE_CHECKING:
    from aizuchi.server.house import House

log = logging.getLogger(__name__)

WAITING: Final = 64
"""Events that may wait here; more wait in the room, which has a bound of its own."""
LOOK: Final = 0.5
"""Seconds after which it is looked whether pages have come or left."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What an agent of ours is."""

    character: Character
    """With its lecture, if it has one."""
    expressions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Emotion -> tag of the page's figure, besides those we know."""
    public_url: str = ""
    """Scheme, host and port at which pages reach this server, without a slash at the end."""

    def slides(self) -> list[str]:
        """Absolute addresses, for pages that come from elsewhere."""
        lecture = self.character.lecture
        urls = () if lecture is None else lecture.urls
        return [url if "://" in url else self.public_url + url for url in urls]


class CharacterResident(Resident):
    """`agent` may be replaced; a stay that runs keeps the one it began with."""

    def __init__(self, house: House, agent: Agent) -> None:
        self._house = house
        self.agent = agent

    async def run(self, room: Room) -> None:
        agent = self.agent
        lecture = agent.character.lecture
        wire = BitnpWire(
            room.name,
            room.name,
            slides=agent.slides(),
            expressions=agent.expressions,
            greets=lecture is None or not lecture.auto_start,
        )
        pipe = RoomPipe(room)
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(pipe.pump())
            try:
                await Link(self._house, wire, pipe).run()
            finally:
                pump.cancel()


def settle(house: House, agents: Mapping[str, Agent]) -> None:
    """These are the agents of a house from now on, by the names under which pages ask for them."""
    house.sessions.agents = {name: agent.character for name, agent in agents.items()}
    residents: dict[str, Resident] = {}
    for name, agent in agents.items():
        known = house.hub.residents.get(name)
        if isinstance(known, CharacterResident):
            known.agent = agent
            residents[name] = known
        else:
            residents[name] = CharacterResident(house, agent)
    house.hub.residents = residents


class RoomPipe:
    """The room as a link's connection. Besides events it gives, as bytes, how many pages there are."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._events: asyncio.Queue[Frame] = asyncio.Queue(WAITING)
        self._pages: int | None = None
        self._over = False

    async def pump(self) -> None:
        """Bring events from the room until it ends."""
        async for data in self._room.events():
            await self._events.put(json.dumps(data))
        self._over = True

    async def receive(self) -> Frame:
        while not self._over:
            if self._room.pages != self._pages:
                self._pages = self._room.pages
                return connected(self._pages)
            try:
                async with asyncio.timeout(LOOK):
                    return await self._events.get()
            except TimeoutError:
                continue
        raise Gone(1000, "the agent is not wanted any more")

    async def room(self) -> None:
        """A room always takes more, and cuts off whoever does not."""
        if self._over:
            raise Gone

    async def send(self, frame: Frame) -> None:
        self._room.publish(json.loads(frame))

    async def close(self, code: int, reason: str) -> None:
        self._over = True
        log.info("the agent %s has left: %s", self._room.name, reason)

    def abort(self) -> None:
        self._over = True
