"""What every test stands on. Coroutine tests run by themselves: pytest-asyncio is in auto mode."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
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
    """Browsers go last, when the other processes have little left to do."""
    items.sort(key=lambda item: browsed(item.nodeid))
    for item in items:
        if browsed(item.nodeid) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A test with a browser has three tries: a machine that stands still is late with sound and picture.

    What a page itself gets wrong is wrong in each; a try that failed is among the warnings.
    """
    if not browsed(item.nodeid) or not isinstance(item, pytest.Function):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports: list[pytest.TestReport] = []
    for left in (2, 1, 0):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if left == 0 or not any(each.failed for each in reports):
            break
        item.warn(pytest.PytestWarning(f"{item.name} failed and is tried again"))
        item._initrequest()
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


class Sharing(LoadScopeScheduling):
    """One process has all tests with a browser, which takes a core by itself; else a file is shared out."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if browsed(nodeid) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
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
