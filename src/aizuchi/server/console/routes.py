"""The console's routes. What they say is data; the page shows it as text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute

from aizuchi.server.console import live, providers
from aizuchi.server.console.door import Door, body, lang_of
from aizuchi.server.console.ports import Refused
from aizuchi.server.console.trying import SOUND, Trials
from aizuchi.server.house import House

SETTINGS: Final = 256_000
CHARACTER: Final = 2_200_000
"""Bytes of a body: of changed keys, of a character's two files."""
EVERY: Final = 1.0
"""Seconds between two pictures of a stream."""
STREAMS: Final = 8

TEXTS: Final = {
    "json": ("an object in JSON is expected", "应为 JSON 对象"),
    "key": ("{name} is missing or of the wrong kind", "缺少 {name} 或其类型不对"),
    "streams": ("too many pages look already; close one", "已打开的页面过多，请关闭一个"),
}


class Guarded(APIRoute):
    """Makes an answer of a refusal, and lets nothing be kept by caches."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                response = await handle(request)
            except Refused as refused:
                headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
                response = JSONResponse(refused.body, refused.status, headers)
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response

        return guarded


def router(house: House) -> APIRouter:
    """All of `/api/console`."""
    door, trials = Door(house), Trials(house)
    api = APIRouter(prefix="/api/console", route_class=Guarded, include_in_schema=False)
    looking = 0

    @api.get("", response_model=None)
    async def hello(request: Request) -> dict[str, Any]:
        console = door.check(request)
        return {"console": True, "tokens": bool(house.tokens), "operators": list(console.operators)}

    @api.get("/live", response_model=None)
    async def now(request: Request) -> dict[str, Any]:
        door.check(request)
        return await live.picture(house)

    @api.get("/live/stream", response_model=None)
    async def stream(request: Request) -> StreamingResponse:
        nonlocal looking
        door.check(request)
        if looking >= STREAMS:
            raise _refused(request, 429, "streams")

        async def pictures() -> AsyncIterator[bytes]:
            nonlocal looking
            looking += 1
            try:
                while not house.sessions.draining:
                    # Asked anew each time: an operator may have been struck from the list.
                    try:
                        door.check(request)
                    except Refused:
                        return
                    said = json.dumps(await live.picture(house), ensure_ascii=False)
                    yield f"data: {said}\n\n".encode()
                    await asyncio.sleep(EVERY)
            finally:
                looking -= 1

        return StreamingResponse(pictures(), media_type="text/event-stream")

    @api.get("/providers", response_model=None)
    async def stages(request: Request) -> dict[str, Any]:
        door.check(request)
        return {"providers": providers.listed(house, lang_of(request))}

    @api.post("/try/{stage}/{index}", response_model=None)
    async def attempt(request: Request, stage: str, index: int) -> dict[str, Any]:
        console = door.check(request)
        lang = lang_of(request)
        text, sound = "", b""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            text = str((await _object(request, SETTINGS)).get("text") or "")
        else:
            sound = await body(request, SOUND)
        if stage not in providers.STAGES:
            raise Refused(404, stage[:20])
        who = request.headers.get("authorization") or (request.client.host if request.client else "")
        return await trials.run(console, who, stage, index, text=text, sound=sound, lang=lang)

    @api.get("/characters", response_model=None)
    async def characters(request: Request) -> dict[str, Any]:
        return {"characters": await door.check(request).characters()}

    @api.post("/characters/preview", response_model=None)
    async def preview(request: Request) -> dict[str, Any]:
        console = door.check(request)
        given = await _object(request, CHARACTER)
        return await console.preview(*_texts(request, given, "name", "yaml", "prompt"))

    @api.post("/characters", response_model=None)
    async def copy(request: Request) -> dict[str, Any]:
        console = door.check(request)
        return await console.copy(*_texts(request, await _object(request, SETTINGS), "source", "name"))

    @api.get("/characters/{name}", response_model=None)
    async def character(request: Request, name: str) -> dict[str, Any]:
        return await door.check(request).character(name)

    @api.put("/characters/{name}", response_model=None)
    async def save(request: Request, name: str) -> dict[str, Any]:
        console = door.check(request)
        given = await _object(request, CHARACTER)
        return await console.save(name, *_texts(request, given, "yaml", "prompt", "hash"))

    @api.get("/config", response_model=None)
    async def configuration(request: Request) -> dict[str, Any]:
        return await door.check(request).configuration(lang_of(request))

    @api.patch("/config", response_model=None)
    async def change(request: Request) -> dict[str, Any]:
        console = door.check(request)
        given = await _object(request, SETTINGS)
        changes, (seen,) = given.get("changes"), _texts(request, given, "hash")
        if not isinstance(changes, dict):
            raise _refused(request, 422, "key", name="changes")
        return await console.change(cast("dict[str, Any]", changes), seen, lang_of(request))

    @api.post("/reload", response_model=None)
    async def reload(request: Request) -> dict[str, Any]:
        return await door.check(request).reload() | {"workers": await others_reload(house)}

    return api


async def others_reload(house: House) -> list[dict[str, Any]]:
    """Have the other processes read everything again; who did not answer has to be restarted."""
    if house.siblings is None:
        return []
    told = await house.siblings.gather("reload")
    return [{"worker": each["worker"], "reloaded": bool(each.get("reloaded"))} for each in told]


async def _object(request: Request, most: int) -> dict[str, Any]:
    try:
        given = json.loads(await body(request, most))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise _refused(request, 422, "json")
    return cast("dict[str, Any]", given)


def _texts(request: Request, given: dict[str, Any], *keys: str) -> list[str]:
    for key in keys:
        if not isinstance(given.get(key), str):
            raise _refused(request, 422, "key", name=key)
    return [given[key] for key in keys]


def _refused(request: Request, status: int, key: str, /, **values: Any) -> Refused:
    return Refused(status, TEXTS[key][lang_of(request) == "zh"].format(**values))
