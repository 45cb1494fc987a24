"""The relay's addresses: `/ws/agent/{agent_name}`, `/ws/frontend/{agent_name}`, and the slides."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, WebSocket

from aizuchi.ports import Limits, Shard
from aizuchi.server import denials, origin
from aizuchi.server.admission import authenticate, bearer
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
_MANNERS: Final = Limits(
    max_message=MAX_MESSAGE,
    ping_interval=20.0,
    # Agents block their event loop while they wait for a model and answer pings late.
    ping_timeout=60.0,
    high_water=64 << 10,
    # Nothing here is ever taken back. Into the usual 64 KiB only one of loopback's largest packets fits, and
    # each would wait for the other side's late acknowledgement of the one before.
    send_buffer=1 << 20,
)
LIMITS: Final = {AGENT: _MANNERS, PAGE: _MANNERS}
SHARDS: Final = {AGENT: Shard((), room=KIND), PAGE: Shard((), room=KIND)}
"""An agent and its pages meet in one process."""


def router(house: House) -> APIRouter:
    made = APIRouter()
    made.add_api_websocket_route(AGENT, _endpoint(house, "agent"))
    made.add_api_websocket_route(PAGE, _endpoint(house, "page"))
    return made


def _endpoint(house: House, side: Side) -> Callable[[WebSocket, str], Awaitable[None]]:
    hub = house.hub

    async def talk(websocket: WebSocket, agent_name: str) -> None:
        if not _may_come(house, websocket):
            await websocket.close()
        elif not _known(house, side, websocket):
            await denials.unauthorized(websocket)
        elif not house.gate.enter():
            await denials.full(websocket)
        else:
            try:
                await serve(hub, side, agent_name, websocket)
            finally:
                house.gate.leave()

    return talk


def _may_come(house: House, websocket: WebSocket) -> bool:
    return origin.allowed(
        websocket.headers.get("origin"),
        host=websocket.headers.get("host", ""),
        peer=websocket.client.host if websocket.client else None,
        listed=(*house.origins, *house.hub.manners.origins),
        any_name=bool(house.tokens) or house.open,
    )


def _known(house: House, side: Side, websocket: WebSocket) -> bool:
    """Whether the request brings a token, in its header or as `?token=`, if one is asked for."""
    manners = house.hub.manners
    tokens = manners.agent_tokens if side == "agent" else manners.page_tokens
    tokens = house.tokens if tokens is None else tokens
    offered = [bearer(websocket.headers.get("authorization", "")), websocket.query_params.get("token", "")]
    return not tokens or authenticate(tokens, offered) is not None


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
