"""A relay and a page, as little as agents of bitnp need; the real relay has its tests in `tests/server/`."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections import defaultdict
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote, unquote

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class Relay:
    """Agents and pages by name: events both ways, in order."""

    def __init__(self) -> None:
        self.port = 0
        self.agents: dict[str, ServerConnection] = {}
        self.pages: dict[str, list[ServerConnection]] = defaultdict(list)
        self.arrived = asyncio.Event()
        """An agent has come."""

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, process_request=self._ask, max_size=16 << 20
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close(code=1012)
        await self._server.wait_closed()

    async def send(self, name: str, frame: Any) -> None:
        """A frame of any shape to an agent."""
        await self.agents[name].send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def _ask(self, connection: ServerConnection, request: Request) -> Response | None:
        _, _, kind, name = unquote(request.path).split("/")
        if kind == "agent" and name in self.agents:
            return connection.respond(HTTPStatus.FORBIDDEN, "")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request
        _, _, kind, name = unquote(connection.request.path).split("/")
        if kind == "agent":
            self.agents[name] = connection
            self.arrived.set()
        else:
            self.pages[name].append(connection)
        try:
            welcome = {"type": "system", "message": "successfully connected", "client_id": str(uuid.uuid4())}
            await connection.send(json.dumps(welcome))
            async for message in connection:
                data = json.loads(message).get("data")
                relayed = json.dumps({"type": "event", "time": "2026-12-01T00:00:00.000001", "data": data})
                to = self.pages[name] if kind == "agent" else [self.agents[name]]
                for each in to:
                    await each.send(relayed)
                await connection.send(json.dumps({"type": "success", "message": "event sent"}))
        except ConnectionClosed:
            pass
        finally:
            if kind == "agent":
                del self.agents[name]
            else:
                self.pages[name].remove(connection)


class Page:
    """A page of an agent: what it is sent, event by event; plays what it hears in no time."""

    def __init__(self, url: str, name: str, *, plays: bool = True) -> None:
        self._url = f"ws://{url}/ws/frontend/{quote(name)}"
        self._plays = plays
        self.events: list[dict[str, Any]] = []
        self.sounds: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._socket: ClientConnection = await connect(self._url, max_size=1 << 20, proxy=None)
        assert json.loads(await self._socket.recv())["type"] == "system"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._socket.close()

    async def send(self, kind: str, **fields: Any) -> None:
        await self.data({"type": kind, **fields})

    async def data(self, data: Any) -> None:
        """An event of any shape."""
        await self._socket.send(json.dumps({"type": "event", "data": data, "timestamp": 0}))

    async def is_agent_online(self) -> bool:
        """What the relay says; to be asked while nothing else is on its way."""
        await self._socket.send(json.dumps({"type": "is_agent_online"}))
        async with asyncio.timeout(30):
            while True:
                frame = json.loads(await self._socket.recv())
                if isinstance(frame.get("message"), bool):
                    return frame["message"]

    async def say(self, text: str) -> None:
        await self.send("user_input", content=text)

    async def next(self) -> dict[str, Any]:
        """The next event; its sound is taken out and kept in `sounds`."""
        async with asyncio.timeout(30):
            while True:
                frame = json.loads(await self._socket.recv())
                if frame["type"] == "event":
                    break
        event = frame["data"]
        if event["type"] == "say_aloud":
            self.sounds.append(base64.b64decode(event.pop("media_data"), validate=True))
        self.events.append(event)
        if self._plays and event.get("is_last"):
            await self.send("audio_playback_finished", seq=event["seq"], media_id=1)
        return event

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """The events up to the next one of a type, which is the last of them."""
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["type"] != kind:
            seen.append(await self.next())
        return seen
