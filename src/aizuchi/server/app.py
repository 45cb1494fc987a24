"""The FastAPI application: protocols at their paths (`mounts`), `/health`, pages, and our own `/api/`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from aizuchi import __version__
from aizuchi.server import avatars, console, denials, lectures, origin, pages, public, together
from aizuchi.server.admission import Token, bearer
from aizuchi.server.guesses import TooManyGuesses
from aizuchi.server.house import House
from aizuchi.server.hub import slides
from aizuchi.server.mounts import Mounted


def make_app(house: House, table: Sequence[Mounted] | None = None) -> FastAPI:
    """The application over a house; it enters the house at start-up unless somebody has already.

    `table` goes before the house's own mounts.
    """

    app = FastAPI(
        title="Aizuchi",
        version=__version__,
        lifespan=lambda _app: _Lifespan(house),
        docs_url=None,
        openapi_url="/api/openapi.json",
    )
    for mount in house.mounts if table is None else table:
        app.add_api_websocket_route(mount.path, _endpoint(house, mount))
    app.include_router(lectures.router(house))
    slides.mount(app, house.hub.manners.slides, house.hub.manners.slides_path)
    app.include_router(public.router(house))
    app.include_router(pages.router(house))
    app.include_router(_api(house))
    app.include_router(console.router(house))
    return app


class _Lifespan:
    """Holds the house open while the application runs, unless whoever serves it does so already.

    A class, since a generator may not yield inside the task group that the house is.
    """

    def __init__(self, house: House) -> None:
        self._house = None if house.entered else house

    async def __aenter__(self) -> None:
        if self._house is not None:
            await self._house.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        if self._house is not None:
            await self._house.__aexit__(*error)


REFUSAL = (
    "This server has no token, so it answers on loopback only. Set server.tokens, or server.open if"
    " everybody may talk to it.\n"
)


class LoopbackOnly:
    """Refuses whatever came in by an address that other machines can reach."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: Any = scope.get("server")
        if scope["type"] == "lifespan" or (server and origin.is_loopback(server[0])):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(REFUSAL, status_code=403)(scope, receive, send)


def _endpoint(house: House, mount: Mounted) -> Callable[[WebSocket], Any]:
    async def talk(websocket: WebSocket) -> None:
        if not public.may_come(house, websocket, mount.origins):
            # Closed before it was accepted, which is an answer 403.
            await websocket.close()
            return
        if not house.gate.enter():
            await denials.full(websocket)
            return
        try:
            await mount.talk(house, websocket)
        finally:
            house.gate.leave()

    return talk


def _api(house: House) -> APIRouter:
    """What programs may ask. With tokens configured each sees only its own person's sessions."""

    def from_here(request: Request) -> None:
        known = origin.own_host(request.headers.get("host", ""), any_name=bool(house.tokens) or house.open)
        if not (known and public.may_come(house, request)):
            raise HTTPException(403, "this origin or host name is not allowed here")

    async def who(request: Request) -> Token | None:
        from_here(request)
        offered = [bearer(request.headers.get("authorization", ""))]
        address = request.client.host if request.client else ""
        try:
            token = house.guesses.check(house.tokens, offered, address, asyncio.get_running_loop().time())
        except TooManyGuesses as error:
            raise HTTPException(429, str(error), {"Retry-After": str(error.seconds)}) from error
        if house.tokens and token is None:
            raise HTTPException(401, "a valid token is needed", {"WWW-Authenticate": "Bearer"})
        return token

    api = APIRouter(prefix="/api")

    # Without response models: they would check what we have just made, and load pydantic's first version.
    @api.get("/sessions", response_model=None)
    async def sessions(token: Token | None = Depends(who)) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        return {
            "sessions": [
                {name: value for name, value in each.items() if name != "person"}
                for each in await together.sessions(house)
                if token is None or each["person"] == token.who
            ]
        }

    # A page asks this before it knows whether to ask its user for a token.
    @api.get("/web", response_model=None, dependencies=[Depends(from_here)])
    async def web() -> dict[str, Any]:
        return pages.about(house)

    @api.get("/characters", response_model=None, dependencies=[Depends(who)])
    async def characters() -> dict[str, Any]:
        return {"characters": house.about_characters()}

    @api.get("/avatar/{character}/{path:path}", response_model=None, dependencies=[Depends(who)])
    async def avatar(request: Request, character: str, path: str) -> Response:
        known = request.headers.get("if-none-match", "")
        return await avatars.answer(house.characters.get(character), path, known)

    @api.get("/metrics-summary", response_model=None, dependencies=[Depends(who)])
    async def metrics_summary() -> dict[str, Any]:
        return await together.metrics(house)

    return api
