"""A character who speaks one language and is read in another, on the stage."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import ear
from tests.web.conftest import HERE, HUMMING, Visit, running

SAID, READ = "こんにちは、お会いできてうれしいです。", "你好，很高兴在这里见到你。"


@pytest.fixture(scope="module")
def twofold(pages: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = {**HUMMING, "characters": [str(HERE / "bilingual")], "character": "twofold"}
    yield from running(tmp_path_factory, "twofold", config)


def test_what_is_said_and_its_subtitle(twofold: Server, visit: Visit):
    """The speech stands large, the subtitle below it; the voice speaks the one and not the other."""
    stage = visit(twofold.url)
    stage.say("你好")
    line = stage.reply()
    expect(line.locator(".said")).to_have_text(SAID)
    expect(line.locator(".subtitle")).to_have_text(READ)
    expect(line.locator(".said")).to_have_attribute("lang", "ja")
    expect(line.locator(".subtitle")).to_have_attribute("lang", "zh")
    expect(line).not_to_contain_text("speak")
    stage.settle()
    assert ear.record(stage.page).order() == [ear.tone_of(SAID)]


def test_subtitles_are_the_users_choice(twofold: Server, visit: Visit):
    """Without them only what is said is shown; they come back when they are wanted again."""
    stage = visit(twofold.url)
    stage.say("你好")
    line = stage.reply()
    stage.settle()
    stage.id("settings").click()
    stage.id("subtitles").click()
    expect(line.locator(".subtitle")).to_have_count(0)
    expect(line.locator(".said")).to_have_text(SAID)
    stage.id("subtitles").click()
    expect(line.locator(".subtitle")).to_have_text(READ)
