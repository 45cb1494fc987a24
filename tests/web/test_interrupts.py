"""The stop: silent at once on the page's own clock, and nothing of the old reply afterwards."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import ear, said
from tests.web.conftest import Visit
from tests.web.stage import Stage

SILENT_MS = 50
"""An idle machine takes 4."""
LATE_MS = 250
"""On a machine that stands still all sound is late; nothing of the old reply comes later than this."""

WAYS: list[tuple[str, Callable[[Stage], None]]] = [
    ("click stop", lambda stage: stage.id("stop").click()),
    ("keydown Escape", lambda stage: stage.page.keyboard.press("Escape")),
]


@pytest.mark.parametrize("mark, stop", WAYS, ids=["button", "escape"])
def test_interrupt(humming: Server, visit: Visit, mark: str, stop: Callable[[Stage], None]):
    """Stopped in the second sentence; what is said next is all that is heard.

    A machine that stands still at that moment is late with all its sound, so there are three tries; what the
    page itself gets wrong is wrong in each.
    """
    late: list[float] = []
    for _ in range(3):
        stage = visit(humming.url)
        late.append(_silent_after(stage, mark, stop))
        if late[-1] < SILENT_MS:
            return
        stage.page.close()
    raise AssertionError(f"silent {late} ms after the {mark}")


def _silent_after(stage: Stage, mark: str, stop: Callable[[Stage], None]) -> float:
    """How many ms after the stop the old reply is last heard."""
    stage.speaking("tell me a story")
    stage.page.wait_for_timeout(3_000)
    stop(stage)
    line = stage.reply("interrupted")
    stage.settle()
    # What nobody heard is still there to be read, but marked.
    expect(line).to_contain_text(said.STORY[0])
    assert line.locator("s, del").count() > 0
    stage.say("hello")
    stage.reply("stop")
    stage.settle()
    heard = ear.record(stage.page)
    at = heard.mark(mark)
    # A sound of the old reply: whatever came before the answer to the greeting.
    hello = next(each for each in heard.stretches() if each.tone == ear.tone_of(said.HELLO))
    last = heard.last_sound(before=hello.begin - 0.02)
    assert last is not None
    assert heard.order(begin=at + LATE_MS / 1000) == [ear.tone_of(said.HELLO)]
    return (last - at) * 1000


def test_stop_before_the_first_sound(humming: Server, visit: Visit):
    """Esc as soon as the answer is on its way: it falls silent or never sounds, and the next one does."""
    stage = visit(humming.url)
    stage.say("hello")
    stage.reply()
    stage.settle()
    stage.say("tell me a story")
    stage.page.keyboard.press("Escape")
    stage.state("idle")
    stage.say("hello")
    expect(stage.lines("reply").last).to_contain_text(said.AGAIN)
    stage.reply("stop")
    stage.settle()
    heard = ear.record(stage.page)
    stopped = heard.mark("keydown Escape") + LATE_MS / 1000
    assert heard.order(begin=stopped) == [ear.tone_of(said.AGAIN)]


def test_typing_over_a_reply(humming: Server, visit: Visit):
    """What is typed while a reply sounds takes its place; not a sound of the old one comes after the new."""
    stage = visit(humming.url)
    stage.speaking("tell me a story")
    stage.page.wait_for_timeout(1_000)
    stage.say("hello")
    expect(stage.lines("reply").last).to_contain_text(said.HELLO)
    stage.reply("stop")
    expect(stage.lines("reply").first).to_have_attribute("data-finish", "interrupted")
    stage.settle()
    heard = ear.record(stage.page)
    hello = next(each for each in heard.stretches() if each.tone == ear.tone_of(said.HELLO))
    assert heard.order(begin=hello.begin + 0.02) == [ear.tone_of(said.HELLO)]
