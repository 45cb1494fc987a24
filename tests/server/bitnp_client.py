"""An agent and a page of bitnp, written from the protocol's document and from nothing of ours."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect

from tests.server.sockets import ws

WITHIN = 20.0
"""Seconds; nothing here takes long, and a machine may be busy."""


class Bitnp:
    """One connection of either side; enter it to connect. Its `welcome` is the first frame."""

    def __init__(self, base: str, side: str, name: str = "shumeiniang", **more: Any) -> None:
        self._url = ws(base, f"/ws/{side}/{quote(name, safe='?=&')}")
        self._more = {"max_size": None, "ping_interval": None, **more}
        self.socket: ClientConnection
        self.welcome: dict[str, Any]

    async def open(self) -> None:
        """Connect, and leave the welcome to be received."""
        self.socket = await connect(self._url, **self._more)

    async def __aenter__(self):
        await self.open()
        self.welcome = await self.receive()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self.socket.close_code is None:
            await self.socket.close()

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def event(self, data: Any) -> None:
        """As the real page sends it, with the keys it adds."""
        await self.send(type="event", data=data, agentName="shumeiniang", timestamp=1_700_000_000_000)

    async def raw(self) -> str:
        """The next frame as it came."""
        async with asyncio.timeout(WITHIN):
            frame = await self.socket.recv()
        assert isinstance(frame, str)
        return frame

    async def receive(self) -> dict[str, Any]:
        return json.loads(await self.raw())

    async def data(self) -> Any:
        """The `data` of the next relayed event; acknowledgements before it are passed over."""
        while True:
            message = await self.receive()
            if "data" in message:
                return message["data"]

    async def closed(self) -> tuple[int, str]:
        """Wait for the connection's end; its code and reason."""
        async with asyncio.timeout(WITHIN):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""


def agent(base: str, name: str = "shumeiniang", **more: Any) -> Bitnp:
    return Bitnp(base, "agent", name, **more)


def page(base: str, name: str = "shumeiniang", **more: Any) -> Bitnp:
    return Bitnp(base, "frontend", name, **more)
