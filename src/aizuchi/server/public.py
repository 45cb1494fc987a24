"""What anybody may ask before showing a token: `/health`, `/characters`, and `/` for programs.

ChatAnon's page asks them from wherever it is served, so they answer to every origin, in that protocol's
shapes with ours added. A page whose origin may not talk here learns no more than those shapes hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import HTTPConnection

from aizuchi.server import origin, page, together

if TYPE_CHECKING:
    from aizuchi.server.house import House

CORS: Final = {"Access-Control-Allow-Origin": "*", "Vary": "Origin"}
PREFLIGHT: Final = {
    **CORS,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Accept-Language, Content-Type",
    "Access-Control-Max-Age": "600",
}
ROOT: Final = ("name", "version", "status", "active_connections")
"""ChatAnon's fields of `GET /`."""


def may_come(house: House, connection: HTTPConnection, more: Sequence[str] = ()) -> bool:
    """The origin rule, applied to a request or a socket. `more` are listed for it alone."""
    return origin.allowed(
        connection.headers.get("origin"),
        host=connection.headers.get("host", ""),
        peer=connection.client.host if connection.client else None,
        listed=(*house.origins, *more),
        any_name=bool(house.tokens) or house.open,
    )


def router(house: House) -> APIRouter:
    """`/health` and `/characters`, and what browsers ask before them."""
    made = APIRouter()

    async def health(request: Request) -> JSONResponse:
        said = await together.health(house)
        code = 200 if said["status"] == "healthy" else 503
        shown = said if may_come(house, request) else {"status": said["status"]}
        return JSONResponse(shown, status_code=code, headers=CORS)

    async def characters(request: Request) -> JSONResponse:
        wanted = languages(request.headers.get("accept-language", ""))
        return JSONResponse(
            {"characters": company(house, wanted)}, headers={**CORS, "Vary": "Origin, Accept-Language"}
        )

    async def preflight() -> Response:
        return Response(status_code=204, headers=PREFLIGHT)

    def get(path: str, answer: Callable[[Request], Any]) -> None:
        made.add_api_route(path, answer, methods=["GET"], response_model=None)
        made.add_api_route(path, preflight, methods=["OPTIONS"], response_model=None, include_in_schema=False)

    get("/health", health)
    get("/characters", characters)
    made.add_api_route("/", preflight, methods=["OPTIONS"], response_model=None, include_in_schema=False)
    return made


def root(house: House, request: Request) -> JSONResponse:
    """`GET /` for a program: who this is, and where things are."""
    facts: Mapping[str, Any] = page.facts(house, str(request.base_url))
    if not may_come(house, request):
        facts = {name: facts[name] for name in ROOT}
    return JSONResponse(facts, headers={**CORS, "Vary": "Accept, Origin"})


def company(house: House, wanted: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The characters in ChatAnon's shape; `wanted` are languages for the description, best first."""
    first = next((each.name for each in house.parts.tts.providers), "")
    return [
        {
            "name": each.name,
            "display_name": each.display_name,
            "description": each.described(*wanted),
            "voice_id": each.style.voices.get(first) or next(iter(each.style.voices.values()), ""),
            "live2d_model_set": each.live2d_model_set or None,
        }
        for each in house.characters.values()
    ]


def languages(accepted: str) -> tuple[str, ...]:
    """The languages of an `Accept-Language` header, ISO 639-1, best first."""
    found: list[tuple[float, int, str]] = []
    for index, each in enumerate(accepted.lower().split(",")[:16]):
        tag, _, weight = each.partition(";")
        code = tag.strip().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if code.isalpha() and quality > 0:
            found.append((-quality, index, code))
    return tuple(dict.fromkeys(code for _, _, code in sorted(found)))
