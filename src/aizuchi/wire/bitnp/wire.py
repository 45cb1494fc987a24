"""An agent of ours, as pages see it: events in, events out. See docs/wire/bitnp-agent.md.

One wire speaks to all pages of a name: what it sends is an event's `data`, which the hub relays to each. A
text message is such `data` of a page. A binary one is the server's: how many pages are connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from aizuchi.errors import ProtocolError
from aizuchi.events import Entry, Input, Steer
from aizuchi.ports import Ask, Delivery, Frame, Join, Leave, Limits, Welcome, Wire
from aizuchi.wire.bitnp.inward import Inward
from aizuchi.wire.bitnp.outward import Outward
from aizuchi.wire.bitnp.standing import Standing
from aizuchi.wire.bitnp.words import EXPRESSIONS, event

FRAME_MS: Final = 200
LEAD_MS: Final = 1_000
"""So much sound is sent ahead. Nothing can tell the page of 2026 to stop playing what it has."""


def connected(pages: int) -> bytes:
    """The message by which the server tells how many pages there are."""
    return str(pages).encode()


class BitnpWire(Wire):
    """The agent called `name`, who is the character `character`. `slides` are their absolute addresses."""

    protocol: ClassVar[str] = "bitnp"
    # One link for all pages: the hub bounds what each of them may send.
    LIMITS: ClassVar[Limits] = Limits(messages_per_second=5_000.0, burst=10_000)

    def __init__(
        self,
        name: str,
        character: str,
        *,
        slides: Sequence[str] = (),
        expressions: Mapping[str, str] | None = None,
        greets: bool = True,
    ) -> None:
        """`greets`: the character says its greeting, if it has one, to the first page."""
        self._name = name
        self._character = character
        self._slides = tuple(slides)
        self._standing = standing = Standing()
        self._inward = Inward(standing)
        self._outward = Outward(standing, {**EXPRESSIONS, **(expressions or {})})
        self._greets = greets
        self._joined = False

    @property
    def delivery(self) -> Delivery:
        return Delivery(frame_ms=FRAME_MS, lead_ms=LEAD_MS, discards=False)

    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        if not self._joined:
            self._joined = True
            yield Join(
                self.protocol,
                character=self._character,
                person=f"agent:{self._name}",
                mode="push",
                greeted=self._greets,
                stays=False,
                trusted=True,
            )
        if isinstance(message, bytes):
            yield from self._counted(int(message))
        else:
            yield from self._inward.receive(message)

    def welcome(self, welcome: Welcome, now: float) -> Iterator[Frame]:
        yield from self._shown()

    def send(self, entry: Entry, now: float) -> Iterator[Frame]:
        return self._outward.send(entry)

    def refuse(self, error: ProtocolError, now: float) -> Iterator[Frame]:
        yield event("error", code=error.code, message=str(error))

    def _shown(self) -> Iterator[Frame]:
        """The slides, and the one that is shown: a page that takes the list shows the first."""
        if self._slides:
            yield event("ppt_assets", urls=list(self._slides), total=len(self._slides))
        if self._standing.page is not None:
            yield event("flip_ppt_page", page_num=self._standing.page)

    def _counted(self, pages: int) -> Iterator[Input | Frame]:
        """A lecture is told to somebody: it waits while no page is there, and newcomers get the slides."""
        standing, before = self._standing, self._standing.pages
        standing.pages = pages
        if not pages and standing.lecture in ("playing", "asked"):
            standing.left_alone = True
            yield Steer("pause")
        elif pages and standing.left_alone:
            standing.left_alone = False
            yield Steer("resume")
        if pages > before and (before or standing.page is not None):
            yield from self._shown()
