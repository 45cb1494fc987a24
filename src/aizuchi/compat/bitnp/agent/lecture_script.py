"""A lecture's script and slides, from files: which page has which text, and in what order slides come."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aizuchi.compat.bitnp.agent.tags import PAGE

SLIDES: Final = (".png", ".jpg", ".jpeg", ".webp")
_NUMBER: Final = re.compile(r"([0-9]+)\.[^.]+$")


def parse(content: str) -> list[dict[str, Any]]:
    """`{"page_num", "content"}` for each page with a text: what stands between its mark and the next.

    What precedes the first mark belongs to no page; a script without marks has none.
    """
    marks = list(PAGE.finditer(content))
    ends = [*(mark.start() for mark in marks[1:]), len(content)]
    pages = (
        {"page_num": int(mark[1] or mark[2]), "content": content[mark.end() : end].strip()}
        for mark, end in zip(marks, ends, strict=False)
    )
    return [page for page in pages if page["content"]]


def read(script_path: str) -> list[dict[str, Any]]:
    """The pages of a file, or of a folder's first `*_scripts.txt`; none where there is no such file."""
    path = Path(script_path)
    if path.is_dir():
        candidates = sorted(path.glob("*_scripts.txt"))
        if not candidates:
            return []
        path = candidates[0]
    return parse(path.read_text(encoding="utf-8-sig")) if path.is_file() else []


def slides(images_dir: str) -> list[str]:
    """The names of a folder's pictures, by the number at their end, those without one last."""
    folder = Path(images_dir)
    names = [p.name for p in folder.iterdir() if p.suffix.lower() in SLIDES] if folder.is_dir() else []

    def order(name: str) -> tuple[int, int, str]:
        found = _NUMBER.search(name)
        return (0, int(found[1]), name) if found else (1, 0, name)

    return sorted(names, key=order)


def slide_urls(server_url: str, base_url: str, names: list[str]) -> list[str]:
    """Where the server of a `ws(s)://` address serves them."""
    # ws -> http, wss -> https
    return [f"http{server_url.removeprefix('ws')}{base_url.rstrip('/')}/{quote(name)}" for name in names]
