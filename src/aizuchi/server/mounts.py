"""What is served at which path. The one place where protocols are put together with their options.

A new protocol is one line of `mounts`, and one parameter if it leaves anything to the server. Its wire's
class says path, subprotocols, limits and shard; a relay, which is no conversation, is a `Mounted` of its own.
The house holds the table and knows nothing of what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from starlette.websockets import WebSocket

from aizuchi.ports import Limits, Shard, Wire
from aizuchi.server.admission import bearer
from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.routes import hub_mounts
from aizuchi.server.link import Link
from aizuchi.server.pipe import Gone, SocketPipe
from aizuchi.wire.chatanon import ChatAnonWire, Manners
from aizuchi.wire.native import NativeWire

if TYPE_CHECKING:
    from aizuchi.server.house import House


class Mounted(Protocol):
    """A path for WebSockets."""

    @property
    def path(self) -> str:
        """As the router wants it; a segment may be a `{name}`."""
        ...

    @property
    def limits(self) -> Limits:
        """Its socket manners."""
        ...

    @property
    def shard(self) -> Shard:
        """How its connections find their process."""
        ...

    @property
    def origins(self) -> Sequence[str]:
        """Whose pages may come, besides those the server lists."""
        ...

    async def talk(self, house: House, websocket: WebSocket) -> None:
        """Serve one connection, which may come in, from before its handshake is answered to its end."""
        ...


@dataclass(frozen=True, slots=True)
class Mount:
    """A protocol in which one converses; `make` builds the adapter of one connection."""

    wire: type[Wire]
    make: Callable[[House], Wire]

    @property
    def path(self) -> str:
        return self.wire.path

    @property
    def limits(self) -> Limits:
        return self.wire.LIMITS

    @property
    def shard(self) -> Shard:
        return self.wire.SHARD

    @property
    def origins(self) -> Sequence[str]:
        return ()

    async def talk(self, house: House, websocket: WebSocket) -> None:
        offered = websocket.scope.get("subprotocols", [])
        chosen = next((each for each in self.wire.subprotocols if each in offered), None)
        pipe = SocketPipe(websocket, self.limits.drain_timeout)
        try:
            await pipe.accept(chosen)
        except Gone:
            return
        header = bearer(websocket.headers.get("authorization", ""))
        wire = self.make(house)
        wire.opened(websocket.headers)
        address = websocket.client.host if websocket.client else ""
        await Link(house, wire, pipe, header=header, address=address).run()


def mounts(*, chatanon: Manners | None = None, hub: Hub | None = None) -> tuple[Mounted, ...]:
    """The protocols this server speaks, each with what it leaves to the server."""
    return (
        Mount(NativeWire, lambda house: NativeWire(token_required=bool(house.tokens))),
        Mount(ChatAnonWire, lambda house: ChatAnonWire(house.display_names, chatanon)),
        *(hub_mounts(hub) if hub is not None else ()),
    )


def shards_of(table: Sequence[Mounted]) -> Mapping[str, Shard]:
    """Path -> how its connections find their process."""
    return {mount.path: mount.shard for mount in table}


def limits_of(table: Sequence[Mounted]) -> Mapping[str, Limits]:
    """Path -> socket manners, for `socket_class`."""
    return {mount.path: mount.limits for mount in table}
