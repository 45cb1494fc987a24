"""Who is connected, and in which role. Sans-I/O.

A *mouth* may feed sound; the newest `Listen` wins. An *ear* plays sound; the reference ear is the one
that last gave input, else the oldest, and only its `Played` counts. A *witness* reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from aizuchi.events import ListenMode, Role
from aizuchi.ports import ToolSpec


@dataclass(slots=True)
class Link:
    """One connection of a client, as the engine sees it."""

    id: str
    roles: tuple[Role, ...]
    mode: ListenMode
    tools: tuple[ToolSpec, ...] = ()
    coast_ms: float = 0.0
    """So much sound it may have ahead and plays although the reply is paused; 0: it can pause, too."""
    cancels_echo: bool = False
    """Its microphone does not hear its speaker."""
    paced: bool = True
    """Sound comes to it as it is made, at the pace of hearing; else in one piece when all is there."""
    streams: bool = False
    """It wants text to go straight into the voice."""
    reports: bool = False
    """It has said at least once how far its speaker is."""


class Links:
    """The links of one session, oldest first."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._last_input = ""

    def __len__(self) -> int:
        return len(self._links)

    def __contains__(self, link: str) -> bool:
        return link in self._links

    def join(self, link: Link) -> None:
        self._links[link.id] = link

    def leave(self, link: str) -> Link | None:
        return self._links.pop(link, None)

    def get(self, link: str) -> Link | None:
        return self._links.get(link)

    def gave_input(self, link: str) -> None:
        if link in self._links:
            self._last_input = link

    def may(self, link: str, role: Role) -> bool:
        """Whether a link has a role; the server itself (no link) may do everything."""
        if not link:
            return True
        known = self._links.get(link)
        return known is not None and role in known.roles

    @property
    def ear(self) -> Link | None:
        """The reference ear."""
        ears = [link for link in self._links.values() if "ear" in link.roles]
        newest = [link for link in ears if link.id == self._last_input]
        return (newest or ears or [None])[0]

    @property
    def hears(self) -> bool:
        """Somebody listens to sound."""
        return self.ear is not None

    @property
    def reporting(self) -> bool:
        """The reference ear is known to tell how far it is."""
        return self.ear is not None and self.ear.reports

    @property
    def whole(self) -> bool:
        """The reference ear gets a reply's sound in one piece."""
        return self.ear is not None and not self.ear.paced

    @property
    def pausable(self) -> bool:
        """The reference ear falls silent when the reply is held back."""
        return self.ear is not None and self.ear.paced

    @property
    def coast_ms(self) -> float:
        """So much further the reference ear plays after a reply is paused."""
        return 0.0 if self.ear is None else self.ear.coast_ms

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """Tools that run in the clients; of two with one name the newest client's."""
        return tuple({spec.name: spec for link in self._links.values() for spec in link.tools}.values())
