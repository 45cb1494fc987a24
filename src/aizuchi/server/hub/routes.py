"""The relay's addresses: `/ws/agent/{agent_name}`, `/ws/frontend/{agent_name}`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.websockets import WebSocket

from aizuchi.ports import Limits, Shard
from aizuchi.server import denials
from aizuchi.server.admission import bearer
from aizuchi.server.guesses import TooManyGuesses
from aizuchi.server.hub.hub import KIND, Hub
from aizuchi.server.hub.outlets import Outlet, PlainOutlet, outlet
from aizuchi.server.hub.talking import as_agent, as_page
from aizuchi.server.hub.words import NAME_TAKEN, Side
from aizuchi.server.link import guarded
from aizuchi.server.pipe import Gone

if TYPE_CHECKING:
    from aizuchi.server.house import House

AGENT: Final = "/ws/agent/{agent_name}"
PAGE: Final = "/ws/frontend/{agent_name}"
MAX_MESSAGE: Final = 16 << 20
"""As in the original."""
LIMITS: Final = Limits(
    max_message=MAX_MESSAGE,
    ping_interval=20.0,
    # Agents block their event loop while they wait for a model and answer pings late.
    ping_timeout=60.0,
    high_water=64 << 10,
    # Nothing here is ever taken back. Into the usual 64 KiB only one of loopback's largest packets fits, and
    # each would wait for the other side's late acknowledgement of the one before.
    send_buffer=1 << 20,
)
_SHARD: Final = Shard((), room=KIND)
"""An agent and its pages meet in one process."""


@dataclass(frozen=True, slots=True)
class HubMount:
    """One of the relay's two paths."""

    hub: Hub
    side: Side

    @property
    def path(self) -> str:
        return AGENT if self.side == "agent" else PAGE

    @property
    def limits(self) -> Limits:
        return LIMITS

    @property
    def shard(self) -> Shard:
        return _SHARD

    @property
    def origins(self) -> Sequence[str]:
        return self.hub.manners.origins

    async def talk(self, house: House, websocket: WebSocket) -> None:
        try:
            known = self._known(house, websocket)
        except TooManyGuesses as error:
            await denials.guessed(websocket, error)
            return
        if known:
            await serve(self.hub, self.side, websocket.path_params["agent_name"], websocket)
        else:
            await denials.unauthorized(websocket)

    def _known(self, house: House, websocket: WebSocket) -> bool:
        """Whether the request brings a token, in its header or as `?token=`, if one is asked for."""
        manners = self.hub.manners
        tokens = manners.agent_tokens if self.side == "agent" else manners.page_tokens
        tokens = house.tokens if tokens is None else tokens
        offered = [
            bearer(websocket.headers.get("authorization", "")),
            websocket.query_params.get("token", ""),
        ]
        address = websocket.client.host if websocket.client else ""
        now = asyncio.get_running_loop().time()
        return house.guesses.check(tokens, offered, address, now) is not None or not tokens


def hub_mounts(hub: Hub) -> tuple[HubMount, HubMount]:
    return HubMount(hub, "agent"), HubMount(hub, "page")


async def serve(hub: Hub, side: Side, name: str, websocket: WebSocket) -> None:
    """One connection, from its handshake to its end. Never raises for what a client does."""
    manners = hub.manners
    if side == "agent":
        # Events of pages are refused in time, so that only one who reads nothing at all comes so far.
        out = outlet(websocket, manners.queue_bytes + MAX_MESSAGE, None)
        room = await hub.take(name, out)
        if room is None:
            await websocket.close(*NAME_TAKEN)
            return
        talking = as_agent(room, out)
    else:
        out = outlet(websocket, manners.queue_bytes, manners.stalled)
        talking = as_page(hub, name, out)
    if isinstance(out, PlainOutlet):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(out.run())
                await _converse(talking, out, name, side)
        except* Gone:
            # It took nothing for too long; its own loop has been cancelled.
            pass
    else:
        await _converse(talking, out, name, side)


async def _converse(talking: Coroutine[Any, Any, None], out: Outlet, name: str, side: Side) -> None:
    async def until_gone() -> None:
        with contextlib.suppress(Gone):
            await talking

    failed = await guarded(until_gone(), "a connection of the hub failed", agent=name, side=side)
    out.close(*((1011, "internal error") if failed else (1000, "")))
