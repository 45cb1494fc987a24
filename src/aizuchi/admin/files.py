"""Writing a file that somebody else may be writing, too: whole or not at all, with the old one beside it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from pathlib import Path

PRIVATE = 0o600


def digest(data: bytes | None) -> str:
    """Tells whether a file is still the one that was read; empty for none."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def read(path: Path) -> bytes | None:
    """None if there is no such file. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def beside(path: Path) -> Path:
    """A name nobody has, in the same folder, so that it can take the file's place in one step."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")


def draft(path: Path, data: bytes) -> Path:
    """Write `data` beside a file, for its owner's eyes like the file itself. Raises OSError."""
    new = beside(path)
    mode = path.stat().st_mode & 0o777 if path.exists() else PRIVATE
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            drop(new)
            raise
    new.chmod(mode)
    return new


def put(new: Path, path: Path) -> None:
    """Let a draft take the file's place; the old one is kept as `.bak`. Raises OSError."""
    try:
        if path.exists():
            kept = beside(path)
            # Never through a link that lies where the copy goes.
            shutil.copy2(path, kept)
            os.replace(kept, path.with_name(path.name + ".bak"))
        os.replace(new, path)
    except OSError:
        drop(new)
        raise


def drop(new: Path) -> None:
    with contextlib.suppress(OSError):
        new.unlink()
