"""What every test stands on. Coroutine tests run by themselves: pytest-asyncio is in auto mode."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# A shared machine has slow moments; a property is judged by what it does, not by how long one example took.
settings.register_profile("aizuchi", deadline=None, print_blob=True)
settings.load_profile("aizuchi")

BROWSED = ("web", "figure")
"""Folders whose tests start a browser."""
KEYS = ("OPENAI_", "BYTEDANCE_", "DOUBAO_", "MINIMAX_", "GLM_", "ZHIPU", "DASHSCOPE_", "VALID_API_TOKENS")
"""How the names of vendors' settings begin."""


def browsed(nodeid: str) -> bool:
    return nodeid.removeprefix("tests/").split("/")[0] in BROWSED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest in one piece goes first."""
    items.sort(key=lambda item: not browsed(item.nodeid))


class Sharing(LoadScopeScheduling):
    """One process has all tests with a browser, which takes a core by itself; else a file is shared out."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if browsed(nodeid) else nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Sharing(config, log)


@pytest.fixture(autouse=True)
def nothing_of_this_machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Hides the developer's settings and keys from a test and gives it a data folder of its own.

    A test marked `live` keeps the keys, since it is there to use them.
    """
    live = request.node.get_closest_marker("live") is not None
    for name in list(os.environ):
        if name.startswith("AIZUCHI_") or (name.startswith(KEYS) and not live):
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
