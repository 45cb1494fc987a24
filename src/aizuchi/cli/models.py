"""`aizuchi models [list|download NAME|check]`: models for `asr: sherpa` and `turn: smart_turn`."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aizuchi.cli.screen import columns
from aizuchi.errors import ConfigError
from aizuchi.registry import suggest
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.providers.models import Model

TEXTS: Final = Texts(
    {
        "where": ("Models are kept in {folder}", "模型保存在 {folder}"),
        "here": ("here", "已有"),
        "faulty": ("faulty", "有误"),
        "away": ("-", "-"),
        "name": ("name", "名称"),
        "languages": ("languages", "语言"),
        "size": ("size", "大小"),
        "state": ("state", "状态"),
        "get": ("aizuchi models download NAME fetches one", "aizuchi models download 名称 即可下载"),
        "which": ("say which model: {known}", "请指明模型：{known}"),
        "unknown": ('model "{name}" is unknown; {known}', "未知的模型“{name}”；{known}"),
        "done": ("{name} is in {folder}", "{name} 已保存到 {folder}"),
        "use": (
            "To use it: asr: {{use: sherpa, model: {folder}}}",
            "使用方法：asr: {{use: sherpa, model: {folder}}}",
        ),
        "use_turn": (
            "To use it: turn: {{use: smart_turn, model: {folder}}}",
            "使用方法：turn: {{use: smart_turn, model: {folder}}}",
        ),
        "fine": ("{name}: in order", "{name}：完好"),
        "problem": ("{name}: {problem}", "{name}：{problem}"),
        "none": (
            "No model is here yet; `aizuchi models` lists them.",
            "尚无模型；`aizuchi models` 列出可下载的模型。",
        ),
        "many": ("{count} languages", "{count} 种"),
        "fetching": ("fetching {name}", "正在下载 {name}"),
    }
)


MANY: Final = 5
"""Languages that fit into the table by their codes."""


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import load
    from aizuchi.providers import models

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    folder = loaded.home / "models"
    known = {model.name: model for model in models.catalogue()}
    if args.action != "list" and args.name and args.name not in known:
        raise ConfigError(TEXTS.say(loaded.lang, "unknown", name=args.name, known=suggest(args.name, known)))
    if args.action == "download":
        if not args.name:
            raise ConfigError(TEXTS.say(loaded.lang, "which", known=", ".join(known)))
        return _download(known[args.name], folder, loaded.lang)
    if args.action == "check":
        return _check([args.name] if args.name else list(known), folder, loaded.lang, named=bool(args.name))
    _list(list(known.values()), folder, loaded.lang)
    return 0


def _list(known: list[Model], folder: Path, lang: Lang) -> None:
    from aizuchi.providers import models
    from aizuchi.server import tongues

    rows = [[TEXTS.say(lang, name) for name in ("name", "languages", "size", "state")]]
    for model in known:
        state = "away"
        if (folder / model.name).is_dir():
            state = "faulty" if models.check(model.name, folder) else "here"
        size = f"{model.size / 1e6:.0f} MB"
        codes = sorted(model.languages)
        heard = " ".join(codes) if len(codes) <= MANY else TEXTS.say(lang, "many", count=len(codes))
        rows.append([model.name, heard, size, TEXTS.say(lang, state)])
    lines = columns(rows, "<<><")
    print(lines[0])
    for line, model in zip(lines[1:], known, strict=True):
        print(line)
        print(f"    {tongues.about(model.about, lang)}")
    print(TEXTS.say(lang, "where", folder=folder))
    print(TEXTS.say(lang, "get"))


def _check(names: list[str], folder: Path, lang: Lang, *, named: bool) -> int:
    from aizuchi.providers import models

    code, seen = 0, False
    for name in names:
        if not named and not (folder / name).is_dir():
            continue
        seen = True
        problems = models.check(name, folder)
        for problem in problems:
            print(TEXTS.say(lang, "problem", name=name, problem=problem))
        if not problems:
            print(TEXTS.say(lang, "fine", name=name))
        code = 1 if problems else code
    if not seen:
        print(TEXTS.say(lang, "none"))
    return code


def _download(model: Model, folder: Path, lang: Lang) -> int:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from aizuchi.providers import models

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns) as shown:
        task = shown.add_task(TEXTS.say(lang, "fetching", name=model.name), total=model.size or None)

        def progress(done: int, total: int | None = None) -> None:
            shown.update(task, completed=done, total=total or model.size or None)

        asyncio.run(models.download(model.name, folder, progress))
    place = folder / model.name
    print(TEXTS.say(lang, "done", name=model.name, folder=place))
    key = "use_turn" if model.kind == models.TURN else "use"
    print(TEXTS.say(lang, key, folder=os.fspath(place)))
    return 0
