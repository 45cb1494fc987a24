"""`aizuchi data export|delete PERSON`: what is kept of a person, handed out or gone."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from aizuchi.texts import Texts

TEXTS: Final = Texts(
    {
        "none": ("Nothing is kept of {person}.", "没有保存 {person} 的任何数据。"),
        "exported": ("{count} files are in {out}", "{count} 个文件已导出到 {out}"),
        "sure": (
            "Delete {recordings} recordings and {parked} waiting conversations of {person} for good? (y/N) ",
            "永久删除 {person} 的 {recordings} 份录存与 {parked} 个待恢复会话？(y/N) ",
        ),
        "left": ("Nothing was deleted.", "未删除任何数据。"),
        "deleted": (
            "Deleted {recordings} recordings and {parked} waiting conversations of {person}.",
            "已删除 {person} 的 {recordings} 份录存与 {parked} 个待恢复会话。",
        ),
    }
)
LIMIT: Final = 30.0
"""Seconds the store may take."""


def run(args: argparse.Namespace) -> int:
    from aizuchi.build import recordings
    from aizuchi.config import load
    from aizuchi.views import keeping

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    person, folder = args.person, recordings(loaded)
    stored = asyncio.run(_stored(loaded, person))
    own = folder / keeping.folder_of(person)
    kept = sum(1 for _ in own.rglob("*" + keeping.TIMELINE_END)) if own.is_dir() else 0
    if not kept and not stored:
        print(TEXTS.say(loaded.lang, "none", person=person))
        return 0
    if args.action == "export":
        out = Path(args.to or f"{keeping.plain(person)}-export.zip")
        more = {"conversations.json": json.dumps(stored, indent=2, ensure_ascii=False)} if stored else {}
        files = keeping.export(person, folder, out, more)
        print(TEXTS.say(loaded.lang, "exported", count=len(files), out=out))
        return 0
    numbers = {"recordings": kept, "parked": len(stored), "person": person}
    if not args.yes:
        print(TEXTS.say(loaded.lang, "sure", **numbers), end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
            print(TEXTS.say(loaded.lang, "left"))
            return 1
    keeping.delete(person, folder)
    asyncio.run(_forget(loaded, list(stored)))
    print(TEXTS.say(loaded.lang, "deleted", **numbers))
    return 0


async def _stored(loaded: Any, person: str) -> dict[str, Any]:
    """Conversations that wait in the store for their person to come back, without their secrets."""
    from aizuchi.build import database
    from aizuchi.server.parking import KIND

    store = database(loaded)
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(LIMIT):
            for key in await store.keys(KIND):
                document = await store.get(KIND, key)
                if document is not None and document.get("person") == person:
                    found[key] = {
                        name: each
                        for name, each in document.items()
                        if "token" not in name and name != "resume"
                    }
    finally:
        await store.close()
    return found


async def _forget(loaded: Any, keys: list[str]) -> None:
    from aizuchi.build import database
    from aizuchi.server.parking import KIND

    store = database(loaded)
    try:
        async with asyncio.timeout(LIMIT):
            for key in keys:
                await store.delete(KIND, key)
    finally:
        await store.close()
