"""The slides of lectures, for pages of any origin: one folder's pictures and nothing beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response

if TYPE_CHECKING:
    from aizuchi.server.house import House

_TYPES: Final = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_HEADERS: Final = {
    # As with the hub's slides any page may show them; they are asked for again each time.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


def router(house: House) -> APIRouter:
    made = APIRouter()

    @made.get("/lectures/{whose}/{name}", response_model=None, include_in_schema=False)
    async def slide(whose: str, name: str) -> Response:
        character = house.sessions.agents.get(whose) or house.characters.get(whose)
        slides: tuple[Path, ...] = ()
        if character is not None and character.lecture is not None:
            slides = character.lecture.slides
        file = next((each for each in slides if each.name == name), None)
        if file is None or not file.is_file():
            raise HTTPException(404, "there is no such slide")
        return FileResponse(file, headers=_HEADERS, media_type=_TYPES[file.suffix.lower()])

    return made
