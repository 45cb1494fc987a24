"""What every test stands on. Coroutine tests run by themselves: pytest-asyncio is in auto mode."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine has slow moments; a property is judged by what it does, not by how long one example took.
settings.register_profile("aizuchi", deadline=None, print_blob=True)
settings.load_profile("aizuchi")


@pytest.fixture(autouse=True)
def nothing_of_this_machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Hides the developer's settings and keys from a test and gives it a data folder of its own.

    A test marked `live` keeps the keys, since it is there to use them.
    """
    live = request.node.get_closest_marker("live") is not None
    for name in list(os.environ):
        if name.startswith("AIZUCHI_") or (name.startswith("OPENAI_") and not live):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("AIZUCHI_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that sets up the process's logging does so for its own test only."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for added in [each for each in root.handlers if each not in handlers and hasattr(each, "aizuchi")]:
        root.removeHandler(added)
    root.setLevel(level)
