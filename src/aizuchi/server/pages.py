"""The built pages: `/` for people, `/console`, and the files of both below `/web/`.

Everything is read once, when the application is made, and served from memory: no request waits for a disk,
and no name in a request ever becomes a path. Where nothing has been built, `page.py` has something to say.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from aizuchi import __version__
from aizuchi.server import origin, page, public

if TYPE_CHECKING:
    from aizuchi.server.house import House

DIST: Final = Path(__file__).resolve().parents[1] / "web" / "dist"
"""Where the build puts the pages, in a source tree and in an installed package alike."""
CORE: Final = "vendor/live2dcubismcore.js"
"""Where Live2D's Cubism Core is served below `/web/`, if the user has brought the file."""
MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Our own table: what `mimetypes` says depends on the machine."""
PACKED: Final = frozenset({".ico", ".jpg", ".png", ".wav", ".webp", ".woff2"})
"""These gain nothing from gzip."""
SMALL: Final = 1_000
"""Bytes; what is shorter fits a packet and is not compressed."""
LASTING: Final = "public, max-age=31536000, immutable"
"""For names that hold a hash of their content."""
ASKED: Final = "no-cache"
"""Kept, but asked for each time; the answer is then usually 304."""

SAME: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "microphone=(self), camera=(self)",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PLAIN_STYLE: Final = b64encode(hashlib.sha256(page.STYLE.encode()).digest()).decode()
PLAIN_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{PLAIN_STYLE}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
# A `Host` header becomes part of a policy only in this form. Addresses of IPv6 have none in a policy.
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")


class File:
    """One file of the pages: its bytes, and once somebody wanted them so, its bytes in gzip."""

    def __init__(self, name: str, body: bytes) -> None:
        suffix = Path(name).suffix.lower()
        self.body = body
        self.media = MEDIA.get(suffix, "application/octet-stream")
        self.cache = LASTING if name.startswith("assets/") else ASKED
        # Weak, since the compressed bytes go by the same tag.
        self.tag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        self._gzip: bytes | None = None if suffix not in PACKED and len(body) >= SMALL else b""

    async def packed(self) -> bytes:
        """The bytes in gzip; nothing where that is not worth it."""
        if self._gzip is None:
            made = await asyncio.to_thread(gzip.compress, self.body, mtime=0)
            self._gzip = made if len(made) < len(self.body) else b""
        return self._gzip


class Pages:
    """What is served to browsers, and what their policy allows.

    `folder` holds the built pages; it need not exist. `hosts` are further https origins that figures may be
    loaded from. `cubism_core` is Live2D's library, which we may not ship: an https address, or a file.
    """

    def __init__(
        self, folder: Path | None = None, *, hosts: Sequence[str] = (), cubism_core: str | Path = ""
    ) -> None:
        self._files = dict(_read(folder)) if folder is not None else {}
        self._hosts = tuple(each.rstrip("/") for each in hosts)
        self.cubism_core: str | None = None
        """The address the page loads it from."""
        if isinstance(cubism_core, Path):
            self._files[CORE] = File(CORE, cubism_core.read_bytes())
            self.cubism_core = f"/web/{CORE}"
        elif cubism_core:
            self.cubism_core = cubism_core

    @property
    def built(self) -> bool:
        """Whether there is a page to talk with."""
        return "index.html" in self._files

    def file(self, name: str) -> File | None:
        """A file by its name below `/web/`."""
        return self._files.get(name)

    def policy(self, host: str) -> str:
        """The Content-Security-Policy for a request to `host`: our own files, and nobody else's.

        Older Safari does not count WebSockets among 'self', hence the host by its name. Models are taken
        apart in the browser, and their parts and dropped files are blob: addresses.
        """
        own = [f"ws://{host}", f"wss://{host}"] if _HOST.fullmatch(host) else []
        scripts = ["'self'"]
        if self.cubism_core is not None:
            # The library brings its WebAssembly inside the script.
            scripts += ["'wasm-unsafe-eval'"]
            scripts += [self.cubism_core] if "://" in self.cubism_core else []
        allowed = {
            "default-src": ["'none'"],
            "script-src": scripts,
            "style-src": ["'self'"],
            "img-src": ["'self'", "blob:", "data:", *self._hosts],
            "media-src": ["'self'", "blob:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'", *own, "blob:", *self._hosts],
            "worker-src": ["'self'"],
            "manifest-src": ["'self'"],
            "base-uri": ["'none'"],
            "form-action": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
        return "; ".join(f"{name} {' '.join(sources)}" for name, sources in allowed.items())


def about(house: House) -> dict[str, Any]:
    """What a page has to know before it may ask anything else."""
    return {
        "version": __version__,
        "token_needed": bool(house.tokens),
        "cubism_core": house.pages.cubism_core,
    }


def router(house: House) -> APIRouter:
    """`/`, `/console` and `/web/...`."""
    pages = house.pages
    made = APIRouter(include_in_schema=False)

    def get(path: str, answer: Callable[[Request], Any]) -> None:
        made.add_api_route(path, answer, methods=["GET", "HEAD"], response_model=None)

    async def root(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return await document(request, "index.html")
        return public.root(house, request)

    async def console(request: Request) -> Response:
        return await document(request, "console.html")

    async def web(request: Request) -> Response:
        found = pages.file(request.path_params["name"])
        if found is None:
            return PlainTextResponse("There is no such file.\n", 404, SAME)
        return await _answer(pages, found, request)

    async def document(request: Request, name: str) -> Response:
        found = pages.file(name)
        if found is not None:
            return await _answer(pages, found, request)
        lang = page.preferred(request.headers.get("accept-language", ""))
        headers = {**SAME, "Content-Security-Policy": PLAIN_POLICY, "Cache-Control": "no-store"}
        return HTMLResponse(page.html(house, str(request.base_url), lang), headers=headers)

    get("/", root)
    get("/console", console)
    get("/web/{name:path}", web)
    return made


def _secure(request: Request) -> bool:
    """Whether browsers take this for a secure context; elsewhere they complain of some headers."""
    return request.url.scheme == "https" or origin.is_loopback(request.url.hostname or "")


async def _answer(pages: Pages, file: File, request: Request) -> Response:
    headers = {
        **SAME,
        **({"Cross-Origin-Opener-Policy": "same-origin"} if _secure(request) else {}),
        "Content-Security-Policy": pages.policy(request.headers.get("host", "")),
        "Cache-Control": file.cache,
        "ETag": file.tag,
        "Vary": "Accept, Accept-Encoding",
    }
    if _same(request.headers.get("if-none-match", ""), file.tag):
        return Response(status_code=304, headers=headers)
    body = file.body
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        packed = await file.packed()
        if packed:
            body = packed
            headers["Content-Encoding"] = "gzip"
    return Response(body, headers={**headers, "Content-Type": file.media})


def _same(wanted: str, tag: str) -> bool:
    opaque = tag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in wanted.split(","))


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, quality = each.partition(";")
        if name.strip() == "gzip":
            return not re.fullmatch(r"q=0(\.0*)?", quality.strip())
    return False


def _read(folder: Path) -> Iterable[tuple[str, File]]:
    """Every file below a folder by its name there, without what begins with a dot."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            yield name, File(name, path.read_bytes())
