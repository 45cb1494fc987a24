"""What stands behind `server.main`: our server, set up by ChatAnon's files in the folder one is in.

`config.yaml`, `credentials.py` and `prompts/` are read in place, as `aizuchi import chatanon` would read
them, and nothing there is written. An `aizuchi.yaml` in the folder goes before `config.yaml` and `prompts/`:
whoever has imported them changes that one. The environment goes before all, then `.env`, then
`credentials.py`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from starlette.types import ASGIApp

from aizuchi.cli.importers import Imported, chatanon
from aizuchi.cli.importers.chatanon import configuration
from aizuchi.config import Loaded, home, load
from aizuchi.config.loading import FILE, beside
from aizuchi.errors import ConfigError
from aizuchi.texts import language

log = logging.getLogger(__name__)

FOLDER: Final = Path(__file__).resolve().parent / "path"
"""What goes on the path: it holds `server/main.py`."""
PEOPLE: Final = Path("chatanon") / "characters"
"""Below the data folder: what was read out of `prompts/`, written anew at each start."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A configuration, and where ChatAnon would listen."""

    loaded: Loaded
    address: configuration.Address
    warnings: tuple[str, ...]
    """What must not be overlooked, in the user's language."""


def prepare(folder: Path | None = None) -> Ready:
    """Read a folder of ChatAnon's, by default the one we are in. Raises ConfigError.

    Keys of `credentials.py` are added to the process's environment, where the providers look for them.
    """
    folder = folder or Path.cwd()
    there = any((folder / each).exists() for each in (chatanon.CONFIG, chatanon.CREDENTIALS, "prompts"))
    environ = {**beside(folder), **os.environ}
    imported = chatanon.read(folder, environ) if there else Imported()
    for name, value in imported.secrets.items():
        if not environ.get(name):
            os.environ[name] = value
    config = folder / chatanon.CONFIG
    address = configuration.address(configuration.parse(config) if config.is_file() else {})
    own = bool(os.environ.get("AIZUCHI_CONFIG")) or (folder / FILE).is_file()
    loaded = load(cwd=folder, base=None if own else _base(imported, home(None, folder, environ)))
    lang = language(os.environ, loaded.settings.lang)
    # That there is no token the start says itself.
    loud = () if own else (each for each in imported.warnings if each is not configuration.NO_TOKEN)
    return Ready(loaded, address, tuple(each[lang == "zh"] for each in loud))


def _base(imported: Imported, data: Path) -> dict[str, Any]:
    """What was read as a configuration of ours; the address is whoever starts the server's to choose."""
    tree: dict[str, Any] = {**imported.providers}
    for key, value in imported.settings.items():
        if key == "server.listen":
            continue
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = cast("dict[str, Any]", node.setdefault(section, {}))
        node[name] = value
    if imported.characters:
        _write(imported.characters, data / PEOPLE)
        tree["characters"] = [str(data / PEOPLE), str(data / "characters")]
    return tree


def _write(people: Mapping[str, Mapping[str, str]], folder: Path) -> None:
    try:
        for name, files in people.items():
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            for file, text in files.items():
                path = folder / name / file
                if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
                    path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"{folder} can't be written: {reason}", zh=f"无法写入 {folder}：{reason}"
        ) from error


def make() -> ASGIApp:
    """`server.main:app`. Without any token it answers on loopback only. Raises ConfigError."""
    from aizuchi.build import house as build_house
    from aizuchi.server.app import LoopbackOnly, make_app

    ready = prepare()
    _begin(ready)
    house = build_house(ready.loaded)
    made = make_app(house)
    return made if house.tokens or house.open else LoopbackOnly(made)


def main() -> int:
    """`python -m server.main`: serve where ChatAnon would."""
    from aizuchi.cli import serve

    try:
        ready = prepare()
        _begin(ready)
        none = argparse.Namespace(cert=None, key=None, tls=False)
        serve.alone(
            ready.loaded,
            _show,
            host=ready.address.host,
            port=ready.address.port,
            listen=[],
            tls=serve.certificate(ready.loaded, none),
            open_=ready.loaded.settings.server.open,
        )
    except ConfigError as error:
        print(f"aizuchi: {told(error)}", file=sys.stderr)
        return 2
    return 0


def _begin(ready: Ready) -> None:
    from aizuchi.server import logs

    settings = ready.loaded.settings.log
    logs.configure(settings.level, settings.format)
    for warning in (*ready.loaded.warnings, *ready.warnings):
        log.warning("%s", warning)


def _show(_urls: Sequence[str], lines: Sequence[str]) -> None:
    for line in lines:
        print(line, flush=True)


def told(error: ConfigError) -> str:
    return error.zh if language(os.environ) == "zh" else str(error)
