"""A browser for each module, a fresh context for each test, real servers behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests import needed
from tests.e2e.server import ROOT, TONES, UNHURRIED, Server
from tests.web import artefacts, ear
from tests.web.aside import Aside
from tests.web.chromium import STRANGE_HOST, browsing
from tests.web.manners import Manners
from tests.web.said import MS
from tests.web.stage import Stage

HERE = Path(__file__).parent
PAGES = ROOT / "src" / "aizuchi" / "web" / "dist"
SCRIPT: dict[str, Any] = {
    "use": "script",
    "introduce": False,
    "first_token_ms": 20,
    "tokens_per_second": 200,
    "file": str(HERE / "script.yaml"),
}
VOICE: dict[str, Any] = {"use": "tone", "ms_per_character": MS}
QUIET: dict[str, Any] = {"characters": [str(HERE / "people")], "character": "quiet"}
"""Somebody who does not greet, so that every sound is an answer."""
HUMMING: dict[str, Any] = {**TONES, **QUIET, "tts": VOICE, "llm": SCRIPT}
"""Answers at once, in tones; hears nothing."""
HEARING: dict[str, Any] = {
    **UNHURRIED,
    **QUIET,
    "vad": "silero",
    "asr": "pocketsphinx",
    "llm": SCRIPT,
    "tts": VOICE,
}
"""Hears English, answers in tones."""
TOKEN = "an-only-token-4711"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.network)


@pytest.fixture(scope="session")
def pages() -> Path:
    """The built pages."""
    if not (PAGES / "index.html").is_file():
        needed.missing("the pages are not built: make test builds them, where Node is or can be had")
    return PAGES


def running(factory: pytest.TempPathFactory, name: str, config: dict[str, Any] | str) -> Iterator[Server]:
    with Server(factory.mktemp(name), config) as server:
        yield server


@pytest.fixture(scope="session")
def humming(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from running(tmp_path_factory, "humming", HUMMING)


@pytest.fixture(scope="session")
def hearing(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from running(tmp_path_factory, "hearing", HEARING)


@pytest.fixture(scope="session")
def greeting(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The packaged character, who greets."""
    yield from running(tmp_path_factory, "greeting", {**TONES, "llm": SCRIPT})


@pytest.fixture(scope="module")
def microphone() -> Path | None:
    """What the microphone of a module's browser hears; a module that wants one has its own."""
    return None


@pytest.fixture(scope="module")
def browser(microphone: Path | None) -> Iterator[Browser]:
    with browsing(microphone) as launched:
        yield launched


@pytest.fixture
def aside() -> Iterator[Aside]:
    with Aside() as beside:
        yield beside


Visit = Callable[..., Stage]


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """`visit(url)` opens the stage in a fresh context that has an ear and minds its manners.

    Options are those of `Browser.new_context`, besides `online` (wait for the connection), `at` (what a page
    is known by), `expect` (patterns of errors that belong to the test), `secrets` and `beside` (an open stage
    to whose context the page belongs). When the test has ended each page is photographed, and what a page did
    wrong fails it.
    """
    contexts: list[tuple[BrowserContext, Manners]] = []
    stages: list[Stage] = []

    def opened(
        url: str,
        *,
        online: bool = True,
        at: str = "stage",
        expect: tuple[str, ...] = (),
        secrets: tuple[str, ...] = (),
        beside: Stage | None = None,
        **options: Any,
    ) -> Stage:
        if beside is None:
            context = browser.new_context(
                **{"locale": "en-US", "viewport": {"width": 1280, "height": 800}} | options
            )
            hosts = [urlsplit(url).netloc, f"{STRANGE_HOST}:{urlsplit(url).port}"]
            contexts.append((context, Manners(context, hosts, secrets)))
            ear.fit(context)
        else:
            context = beside.page.context
        manners = next(manners for known, manners in contexts if known is context)
        for pattern in expect:
            manners.expect(pattern)
        stage = Stage(context.new_page())
        stages.append(stage)
        return stage.open(url, online=online, at=at)

    yield opened
    for number, stage in enumerate(stages):
        name = artefacts.named(request.node.name) + (f"-{number + 1}" if len(stages) > 1 else "")
        if not stage.page.is_closed():
            artefacts.screenshot(stage.page, name)
    for context, _ in contexts:
        context.close()
    for _, manners in contexts:
        manners.check()
