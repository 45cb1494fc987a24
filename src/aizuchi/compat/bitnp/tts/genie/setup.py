"""`python tts/genie/setup.py`: prepares Genie, as `aizuchi genie setup` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """A Python with Genie and its data, in the folder where `GenieTTS` looks; gives the exit code."""
    from aizuchi.cli import main as command

    return command(["genie", "setup", *(sys.argv[1:] if argv is None else argv)])
