"""No microphone, for one reason or another: the page says what mends it, and writing goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.server import Server
from tests.web import recordings, said
from tests.web.chromium import STRANGE_HOST, browsing
from tests.web.conftest import HUMMING, Visit, running


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings.compose(tmp_path_factory.mktemp("microphone"), 0.5)


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Browser]:
    """A browser with a microphone that no page is allowed to use."""
    with browsing(microphone, allowed=False) as launched:
        yield launched


@pytest.fixture(scope="module")
def strange(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may be asked for under any name."""
    yield from running(tmp_path_factory, "strange", HUMMING | {"server": {"open": True}})


def test_refused_microphone(humming: Server, visit: Visit):
    """The help can be seen and read aloud, and a typed turn works beside it."""
    stage = visit(humming.url)
    stage.id("mic").click()
    stage.attribute("mic", "denied")
    expect(stage.id("mic-help")).to_be_visible()
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)


def test_insecure_origin(strange: Server, visit: Visit):
    """On a host that is no secure origin the page names the command that makes it one."""
    url = strange.url.replace("127.0.0.1", STRANGE_HOST)
    stage = visit(url)
    assert stage.page.evaluate("window.isSecureContext") is False
    stage.id("mic").click()
    stage.attribute("mic", "insecure")
    expect(stage.id("mic-help")).to_contain_text("serve")
    expect(stage.id("mic-help")).to_contain_text("--tls")
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)
