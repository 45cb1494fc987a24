"""`aizuchi import SYSTEM PATH`: what another system is set up with, taken over into our files.

What is read is `cli/importers/`'s. Here it is shown, asked about and written: settings into `aizuchi.yaml`,
keys into `.env`, characters into a folder each. Nothing that exists is overwritten without a yes, or
`--force`.
"""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli import importers
from aizuchi.errors import ConfigError
from aizuchi.texts import Lang, Texts, language

if TYPE_CHECKING:
    from aizuchi.cli.importers import Imported, Row
    from aizuchi.providers.keys import Account

TEXTS: Final = Texts(
    {
        "unknown": (
            'nothing can be imported from "{name}"; there are: {known}',
            "无法从“{name}”导入；可用的有：{known}",
        ),
        "no_path": ("there is nothing at {path}", "{path} 不存在"),
        "head": ("{about}, at {path}:", "{about}，位于 {path}："),
        "columns": ("key|value|here", "键|值|此处"),
        "nothing": ("Without effect here:", "在此处不起作用："),
        "careful": ("CAREFUL", "注意"),
        "would": ("Nothing was written (--dry-run).", "未写入任何文件（--dry-run）。"),
        "change": (
            "{file} is there already. Change in it: {keys}?",
            "{file} 已存在。修改其中的 {keys} 吗？",
        ),
        "replace": ("{file} is there already. Overwrite it?", "{file} 已存在，覆盖吗？"),
        "wrote": ("wrote    {file}", "已写入   {file}"),
        "added": ("added to {file}: {names}", "已补充   {file}：{names}"),
        "kept": ("kept     {file}  (--force overwrites)", "保留     {file}（--force 可覆盖）"),
        "same": ("as it was {file}", "无变化   {file}"),
        "no_key": ("No key yet. {line}", "尚无密钥。{line}"),
        "next": ("Next: aizuchi check, then aizuchi serve", "接下来：aizuchi check，然后 aizuchi serve"),
    }
)
FILE: Final = "aizuchi.yaml"
YES: Final = ("y", "yes", "j", "是", "好")
Ask = Callable[[str], bool]


def run(args: argparse.Namespace) -> int:
    lang = language(os.environ, args.lang)
    known = importers.names()
    name = args.system.replace("-", "_")
    if name not in known:
        raise ConfigError(TEXTS.say(lang, "unknown", name=args.system, known=", ".join(known)))
    path = Path(args.path)
    if not path.exists():
        raise ConfigError(TEXTS.say(lang, "no_path", path=path))
    importer = importers.load(name)
    imported = importer.read(path, os.environ)
    print(TEXTS.say(lang, "head", about=importer.ABOUT[lang == "zh"], path=path))
    for line in told(imported, lang):
        print(line)
    if args.dry_run:
        print(TEXTS.say(lang, "would"))
        return 0
    print()
    target = Path(args.config) if args.config else Path(args.to) / FILE
    write(imported, target, lang, (lambda _question: True) if args.force else confirm)
    for account in lacking(imported, target.parent):
        print(TEXTS.say(lang, "no_key", line=account.line(lang)))
    print(TEXTS.say(lang, "next"))
    return 0


def told(imported: Imported, lang: Lang) -> list[str]:
    """The table of what went where, what has no effect and why, and what must not be overlooked."""
    zh = lang == "zh"
    taken = [row for row in imported.rows if row.to]
    lines = ["", *table(TEXTS.say(lang, "columns").split("|"), [_cells(row, zh) for row in taken])]
    idle = [row for row in imported.rows if not row.to]
    if idle:
        lines += ["", TEXTS.say(lang, "nothing"), ""]
        lines += table([], [(row.key, row.value, row.note[zh]) for row in idle])
    for warning in imported.warnings:
        lines += ["", loud(f"!!! {TEXTS.say(lang, 'careful')}: {warning[zh]}")]
    return lines


def _cells(row: Row, zh: bool) -> tuple[str, str, str]:
    left, right = ("（", "）") if zh else ("  (", ")")
    return row.key, row.value, row.to + (f"{left}{row.note[zh]}{right}" if row.note[zh] else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side; a wide character takes two places."""
    lines = [head, *rows] if head else list(rows)
    if not rows:
        return []
    widths = [max(width(line[column]) for line in lines) for column in range(len(rows[0]))]
    padded = (
        [cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True)] for line in lines
    )
    return [f"  {'  '.join(cells)}".rstrip() for cells in padded]


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def loud(text: str) -> str:
    """In red where that can be seen."""
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    return text if plain else f"\x1b[1;31m{text}\x1b[0m"


def lacking(imported: Imported, folder: Path) -> list[Account]:
    """The accounts of chosen providers without a key, wherever one may stand."""
    from aizuchi.config.sources import read_dotenv
    from aizuchi.providers import keys

    have = {**(read_dotenv(folder / ".env") if (folder / ".env").is_file() else {}), **os.environ}
    first = [(kind, uses[0]["use"]) for kind, uses in imported.providers.items() if uses]
    accounts = [keys.find(kind, use) for kind, use in first]
    return [each for each in dict.fromkeys(accounts) if each is not None and not each.held(have)]


# -- writing


def write(imported: Imported, target: Path, lang: Lang, ask: Ask) -> None:
    """Everything into the folder of `target`, the YAML. Raises ConfigError."""
    from aizuchi.cli.init import ignore

    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _settings(imported, target, lang, ask)
        if imported.secrets:
            _secrets(imported.secrets, folder / ".env", lang, ask)
            ignore(folder / ".gitignore", lang)
        for name, files in imported.characters.items():
            _character(_characters(target) / name, files, lang, ask)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{error.filename or folder}: {reason}") from error


def _settings(imported: Imported, target: Path, lang: Lang, ask: Ask) -> None:
    from aizuchi.config.choices import normal
    from aizuchi.config.describe import yaml_file
    from aizuchi.config.editing import edited
    from aizuchi.config.sources import Keys, read_yaml

    if not imported.settings and not imported.providers:
        return
    if not target.exists():
        _put(target, yaml_file(lang, imported.settings, imported.providers))
        print(TEXTS.say(lang, "wrote", file=target))
        return
    wanted: dict[Keys, Any] = {tuple(key.split(".")): value for key, value in imported.settings.items()}
    wanted |= {(kind,): uses for kind, uses in imported.providers.items()}
    now = read_yaml(target).data
    now |= {kind: normal(now[kind]) for kind in imported.providers if now.get(kind)}
    changed = {keys: value for keys, value in wanted.items() if _at(now, keys) != value}
    if not changed:
        print(TEXTS.say(lang, "same", file=target))
        return
    standing = [".".join(map(str, keys)) for keys in changed if _at(now, keys) is not None]
    if standing and not ask(TEXTS.say(lang, "change", file=target, keys=", ".join(standing))):
        print(TEXTS.say(lang, "kept", file=target))
        return
    text = target.read_text(encoding="utf-8-sig")
    for keys, value in changed.items():
        text = edited(text, keys, value)
    _put(target, text)
    names = ", ".join(".".join(map(str, keys)) for keys in changed)
    print(TEXTS.say(lang, "added", file=target, names=names))


def _at(tree: Any, keys: Sequence[Any]) -> Any:
    for step in keys:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def _secrets(secrets: Mapping[str, str], path: Path, lang: Lang, ask: Ask) -> None:
    """Add the lines that are missing; a line with another value is replaced if that is allowed."""
    from aizuchi.config.sources import read_dotenv

    known = read_dotenv(path) if path.exists() else {}
    new = {name: value for name, value in secrets.items() if not known.get(name)}
    other = {name: value for name, value in secrets.items() if known.get(name) not in (None, "", value)}
    if other and not ask(TEXTS.say(lang, "change", file=path, keys=", ".join(other))):
        print(TEXTS.say(lang, "kept", file=path))
        other = {}
    if not new and not other:
        if all(known.get(name) == value for name, value in secrets.items()):
            print(TEXTS.say(lang, "same", file=path))
        return
    set_now = {**new, **other}
    lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    kept = [line for line in lines if _name(line) not in set_now]
    _put(path, "\n".join([*kept, *(f"{name}={_quoted(value)}" for name, value in set_now.items())]) + "\n")
    print(TEXTS.say(lang, "added", file=path, names=", ".join(set_now)))


def _name(line: str) -> str:
    return line.strip().removeprefix("export ").partition("=")[0].strip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _characters(target: Path) -> Path:
    """Where one's own characters live: as the configuration says, else in the data folder."""
    from aizuchi.config import home
    from aizuchi.config.sources import read_yaml

    now = read_yaml(target).data if target.exists() else {}
    folders = now.get("characters")
    if isinstance(folders, list) and folders:
        return target.parent / Path(str(folders[0])).expanduser()
    data = now.get("data")
    return home(Path(str(data)) if data else None, target.parent, os.environ) / "characters"


def _character(folder: Path, files: Mapping[str, str], lang: Lang, ask: Ask) -> None:
    there = {name: folder / name for name in files if (folder / name).exists()}
    if len(there) == len(files) and all(
        path.read_text(encoding="utf-8", errors="replace") == files[name] for name, path in there.items()
    ):
        print(TEXTS.say(lang, "same", file=folder))
        return
    if folder.exists() and not ask(TEXTS.say(lang, "replace", file=folder)):
        print(TEXTS.say(lang, "kept", file=folder))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(TEXTS.say(lang, "wrote", file=folder))


def _put(path: Path, text: str) -> None:
    """Write a file in one step; .env is for its owner's eyes only. Windows ignores the mode."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    mode = 0o600 if path.name == ".env" else path.stat().st_mode & 0o777 if path.exists() else 0o666
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(part, path)


def confirm(question: str) -> bool:
    """Ask; nobody there to answer means no."""
    print(f"{question} (y/N) ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in YES
