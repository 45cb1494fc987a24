"""ChatAnon's server: its `config.yaml`, its `credentials.py`, its `prompts/*/character_manifest.md`.

Source: its README and its code (RangerOnMars/chat_anon_backend at e3358ae and 24f1a6a, of early 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aizuchi.cli.importers import Imported, Words
from aizuchi.cli.importers.chatanon import characters, configuration, credentials
from aizuchi.errors import ConfigError

ABOUT: Final[Words] = (
    "ChatAnon's server: its folder, its config.yaml or its credentials.py",
    "ChatAnon 服务器：其文件夹、config.yaml 或 credentials.py",
)
CONFIG: Final = "config.yaml"
CREDENTIALS: Final = "credentials.py"


def read(path: Path, environ: Mapping[str, str]) -> Imported:
    """A folder with any of the three, or one of the two files. Raises ConfigError."""
    imported = Imported()
    folder = path if path.is_dir() else path.parent
    config = folder / CONFIG if path.is_dir() else path
    secrets = folder / CREDENTIALS if path.is_dir() else path
    found = False
    if secrets.suffix == ".py" and secrets.is_file():
        credentials.read(secrets, environ, imported)
        found = True
    tree = {}
    if config.suffix in (".yaml", ".yml") and config.is_file():
        tree = configuration.parse(config)
        found = True
    people = characters.find(folder) if path.is_dir() else {}
    if not found and not people:
        raise ConfigError(
            f"there is nothing of ChatAnon's at {path}; expected its folder (with {CONFIG}, {CREDENTIALS} or"
            " prompts/), or one of the two files",
            zh=f"{path} 处没有 ChatAnon 的文件；应为其文件夹（含 {CONFIG}、{CREDENTIALS} 或 prompts/），"
            "或这两个文件之一",
        )
    if path.is_dir() or tree:
        # A credentials file alone says which keys there are, and nothing of who uses them: the keys choose.
        tokens = bool(imported.secrets.get("VALID_API_TOKENS") or environ.get("VALID_API_TOKENS", "").strip())
        configuration.convert(tree, folder, imported, people, tokens=tokens)
    characters.convert(people, folder, tree, imported)
    return imported
