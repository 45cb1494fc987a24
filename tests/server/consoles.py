"""A real house on the quickest embedded parts, and a client of its console without a socket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from aizuchi import build
from aizuchi.config import load
from aizuchi.server.app import make_app
from aizuchi.server.house import House
from aizuchi.server.store import MemoryStore

QUICK = """\
# What runs here, and why
vad: energy
asr: pocketsphinx
llm: script   # no model
tts: [tone, espeak]
data: home
"""
BASE = "http://127.0.0.1:12393"
SURE = {"X-Aizuchi-Console": "1"}


def house(folder: Path, text: str = "", *, quick: str = QUICK, open_: bool | None = None) -> House:
    """From a file in `folder` that says `quick` and `text`; with both empty there is no file."""
    os.environ["AIZUCHI_HOME"] = str(folder / "home")  # `conftest.py` has set it, and takes it away
    if quick or text:
        (folder / "aizuchi.yaml").write_text(quick + text, encoding="utf-8")
    return build.house(load(cwd=folder), open_=open_, store=MemoryStore())


def client(house: House, *, peer: str = "127.0.0.1", base: str = BASE, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(house), client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url=base, headers=SURE | headers)


@contextlib.asynccontextmanager
async def console(
    folder: Path, text: str = "", **more: Any
) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    made = house(folder, text, **more)
    async with client(made) as http:
        yield made, http


def told(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def file(folder: Path) -> str:
    return (folder / "aizuchi.yaml").read_text(encoding="utf-8")


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def drafts(folder: Path) -> list[Path]:
    """What a write that was given up must not leave behind."""
    return list(folder.glob(".*.new"))
