"""Somebody hums over a reply: it stands still, goes on from its place, and all of it is heard once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.loopback.openai_server import OpenAIServer
from tests.web import ear, recordings, said
from tests.web.aside import Aside
from tests.web.conftest import HUMMING, Visit, running
from tests.web.test_voice import STATES

LENIENT = {"decide_ms": 5_000, "backchannel_ms": 5_000}
"""No length of a voice interrupts by itself, so that the words decide on any machine."""


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of silence and a short voice, of which the browser's echo cancellation takes the edges."""
    short = recordings.voice()[: 2 * recordings.RATE * 8 // 10]
    return recordings.compose(tmp_path_factory.mktemp("microphone"), 1.5, short)


@pytest.fixture(scope="module")
def patient(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose recogniser understands a mere "mm-hm", whatever was said."""
    with Aside() as aside:
        recogniser = aside.enter(OpenAIServer())
        recogniser.transcripts.extend(["Mm-hm."] * 20)
        asr = {"use": "openai", "base_url": recogniser.base_url, "api_key": recogniser.key}
        yield from running(tmp_path_factory, "patient", HUMMING | {"asr": asr, "barge_in": LENIENT})


def test_held_and_resumed(patient: Server, visit: Visit):
    """The story pauses in mid-sentence and comes to its end; each sentence has sounded exactly once."""
    stage = visit(patient.url)
    stage.page.evaluate(STATES)
    stage.speaking("tell me a story")
    stage.id("mic").click()
    stage.attribute("held", "true")
    stage.attribute("held", "false")
    stage.id("mic").click()
    expect(stage.lines("reply")).to_have_count(1)
    stage.reply("stop", timeout=60_000)
    stage.settle()
    heard = ear.record(stage.page)
    assert heard.order() == said.OLD
    for sentence in said.STORY:
        sounded = heard.loud_seconds(ear.tone_of(sentence))
        assert sounded == pytest.approx(said.seconds(sentence), abs=0.05), sentence
    assert max(gap.ms for gap in heard.gaps(30)) > 150
