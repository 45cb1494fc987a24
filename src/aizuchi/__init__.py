"""Aizuchi: one conversation engine that hears, thinks and speaks, behind many wire protocols.

Read `events.py`, `ports.py` and `engine/turn.py`, in that order; the rest can then be guessed.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("aizuchi")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
