"""A conversation by keyboard: what is written, what is shown, and what is heard of it."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import ear, said
from tests.web.conftest import Visit


def test_greeting(greeting: Server, visit: Visit):
    """A character that greets is there before anybody has done anything, and gives way to what is written."""
    stage = visit(greeting.url)
    expect(stage.lines("reply").first).to_contain_text("I'm listening")
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)
    assert stage.lines("reply").count() == 2


def test_text_turn(humming: Server, visit: Visit):
    """A typed greeting is answered in text and sound; tags of feelings are not shown; it ends in idle."""
    stage = visit(humming.url)
    stage.say("hello")
    expect(stage.lines("user").last).to_contain_text("hello")
    line = stage.reply()
    expect(line).to_contain_text(said.HELLO)
    expect(line).not_to_contain_text("[happy]")
    stage.settle()
    heard = ear.record(stage.page)
    assert heard.order() == [ear.tone_of(said.HELLO)]
    assert heard.loud_seconds(ear.tone_of(said.HELLO)) == pytest.approx(said.seconds(said.HELLO), abs=0.03)


@pytest.mark.timeout(300)
def test_a_story_has_no_gaps(humming: Server, visit: Visit):
    """Eight sentences in their order, each whole and without a hole.

    A machine that stands still for longer than the page's buffer leaves a hole, too, so there are three
    tries; what the page itself gets wrong is wrong in each.
    """
    for _ in range(3):
        stage = visit(humming.url)
        stage.speaking("tell me a story")
        stage.reply(timeout=60_000)
        stage.settle()
        heard = ear.record(stage.page)
        assert heard.order() == said.OLD
        for sentence in said.STORY:
            sounded = heard.loud_seconds(ear.tone_of(sentence))
            assert sounded == pytest.approx(said.seconds(sentence), abs=0.04), sentence
        gaps = heard.gaps_within_sentences(30)
        if not gaps:
            return
        print(f"gaps: {gaps}")
        stage.page.close()
    raise AssertionError("each time there were gaps within sentences")


def test_markup_is_text(humming: Server, visit: Visit):
    """Whatever a model or a user writes is shown as it is and never becomes part of the page."""
    stage = visit(humming.url)
    stage.say('markup <img src=y onerror="window.__owned = 5"><script>window.__owned = 6</script>')
    expect(stage.lines("user").last).to_contain_text('<img src=y onerror="window.__owned = 5">')
    line = stage.reply(timeout=60_000)
    expect(line).to_contain_text('<img src=x onerror="window.__owned = 1">')
    expect(line).to_contain_text('<b onclick="window.__owned = 3">bold</b>')
    assert stage.page.evaluate("window.__owned") is None
    assert stage.id("captions").locator("img, script, b, a[href^=javascript]").count() == 0


def test_a_line_of_its_own(humming: Server, visit: Visit):
    """Shift+Enter begins a line, Enter sends both."""
    stage = visit(humming.url)
    box = stage.id("text-input")
    box.fill("first")
    box.press("Shift+Enter")
    box.press_sequentially("second")
    box.press("Enter")
    expect(stage.lines("user").last).to_contain_text("first\nsecond")
    expect(box).to_have_value("")
    stage.reply()


def test_thoughts_are_folded(humming: Server, visit: Visit):
    """An inner thought is there for who wants it, and is neither spoken nor in the way."""
    stage = visit(humming.url)
    stage.say("think about it")
    line = stage.reply()
    expect(line).to_contain_text("I have thought about it for a moment.")
    thought = line.get_by_text("This is an inner thought.")
    if thought.count():
        expect(thought).not_to_be_visible()
    stage.settle()
    assert ear.tone_of("This is an inner thought.") not in ear.record(stage.page).order()


@pytest.mark.parametrize(
    "locale, lang, hello, answer",
    [
        ("zh-CN", "zh", "你好", "你好，很高兴在这里见到你。"),
        ("ja-JP", "ja", "こんにちは", "こんにちは、お会いできてうれしいです。"),
    ],
)
def test_languages(humming: Server, visit: Visit, locale: str, lang: str, hello: str, answer: str):
    """The page speaks the browser's language, and another one at once when it is chosen; it stays chosen."""
    stage = visit(humming.url, locale=locale)
    html = stage.page.locator("html")
    expect(html).to_have_attribute("lang", re.compile(f"^{lang}"))
    send = stage.id("send").get_attribute("aria-label")
    stage.say(hello)
    expect(stage.reply()).to_contain_text(answer)
    stage.id("settings").click()
    stage.id("language").select_option("en")
    expect(html).to_have_attribute("lang", "en")
    stage.page.keyboard.press("Escape")
    expect(stage.id("send")).not_to_have_attribute("aria-label", str(send))
    stage.page.reload()
    expect(html).to_have_attribute("lang", "en")
    stage.id("settings").click()
    stage.id("language").select_option(lang)
    expect(html).to_have_attribute("lang", re.compile(f"^{lang}"))
