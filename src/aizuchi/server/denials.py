"""Handshakes that are refused: said by their status where the server can, and before they are answered."""

from __future__ import annotations

from fastapi import WebSocket
from fastapi.responses import PlainTextResponse

from aizuchi.server.gate import RETRY_MS
from aizuchi.server.guesses import TooManyGuesses


async def full(websocket: WebSocket) -> None:
    """Too many sockets; this costs least."""
    headers = {"Retry-After": str(RETRY_MS // 1000)}
    said = PlainTextResponse("There are too many connections; try again later.\n", 503, headers)
    await _deny(websocket, said, 1013)


async def unauthorized(websocket: WebSocket) -> None:
    """A token is wanted, and none of those known was brought."""
    headers = {"WWW-Authenticate": "Bearer"}
    said = PlainTextResponse("A valid token is needed: ?token=... or a Bearer header.\n", 401, headers)
    await _deny(websocket, said, 1008)


async def guessed(websocket: WebSocket, error: TooManyGuesses) -> None:
    """Too many wrong tokens came from there."""
    said = PlainTextResponse(f"{error}\n", 429, {"Retry-After": str(error.seconds)})
    await _deny(websocket, said, 1008)


async def _deny(websocket: WebSocket, said: PlainTextResponse, code: int) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(said)
    else:
        await websocket.close(code)
