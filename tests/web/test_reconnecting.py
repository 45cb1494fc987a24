"""The line is lost in the middle of a reply: the page says so, comes back by itself and goes on."""

from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import artefacts, ear, said
from tests.web.aside import Aside
from tests.web.conftest import Visit
from tests.web.lines import Line

LOST = "WebSocket connection to .* failed|net::ERR_"


def test_lost_and_found(humming: Server, visit: Visit, aside: Aside):
    """While the line is down a banner says so; then the same conversation goes on, the cut reply marked."""
    line = aside.enter(Line(humming.url))
    stage = visit(line.url, expect=(LOST,))
    stage.say("hello")
    stage.reply()
    stage.settle()
    stage.speaking("tell me a story")
    aside.run(line.cut(down=True))
    stage.attribute("connection", "waiting")
    expect(stage.id("connection")).to_be_visible()
    expect(stage.id("retry")).to_be_visible()
    ear.wait_for_silence(stage.page)
    artefacts.screenshot(stage.page, "connection-lost")
    aside.run(line.mend())
    stage.come_back()
    expect(stage.id("connection")).to_have_count(0)
    expect(stage.lines("reply").nth(1)).to_have_attribute("data-finish", "interrupted")
    stage.say("hello")
    # The second greeting of the same conversation: the server remembers the first.
    expect(stage.lines("reply").last).to_contain_text(said.AGAIN)
    stage.reply()
    stage.settle()
    again = ear.tone_of(said.AGAIN)
    heard = ear.record(stage.page)
    assert heard.order()[-1] == again
    began = next(each.begin for each in heard.stretches() if each.tone == again)
    assert heard.order(begin=began + 0.02) == [again]


def test_a_short_cut(humming: Server, visit: Visit, aside: Aside):
    """A cut of a moment needs nobody: the page is back before anybody could press anything."""
    line = aside.enter(Line(humming.url))
    stage = visit(line.url, expect=(LOST,))
    stage.speaking("tell me a story")
    before = line.accepted
    aside.run(line.cut())
    expect(stage.lines("reply").first).to_have_attribute("data-finish", "interrupted")
    stage.is_online()
    assert line.accepted > before
    stage.say("hello")
    expect(stage.lines("reply").last).to_contain_text(said.HELLO)


def test_what_is_typed_meanwhile_is_not_lost(humming: Server, visit: Visit, aside: Aside):
    """A sentence that was sent while the line was down is answered when it is back, or stays in its box."""
    line = aside.enter(Line(humming.url))
    stage = visit(line.url, expect=(LOST,))
    aside.run(line.cut(down=True))
    stage.attribute("connection", "waiting")
    stage.say("hello")
    kept = stage.id("text-input").input_value() == "hello"
    aside.run(line.mend())
    stage.come_back()
    if kept:
        stage.id("text-input").press("Enter")
    expect(stage.reply()).to_contain_text(said.HELLO)
    assert stage.lines("user").count() == 1
