"""The instrument first: what is measured on a small page of known sound must be what was played."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.web import ear, said

HOST = "http://127.0.0.1:9/"
TONES = """
async (plan) => {
  window.context = new AudioContext({ sampleRate: 24000 });
  await context.resume();
  const gain = new GainNode(context);
  gain.connect(context.destination);
  window.begin = context.currentTime + 0.2;
  window.sources = plan.map(([tone, from, to]) => {
    const node = new OscillatorNode(context, { frequency: 200 + 20 * tone });
    const level = new GainNode(context, { gain: 0.25 });
    node.connect(level).connect(gain);
    node.start(begin + from);
    node.stop(begin + to);
    return node;
  });
  window.loud = gain;
  return begin;
}
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a strict policy."""
    with browser.new_context() as context:
        headers = {"content-security-policy": "default-src 'none'; script-src 'self'"}
        context.route(
            HOST,
            lambda route: route.fulfill(body="<!doctype html>", content_type="text/html", headers=headers),
        )
        ear.fit(context)
        page = context.new_page()
        page.goto(HOST)
        yield page


def test_the_ear_hears_tones_gaps_and_ends(page: Page):
    """Three tones, one with a hole of 45 ms and one after a pause: all at their places."""
    begin = page.evaluate(TONES, [[3, 0.0, 0.5], [3, 0.545, 1.0], [40, 1.0, 1.5], [77, 1.8, 2.3]])
    ear.until(page, "context.currentTime > begin + 2.5")
    heard = ear.record(page)
    assert [each.tone for each in heard.stretches()] == [3, 3, 40, 77]
    assert heard.order() == [3, 40, 77]
    within = heard.gaps_within_sentences()
    assert [round(gap.ms) for gap in within] == [pytest.approx(45, abs=4)]
    assert [round(gap.ms) for gap in heard.gaps()][-1] == pytest.approx(300, abs=4)
    assert heard.first_sound() == pytest.approx(begin, abs=0.005)
    assert heard.last_sound() == pytest.approx(begin + 2.3, abs=0.005)
    assert heard.loud_seconds(77) == pytest.approx(0.5, abs=0.01)


def test_a_stop_is_measured_from_the_key(page: Page):
    """The mark of a key and the end of the sound that it stops are on the same clock."""
    page.evaluate(TONES, [[12, 0.0, 30.0]])
    page.evaluate("() => addEventListener('keydown', () => { loud.gain.value = 0 })")
    ear.wait_for_sound(page)
    page.keyboard.press("Escape")
    ear.wait_for_silence(page)
    heard = ear.record(page)
    stopped = heard.last_sound()
    assert stopped is not None
    assert -0.02 < stopped - heard.mark("keydown Escape") < 0.05


def test_every_sentence_has_a_tone_of_its_own():
    """What is told apart by its tone must differ in it."""
    sentences = [*said.STORY, said.HELLO, said.AGAIN, said.GO]
    assert len({ear.tone_of(each) for each in sentences}) == len(sentences)
