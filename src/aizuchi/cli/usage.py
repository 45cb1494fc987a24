"""`aizuchi usage`: what the providers used, by day."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from aizuchi.cli.screen import columns
from aizuchi.texts import Texts

TEXTS: Final = Texts(
    {
        "none": ("Nothing has been used in the last {days} days.", "最近 {days} 天没有用量。"),
        "day": ("day", "日期"),
        "provider": ("provider", "提供方"),
        "requests": ("requests", "请求"),
        "failed": ("failed", "失败"),
        "tokens_in": ("tokens in", "输入词元"),
        "tokens_out": ("tokens out", "输出词元"),
        "characters": ("characters", "字符"),
        "audio_seconds": ("sound, s", "声音（秒）"),
    }
)


def run(args: argparse.Namespace) -> int:
    from aizuchi.build import database
    from aizuchi.config import load
    from aizuchi.views.usage import AMOUNTS, table

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    first = (datetime.now().astimezone() - timedelta(days=args.days - 1)).strftime("%Y-%m-%d")

    async def rows() -> list[tuple[str, str, dict[str, float]]]:
        store = database(loaded)
        try:
            async with asyncio.timeout(30):
                return [row for row in await table(store) if row[0] >= first]
        finally:
            await store.close()

    found = asyncio.run(rows())
    if not found:
        print(TEXTS.say(loaded.lang, "none", days=args.days))
        return 0
    table_rows = [[TEXTS.say(loaded.lang, name) for name in ("day", "provider", *AMOUNTS)]]
    table_rows += [
        [day, name, *(f"{used.get(each, 0):.10g}" for each in AMOUNTS)] for day, name, used in found
    ]
    for line in columns(table_rows, "<<" + ">" * len(AMOUNTS)):
        print(line)
    return 0
