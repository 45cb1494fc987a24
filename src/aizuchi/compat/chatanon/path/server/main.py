"""`uvicorn server.main:app --host 0.0.0.0 --port 8765`, or `python -m server.main`."""

from __future__ import annotations

from typing import Any

from aizuchi.compat.chatanon.application import main, make, told
from aizuchi.errors import ConfigError


def __getattr__(name: str) -> Any:
    """`app`, made when uvicorn asks for it: `python -m server.main` needs none."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        made = globals()["app"] = make()
    except ConfigError as error:
        raise SystemExit(f"aizuchi: {told(error)}") from error
    return made


if __name__ == "__main__":
    raise SystemExit(main())
