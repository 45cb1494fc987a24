"""The figures that characters wear: what clients are told of them, and the models' files.

A character's folder also holds its prompt, so not everything in it is given away: of a VRM model one file,
of a Live2D model what lies below the model's own folder and has a type that such models are made of.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import HTTPException
from fastapi.responses import FileResponse, Response

from aizuchi.character import Avatar, Character

MAX_BYTES: Final = 200 << 20
"""The page takes no larger model either."""
_TYPES: Final[Mapping[str, str]] = {
    ".vrm": "model/gltf-binary",
    ".json": "application/json",
    ".moc3": "application/octet-stream",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_HEADERS: Final[Mapping[str, str]] = {
    # Asked for again each time, and answered by 304 while it is the same: a model may be changed in place.
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def figure(character: Character) -> dict[str, Any]:
    """`kind`, `url` of a model on this server, `look` of a drawn figure."""
    avatar = character.avatar
    told: dict[str, Any] = {"kind": avatar.kind}
    if avatar.file is not None:
        told["url"] = f"/api/avatar/{quote(character.name, safe='')}/{quote(avatar.file.name, safe='')}"
    if avatar.look:
        told["look"] = dict(avatar.look)
    return told


async def answer(character: Character | None, path: str, known: str = "") -> Response:
    """A file of a character's figure; `known` is the request's If-None-Match.

    Raises HTTPException: 404 for whatever may not be had, 413 for a file that is too large.
    """
    found = None if character is None else await asyncio.to_thread(_find, character.avatar, path)
    if found is None:
        raise HTTPException(404, "this character has no such file")
    file, facts = found
    if facts.st_size > MAX_BYTES:
        raise HTTPException(413, f"the file is larger than {MAX_BYTES >> 20} MB")
    etag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
    headers = {**_HEADERS, "ETag": etag}
    if etag in {each.strip().removeprefix("W/") for each in known.split(",")}:
        return Response(status_code=304, headers=headers)
    return FileResponse(file, headers=headers, media_type=_TYPES[file.suffix.lower()], stat_result=facts)


def _find(avatar: Avatar, path: str) -> tuple[Path, os.stat_result] | None:
    """The file and its facts, if it belongs to the avatar. Links are followed before that is judged."""
    model = avatar.file
    if model is None or not path or "\x00" in path or "\\" in path:
        return None
    if any(part in ("", ".", "..") or part.startswith(".") for part in path.split("/")):
        return None
    try:
        file = (model.parent / path).resolve(strict=True)
        facts = file.stat()
    except (OSError, RuntimeError):
        # Not there, unreadable, a name too long, or links in a ring.
        return None
    belongs = file.is_relative_to(model.parent) if avatar.kind == "live2d" else file == model
    return (file, facts) if belongs and file.is_file() and file.suffix.lower() in _TYPES else None
