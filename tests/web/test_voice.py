"""A real recorded utterance is the microphone: it is heard, shown, answered, and speaks over replies."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import ear, recordings, said
from tests.web.conftest import Visit

STATES = """
() => {
  const stage = document.querySelector("[data-testid=stage]");
  window.__states = [stage.dataset.state];
  window.__held = [];
  new MutationObserver(() => {
    if (window.__states.at(-1) !== stage.dataset.state) window.__states.push(stage.dataset.state);
    if (window.__held.at(-1) !== stage.dataset.held) window.__held.push(stage.dataset.held);
  }).observe(stage, { attributes: true });
}
"""


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings.compose(tmp_path_factory.mktemp("microphone"), 1.5, recordings.voice())


def test_voice_turn(hearing: Server, visit: Visit):
    """Hands-free: one click, the words appear, the whole answer is heard."""
    stage = visit(hearing.url)
    stage.page.evaluate(STATES)
    stage.id("mic").click()
    stage.attribute("mic", "on")
    expect(stage.id("mic")).to_have_attribute("aria-pressed", "true")
    expect(stage.id("level")).to_be_visible()
    expect(stage.lines("user", final="true").last).to_contain_text("forward")
    expect(stage.reply()).to_contain_text(said.GO)
    assert stage.lines("user", final="false").count() == 0
    states = stage.page.evaluate("window.__states")
    assert "listening" in states and states.index("listening") < states.index("speaking")
    ear.wait_for_silence(stage.page)
    heard = ear.record(stage.page)
    assert heard.order() == [ear.tone_of(said.GO)]
    assert heard.loud_seconds(ear.tone_of(said.GO)) == pytest.approx(said.seconds(said.GO), abs=0.03)
    stage.id("mic").click()
    stage.attribute("mic", "off")


def test_hold_to_talk(hearing: Server, visit: Visit):
    """The space bar is held while the voice speaks and let go afterwards: that ends the utterance."""
    stage = visit(hearing.url)
    stage.id("mode-hold").click()
    stage.page.mouse.click(5, 400)
    stage.page.evaluate("document.activeElement?.blur()")
    stage.page.keyboard.down("Space")
    stage.attribute("mic", "on")
    expect(stage.lines("user", final="false").last).to_contain_text("go")
    stage.page.wait_for_timeout(2_500)
    stage.page.keyboard.up("Space")
    expect(stage.lines("user", final="true").last).to_contain_text("forward")
    expect(stage.reply()).to_contain_text(said.GO)


def test_voice_over_a_reply(hearing: Server, visit: Visit):
    """A voice over the story ends it; the words that did so are answered, and nothing old is heard again."""
    stage = visit(hearing.url)
    stage.page.evaluate(STATES)
    stage.speaking("tell me a story")
    stage.id("mic").click()
    story = stage.lines("reply").first
    expect(story).to_have_attribute("data-finish", "interrupted")
    expect(stage.lines("reply").last).to_contain_text(said.GO)
    stage.reply()
    ear.wait_for_silence(stage.page)
    heard = ear.record(stage.page)
    going = next(each.begin for each in heard.stretches() if each.tone not in said.OLD)
    assert not set(heard.order(begin=going + 0.02)) & set(said.OLD)
