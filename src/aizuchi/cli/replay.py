"""`aizuchi replay TIMELINE`: a saved conversation as a waterfall, or again at its pace."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, cast

from aizuchi.errors import ConfigError
from aizuchi.texts import Texts, language

TEXTS: Final = Texts(
    {
        "missing": ("there is no timeline {path}", "时间线 {path} 不存在"),
        "speed": ("--speed must be above 0", "--speed 必须大于 0"),
    }
)


def run(args: argparse.Namespace) -> int:
    from aizuchi.views.replay import waterfall
    from aizuchi.views.saved import load

    lang = language(os.environ, args.lang)
    path = Path(args.timeline)
    if not path.is_file():
        raise ConfigError(TEXTS.say(lang, "missing", path=path))
    if not args.speed > 0:
        raise ConfigError(TEXTS.say(lang, "speed"))
    if args.play:
        asyncio.run(_play(path, args.speed))
        return 0
    from rich.console import Console

    console = Console()
    for line in waterfall(load(path), console.width):
        console.print(line, no_wrap=True, overflow="ellipsis")
    return 0


async def _play(path: Path, speed: float) -> None:
    """One line an entry, when it comes: time, turn, generation, kind, what it holds."""
    from aizuchi.timeline_json import entry_to_json
    from aizuchi.views.replay import replay

    async with aclosing(cast("Any", replay(path, speed))) as entries:
        async for entry in entries:
            told = entry_to_json(entry)
            at, turn, generation, kind = (
                told.pop(name, None) for name in ("at", "turn", "generation", "kind")
            )
            told.pop("seq", None)
            held = json.dumps(told, ensure_ascii=False) if told else ""
            print(
                f"{at:9.3f}  {'' if turn is None else turn:>3} {generation:>4}  {kind:<16} {held}", flush=True
            )
