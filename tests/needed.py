"""What a test needs and not every machine has: where it is absent the test is skipped, in CI it fails.

A skip in CI would be a promise that nobody keeps any more, and nobody would see it.
"""

import importlib
import os
from types import ModuleType
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Ends the test; `reason` says what is absent and how to get it."""
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(reason)
    pytest.skip(reason)


def module(name: str) -> ModuleType:
    """The module of an optional dependency."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing(f"{error}; make setup installs it")
