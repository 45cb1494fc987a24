"""What a worker's house knows of the other workers: it asks them through the process that started all."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from aizuchi.server.channel import Channel

log = logging.getLogger(__name__)

CLAIM = 8.0
"""Seconds until a session that somebody comes back for is free; longer than its owner has."""
GATHER = 4.0


class Siblings(Protocol):
    """The other processes of a server that is several."""

    @property
    def number(self) -> int:
        """Our own."""
        ...

    def hold(self, session: str) -> None:
        """This process has a session now."""
        ...

    def drop(self, session: str) -> None:
        """It has it no longer, or did not take what it had claimed."""
        ...

    async def claim(self, session: str, *, resume_token: str, person: str) -> bool:
        """Have another process put a session into the store, if one has it.

        False if it belongs to somebody else and stays where it is. After True either `hold` or `drop` must
        follow. Never raises: whoever does not answer has lost the session.
        """
        ...

    async def alone(self, key: str, link: str) -> None:
        """A connection of ours has a key of which there is one over all; returns when no other has it.

        Never raises: a process that does not answer is left behind.
        """
        ...

    def left(self, key: str, link: str) -> None:
        """It is over."""
        ...

    async def gather(self, about: str) -> list[dict[str, Any]]:
        """What the others say of themselves; each with `worker`, its number, and `silent` if it did not."""
        ...

    async def make_room(self) -> bool:
        """Have one of the others end a parked session."""
        ...


class Crewmates:
    """The siblings at the other end of a channel."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number

    @property
    def number(self) -> int:
        return self._number

    def hold(self, session: str) -> None:
        self._channel.tell("hold", session=session)

    def drop(self, session: str) -> None:
        self._channel.tell("drop", session=session)

    async def claim(self, session: str, *, resume_token: str, person: str) -> bool:
        proof = {"resume_token": resume_token, "person": person}
        try:
            return bool(
                (await self._channel.ask("claim", within=CLAIM, session=session, **proof)).get("free")
            )
        except OSError as error:
            log.warning("nobody knows where a session is: %s", error)
            return True

    async def alone(self, key: str, link: str) -> None:
        try:
            await self._channel.ask("alone", within=GATHER, key=key, link=link)
        except OSError as error:
            log.warning("another worker may still have a client of the same token: %s", error)

    def left(self, key: str, link: str) -> None:
        self._channel.tell("left", key=key, link=link)

    async def gather(self, about: str) -> list[dict[str, Any]]:
        try:
            told = (await self._channel.ask("gather", within=GATHER, about=about)).get("told")
        except OSError as error:
            log.warning("the other workers could not be asked: %s", error)
            return []
        return list(told or ())

    async def make_room(self) -> bool:
        try:
            return bool((await self._channel.ask("make_room", within=GATHER)).get("made"))
        except OSError:
            return False
