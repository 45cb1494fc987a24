"""Real servers for the tests of this folder, each started when it is first wanted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import QUICK_SCRIPT, TONES, UNHURRIED, Server

RUNNING: list[Server] = []


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What runs with no key: Silero, pocketsphinx, the script (without its introduction), espeak."""
    yield from _running(tmp_path_factory.mktemp("embedded"), {**UNHURRIED, "llm": QUICK_SCRIPT})


@pytest.fixture(scope="session")
def humming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers in tones; it forgets a lost client within half a second."""
    yield from _running(tmp_path_factory.mktemp("humming"), {**TONES, "server": {"resume_ttl": 0.5}})


def _running(folder: Path, config: dict[str, object]) -> Iterator[Server]:
    with Server(folder, config) as server:
        RUNNING.append(server)
        yield server
        RUNNING.remove(server)


@pytest.fixture(autouse=True)
def what_the_servers_said() -> Iterator[None]:
    """A failed test shows what the servers wrote to stderr meanwhile."""
    for server in RUNNING:
        server.news()
    yield
    for server in RUNNING:
        print(f"--- stderr of the server in {server.folder.name}\n{server.news()}")
