"""Where an agent project keeps its files: `tokens/tokens.json`, `prompts/NAME.txt`.

Looked for in the current project (the working folder, the script's own folder, the one above it), then in
the folder that the variable `BITNP_HOME` names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HOME: Final = "BITNP_HOME"
"""The environment variable that names a folder of tokens and prompts for all projects."""


def projects() -> list[Path]:
    """The folders to look into, best first, each once."""
    return list(dict.fromkeys(_candidates()))


def _candidates() -> Iterator[Path]:
    yield Path.cwd()
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script:
        # Examples stand one folder below the project, and are started from anywhere.
        folder = Path(script).resolve().parent
        yield folder
        yield folder.parent
    if home := os.environ.get(HOME, "").strip():
        yield Path(home).expanduser().resolve()
