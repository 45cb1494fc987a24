"""Keys of vendors by short names: `get_token("glm")`.

`tokens/tokens.json`, a flat JSON object of strings, is looked for where `places` says; a name it does not
hold is looked for in the environment. Values are never printed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from aizuchi.compat.bitnp.places import projects

FILE: Final = Path("tokens") / "tokens.json"
VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "glm": ("GLM_API_KEY", "ZHIPUAI_API_KEY", "ZAI_API_KEY"),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
}
"""Names with environment variables of their own; any other name x is looked for as X_API_KEY and X_TOKEN."""


def _read() -> dict[str, str]:
    """The tokens of all files; who is looked into first wins. Raises ValueError for a broken file."""
    found: dict[str, str] = {}
    for path in (folder / FILE for folder in projects()):
        try:
            held = json.loads(path.read_text(encoding="utf-8-sig"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (ValueError, RecursionError):
            raise ValueError(f"{path} is not valid JSON") from None
        if not isinstance(held, dict):
            raise ValueError(f'{path} is not an object; expected {{"glm": "your key", ...}}')
        for name, value in held.items():
            if isinstance(value, str):
                found.setdefault(name, value)
    return found


def _begin() -> dict[str, str]:
    """Read at import. A project with a folder for the file but without the file gets an empty one."""
    tokens = _read()
    folder = projects()[0] / FILE.parent
    if not tokens and folder.is_dir() and not (path := folder / FILE.name).exists():
        try:
            path.write_text("{}", encoding="utf-8")
        except OSError:
            return tokens
        print(f"[Warning] {path} was missing; made an empty one for your keys", file=sys.stderr)
    return tokens


TOKENS: dict[str, str] = _begin()
"""What the files held at import. What a script changes here counts."""


def get_token(token_name: str) -> str:
    """The token of that name; "" if nobody has it. Tokens written into a file meanwhile are found, too."""
    if token := TOKENS.get(token_name) or _read().get(token_name):
        return token
    plain = token_name.upper().replace("-", "_")
    for variable in VARIABLES.get(token_name, (f"{plain}_API_KEY", f"{plain}_TOKEN")):
        if token := os.environ.get(variable, "").strip():
            return token
    return ""
