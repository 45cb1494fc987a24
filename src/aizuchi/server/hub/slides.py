"""Slide pictures of lectures, for pages of any origin: files of one folder, below one path."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

log = logging.getLogger(__name__)

OURS: Final = ("/api", "/health", "/characters", "/ws", "/web", "/console")
"""Paths that slides may not hide."""


def mount(app: FastAPI, folder: Path | None, path: str) -> None:
    """Serve the files of a folder; a missing one, or a path that is ours, is a warning.

    What lies outside the folder is not found, by whatever way it is asked for.
    """
    path = path.rstrip("/")
    if folder is None:
        return
    if not folder.is_dir():
        log.warning("the folder of slides does not exist: %s", folder)
        return
    if not path or any(path == each or path.startswith(each + "/") for each in OURS):
        log.warning("slides can't be served at %s; set bitnp.slides_path", path or "/")
        return
    # As in the original, any page may show them; nothing of ours is within reach of this.
    slides = CORSMiddleware(
        StaticFiles(directory=folder),
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        allow_credentials=True,
    )
    app.mount(path, slides, name="slides")
    log.info("slides of %s are at %s", folder, path)
