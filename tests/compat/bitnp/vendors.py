"""What agents of bitnp talk to, on loopback: Qwen-TTS realtime, its voice cloning, and a small relay.

The relay is as little as the agents need; the real one has its tests in `tests/server/`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections import defaultdict
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.loopback.serving import Exchange, LoopbackServer

KEY = "sk-qwen-0123456789"
TICK = b"\x01\x02" * 240
"""10 ms of sound."""


class QwenServer:
    """`/api-ws/v1/realtime`: 10 ms of sound a character, a slice for each five of them."""

    def __init__(self) -> None:
        self.port = 0
        self.texts: list[str] = []
        self.sessions: list[dict[str, Any]] = []
        self.models: list[str] = []
        self.faults: list[str] = []
        """Of the next utterances, one each: error, close, garbage, no_base64, stall."""
        self.gone = asyncio.Event()
        """A client went while its utterance stalled."""

    @property
    def url(self) -> str:
        """As DASHSCOPE_WEBSOCKET_BASE_URL has it."""
        return f"ws://127.0.0.1:{self.port}/api-ws/v1/inference"

    async def __aenter__(self) -> Self:
        self._server: Server = await serve(self._serve, "127.0.0.1", 0, process_request=self._ask)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _ask(self, connection: ServerConnection, request: Request) -> Response | None:
        address = urlsplit(request.path)
        if address.path != "/api-ws/v1/realtime":
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        if request.headers.get("authorization", "").lower() != f"bearer {KEY}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "")
        self.models.append(parse_qs(address.query)["model"][0])
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        async def tell(kind: str, **more: Any) -> None:
            await connection.send(json.dumps({"event_id": uuid.uuid4().hex, "type": kind, **more}))

        with suppress(ConnectionClosed):
            await tell("session.created", session={"id": "s1"})
            seen: set[str] = set()
            text = ""
            async for message in connection:
                said = json.loads(message)
                assert said["event_id"] not in seen
                seen.add(said["event_id"])
                match said["type"]:
                    case "session.update":
                        self.sessions.append(said["session"])
                        await tell("session.updated", session=said["session"])
                    case "input_text_buffer.append":
                        text += said["text"]
                    case "session.finish":
                        self.texts.append(text)
                        await self._speak(connection, tell, text)
                        await tell("session.finished")
                        return
                    case other:
                        await tell("error", error={"code": "invalid_value", "message": other})

    async def _speak(self, connection: ServerConnection, tell: Any, text: str) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        await tell("response.created", response={"id": "r1"})
        for at in range(0, len(text), 5):
            sound = base64.b64encode(TICK * len(text[at : at + 5])).decode()
            await tell("response.audio.delta", response_id="r1", delta=sound)
            match fault:
                case "error":
                    await tell("error", error={"code": "InvalidVoice", "message": "no such voice"})
                case "close":
                    connection.transport.abort()
                case "garbage":
                    await connection.send("{")
                case "no_base64":
                    await tell("response.audio.delta", response_id="r1", delta="?")
                case "stall":
                    await connection.wait_closed()
                    self.gone.set()
        await tell("response.done", response={"id": "r1", "status": "completed"})


class CloneServer(LoopbackServer):
    """`/api/v1/services/audio/tts/customization`: makes and lists cloned voices."""

    def __init__(self) -> None:
        super().__init__()
        self.voices: list[dict[str, Any]] = []
        self.broken = False

    @property
    def url(self) -> str:
        """As DASHSCOPE_HTTP_BASE_URL has it."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        assert (request.method, request.path) == ("POST", "/api/v1/services/audio/tts/customization")
        if request.headers.get("authorization") != f"Bearer {KEY}":
            await exchange.json(401, {"code": "InvalidApiKey", "message": "Invalid API-key provided."})
            return
        if self.broken:
            await exchange.whole(200, b"<html>", "text/html")
            return
        assert request.json["model"] == "qwen-voice-enrollment"
        match request.json["input"]:
            case {"action": "create", "target_model": model, "preferred_name": name, "audio": {"data": data}}:
                assert data.startswith("data:audio/mpeg;base64,")
                base64.b64decode(data.partition(",")[2], validate=True)
                voice = f"qwen-tts-vc-{name}-voice-20251225-0001"
                self.voices.append(
                    {"voice": voice, "gmt_create": "2025-12-25 23:12:31", "target_model": model}
                )
                await exchange.json(200, {"output": {"voice": voice}, "usage": {"count": 1}})
            case {"action": "list", "page_size": int(size), "page_index": int(index)}:
                shown = self.voices[index * size : (index + 1) * size]
                await exchange.json(200, {"output": {"voice_list": shown}, "usage": {"count": 1}})
            case _:
                await exchange.json(400, {"code": "InvalidParameter", "message": "what?"})


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
