"""Who may come in: a token that is typed, and one tab at a time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import said
from tests.web.conftest import HUMMING, TOKEN, Visit, running

REFUSED = "WebSocket connection to .* failed|status of 401"


@pytest.fixture(scope="module")
def guarded(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants a token."""
    yield from running(tmp_path_factory, "guarded", HUMMING | {"server": {"tokens": {"ann": TOKEN}}})


def test_token(guarded: Server, visit: Visit):
    """A wrong token is refused again, the right one opens and is kept by this tab; no address holds it."""
    stage = visit(guarded.url, online=False, expect=(REFUSED,), secrets=(TOKEN, "not-the-token"))
    stage.attribute("connection", "refused")
    stage.id("token").fill("not-the-token")
    stage.id("token-send").click()
    stage.attribute("connection", "refused")
    stage.id("token").fill(TOKEN)
    stage.id("token").press("Enter")
    stage.is_online()
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)
    assert TOKEN in stage.storage("session", "aizuchi.token")
    assert TOKEN not in stage.page.evaluate("JSON.stringify({...localStorage})")
    stage.page.reload()
    stage.is_online()
    assert TOKEN not in stage.page.content()


def test_another_tab_takes_over(humming: Server, visit: Visit):
    """A tab opened from the first goes on with its conversation; the first says so and can take it back."""
    stage = visit(humming.url)
    stage.say("hello")
    stage.reply()
    with stage.page.context.expect_page() as opening:
        stage.page.evaluate("window.open('/')")
    other = type(stage)(opening.value)
    other.is_online()
    stage.attribute("connection", "refused")
    expect(stage.id("connection")).to_be_visible()
    stage.id("retry").click()
    stage.is_online()
    other.attribute("connection", "refused")
    stage.say("hello")
    expect(stage.lines("reply").last).to_contain_text(said.AGAIN)
