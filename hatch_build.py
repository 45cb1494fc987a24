"""The package build's part of the pages: a wheel holds them built, and not what they were built from.

An editable install is left alone; `make run` and `make setup` look after a source tree. `AIZUCHI_NO_PAGES=1`
makes a wheel without pages, where npm can't be reached.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The front end that builds a package does not put its folder on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))
import build_pages


class Pages(BuildHookInterface[Any]):
    def dependencies(self) -> list[str]:
        """Node from PyPI, for this build alone, where the machine has none and pages are to be built."""
        if _left_out() or _editable() or build_pages.current() or build_pages.find_node():
            return []
        return [build_pages.WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or _left_out():
            return
        try:
            build_pages.build(fetch=False)
        except build_pages.Failed as error:
            raise RuntimeError(
                f"{error}\nAIZUCHI_NO_PAGES=1 installs the server without its pages."
            ) from None


def _left_out() -> bool:
    return os.environ.get("AIZUCHI_NO_PAGES", "") not in ("", "0")


def _editable() -> bool:
    # A hook is asked for its dependencies without being told what for, and Node is a lot to fetch in vain.
    return any(frame.function == "get_requires_for_build_editable" for frame in inspect.stack(0))
