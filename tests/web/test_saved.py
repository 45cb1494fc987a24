"""A conversation that the server recorded is dropped onto the page, looked at, and played."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import ear, said
from tests.web.conftest import HUMMING, Visit, running
from tests.web.drops import drop


@pytest.fixture(scope="module")
def recording(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that keeps what is said."""
    yield from running(tmp_path_factory, "recording", HUMMING | {"timeline": {"record": "audio"}})


def kept(server: Server) -> dict[str, bytes]:
    """The files of the only recording, once the reply in it has ended."""
    folder = server.home / "timelines"

    def ended() -> bool:
        files = list(folder.rglob("*.jsonl"))
        return bool(files) and '"turn_ended"' in files[0].read_text("utf-8")

    server.wait("a recording with an ended turn", ended)
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_saved_timeline(recording: Server, visit: Visit):
    """Recorded, dropped, seen with its turn, and played: the same sentence in the same tone."""
    stage = visit(recording.url)
    stage.say("hello")
    stage.reply()
    stage.settle()
    files = kept(recording)
    # A page that has not sounded yet, so that what is heard is the recording.
    stage.page.reload()
    stage.is_online()
    assert sorted(name.rpartition(".")[2] for name in files) == ["jsonl", "wav"]
    assert drop(stage.page, files), "the page did not show that it takes files"
    expect(stage.id("saved-timeline")).to_be_visible()
    expect(stage.id("saved-timeline").get_by_test_id("turn-row")).to_have_count(1)
    expect(stage.id("saved-timeline")).to_contain_text(said.HELLO)
    stage.id("saved-play").click()
    ear.wait_for_sound(stage.page)
    ear.wait_for_silence(stage.page)
    assert ear.record(stage.page).order() == [ear.tone_of(said.HELLO)]


def test_what_is_no_timeline(humming: Server, visit: Visit):
    """A file that is something else is refused in words, and the page goes on."""
    stage = visit(humming.url)
    drop(stage.page, {"strange.jsonl": json.dumps({"a": 1}).encode(), "notes.txt": b"nothing"})
    expect(stage.page.get_by_role("alert")).to_contain_text("strange.jsonl")
    expect(stage.id("turn-row")).to_have_count(0)
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)


def test_the_panel_draws_turns(humming: Server, visit: Visit):
    """Opened from its button; each turn of the conversation becomes a row."""
    stage = visit(humming.url)
    stage.say("hello")
    stage.reply()
    stage.id("timeline-toggle").click()
    expect(stage.id("turn-row")).to_have_count(1)
    stage.say("hello")
    expect(stage.id("turn-row")).to_have_count(2)
    stage.settle()
