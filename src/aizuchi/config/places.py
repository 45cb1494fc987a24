"""Where things are: the data folder, the checkout, an address in text."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path


def home(wished: Path | None, folder: Path, environ: Mapping[str, str]) -> Path:
    """The data folder: `AIZUCHI_HOME`, the key `data`, `data` in a checkout, the user's data folder."""
    if environ.get("AIZUCHI_HOME"):
        return Path(environ["AIZUCHI_HOME"]).expanduser()
    if wished is not None:
        return folder / wished.expanduser()
    root = checkout()
    if root is not None:
        return root / "data"
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "aizuchi"


def checkout() -> Path | None:
    """The root of the source tree this package runs from, None when it is installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "src" / "aizuchi").is_dir() else None


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, [v6]:PORT or PORT alone (loopback). Raises ValueError."""
    host, _, port = text.rpartition(":")
    number = int(port)
    if not 0 <= number <= 65535:
        raise ValueError(text)
    return host.strip("[]") or "127.0.0.1", number


def is_origin(text: str) -> bool:
    """Whether a text is https://HOST or https://HOST:PORT, and so may stand in a page's policy."""
    return re.fullmatch(r"https://[A-Za-z0-9._-]+(:[0-9]{1,5})?/?", text) is not None


def is_script(text: str) -> bool:
    """Whether a text is an https address with a path and no query, fit for a page's policy."""
    return re.fullmatch(r"https://[A-Za-z0-9._-]+(:[0-9]{1,5})?/[A-Za-z0-9._~@+/%-]+", text) is not None
