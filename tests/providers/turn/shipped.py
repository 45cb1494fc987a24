"""Where the tests find the real Smart Turn; its weights are not kept in the repository.

The file named by AIZUCHI_SMART_TURN, else the one inside an installed pipecat-ai, else the one inside that
package's wheel, fetched with the pip and the index this environment already uses. Nothing of the wheel is
installed or run, and what is taken out of it must have the SHA-256 we know.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from aizuchi.errors import ConfigError
from aizuchi.providers import models
from aizuchi.providers.turn.smart_turn import PLACE, SHIPPED, weights
from tests import needed

# Read at import: the fixtures hide AIZUCHI_ settings from the tests.
NAMED = os.environ.get("AIZUCHI_SMART_TURN", "")
WHEEL = "pipecat-ai==1.14.0"
"""12 MB; the version whose copy `models.py` knows."""
FETCH_TIMEOUT = 90.0
"""Seconds for the download; below the time limit of a test."""


def real_weights(cache: Path) -> Path:
    """The path of the model; `cache` is a folder that workers may share. No model: see `needed`."""
    if NAMED:
        return weights(NAMED)
    try:
        return weights("")
    except ConfigError:
        pass
    kept = cache / f"{SHIPPED}.onnx"
    if not kept.is_file():
        try:
            _put(_fetched(), kept)
        except (OSError, ValueError, KeyError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
            needed.missing(
                f"no {kept.name}: set AIZUCHI_SMART_TURN, or let pip fetch {WHEEL} ({told(error)})"
            )
    return kept


def checked(model: bytes) -> bytes:
    """The model itself. Raises ValueError where it is not the one we know."""
    known = models.named(SHIPPED)
    assert known is not None and known.sha256
    if hashlib.sha256(model).hexdigest() != known.sha256:
        raise ValueError(f"the {SHIPPED} inside {WHEEL} has another SHA-256")
    return model


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory(prefix="aizuchi-wheel-") as folder:
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"]
        subprocess.run(
            [*pip, "--no-deps", "--only-binary=:all:", "--dest", folder, WHEEL],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=FETCH_TIMEOUT,
            check=True,
        )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return checked(archive.read(f"pipecat/{PLACE.as_posix()}/{SHIPPED}.onnx"))


def _put(model: bytes, kept: Path) -> None:
    """In one step: another worker sees the whole file or none, and may have put the same one there."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    part.write_bytes(model)
    try:
        os.replace(part, kept)
    except PermissionError:  # Windows, when another worker has just put it there and is reading it
        if not kept.is_file():
            raise
        part.unlink()


def told(error: Exception) -> str:
    """One line about it; of a program that failed, the last that it said."""
    if isinstance(error, subprocess.CalledProcessError):
        return (str(error.stderr).strip().splitlines() or [str(error)])[-1]
    return f"{type(error).__name__}: {error}"
