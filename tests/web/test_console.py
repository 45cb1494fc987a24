"""The operator's page: what it shows of a conversation, what it changes, and whom it lets in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.web import said
from tests.web.conftest import HERE, HUMMING, TOKEN, Visit, running
from tests.web.stage import Stage

CONFIG = """\
# How the house is run. This line is a person's own and must stay.
vad: energy
asr: {use: openai, base_url: "http://127.0.0.1:9/v1", api_key: none, retries: 0}
llm:
  use: script   # no model yet
  introduce: false
  first_token_ms: 20
  tokens_per_second: 200
  file: SCRIPT
tts: {use: tone, ms_per_character: 30}
characters: [PEOPLE]
character: ann
hearing:
  silence_ms: 600   # somebody here speaks slowly
"""
ANN = """\
# Ann is ours.
display_name: Ann
language: en   # English first
prompt: prompt.md
"""


class Own:
    """A server whose files a test may change."""

    def __init__(self, server: Server, people: Path) -> None:
        self.server = server
        self.file = server.folder / "aizuchi.yaml"
        self.character = people / "ann" / "character.yaml"


@pytest.fixture
def own(pages: Path, tmp_path: Path) -> Iterator[Own]:
    people = tmp_path / "people"
    (people / "ann").mkdir(parents=True)
    (people / "ann" / "character.yaml").write_text(ANN, encoding="utf-8")
    (people / "ann" / "prompt.md").write_text("You are Ann.\n", encoding="utf-8")
    text = CONFIG.replace("SCRIPT", str(HERE / "script.yaml")).replace("PEOPLE", str(people))
    with Server(tmp_path / "server", text) as server:
        yield Own(server, people)


def console(visit: Visit, server: Server, tab: str) -> Stage:
    page = visit(server.url + "console", at="console")
    page.id(f"tab-{tab}").click()
    return page


def test_live_figures(humming: Server, visit: Visit):
    """A conversation in one tab is a row in the console's, and its turn a figure."""
    stage = visit(humming.url)
    stage.say("hello")
    stage.reply()
    page = visit(humming.url + "console", at="console", beside=stage)
    page.id("tab-live").click()
    expect(page.id("session-row").first).to_be_visible()
    expect(page.id("latency-table")).to_be_visible()


def test_a_provider_is_tried(humming: Server, visit: Visit):
    """The script is asked a question from the console and its answer shown."""
    page = console(visit, humming, "providers")
    row = page.id("provider-row").filter(has_text="script").first
    row.get_by_test_id("try").click()
    page.id("try-text").fill("hello")
    page.id("try-run").first.click()
    expect(page.id("try-result")).to_contain_text("Hello")


def test_a_configuration_value_is_changed(own: Own, visit: Visit):
    """The new value is in the file, every comment is still there, and the running server takes it."""
    page = console(visit, own.server, "config")
    field = page.page.locator('[data-testid="config-field"][data-path="hearing.silence_ms"]')
    field.locator("input").fill("450")
    page.id("config-save").click()
    expect(page.id("config-result")).to_have_attribute("data-kind", "saved")
    text = own.file.read_text("utf-8")
    assert "silence_ms: 450" in text
    for comment in ("# How the house is run. This line is a person's own and must stay.", "# no model yet"):
        assert comment in text
    assert "# somebody here speaks slowly" in text
    assert text.replace("450", "600") == CONFIG.replace("SCRIPT", str(HERE / "script.yaml")).replace(
        "PEOPLE", str(own.character.parents[1])
    )


def test_a_wrong_value_changes_nothing(own: Own, visit: Visit):
    """What can't be is said at its field, and the file stays as it was."""
    before = own.file.read_text("utf-8")
    page = console(visit, own.server, "config")
    field = page.page.locator('[data-testid="config-field"][data-path="hearing.silence_ms"]')
    field.locator("input").fill("-5")
    page.id("config-save").click()
    expect(page.id("config-result")).to_have_attribute("data-kind", "failed")
    assert own.file.read_text("utf-8") == before


def test_a_character_is_changed(own: Own, visit: Visit):
    """A new name is saved with the comments kept, and whoever comes next meets it."""
    stage = visit(own.server.url)
    expect(stage.page.get_by_role("heading", name="Ann")).to_be_visible()
    page = visit(own.server.url + "console", at="console", beside=stage)
    page.id("tab-characters").click()
    page.page.locator('[data-testid="character-row"][data-name="ann"] button').click()
    page.id("character-yaml").fill(ANN.replace("display_name: Ann", "display_name: Anneliese"))
    page.id("character-save").click()
    expect(page.id("character-result")).to_be_visible()
    written = own.character.read_text("utf-8")
    assert "display_name: Anneliese" in written
    assert "# Ann is ours." in written and "# English first" in written
    stage.page.reload()
    expect(stage.page.get_by_role("heading", name="Anneliese")).to_be_visible()
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)


@pytest.fixture(scope="module")
def guarded(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from running(
        tmp_path_factory, "guarded", HUMMING | {"server": {"tokens": {"ann": TOKEN}, "operators": ["ann"]}}
    )


def test_the_console_wants_a_token(guarded: Server, visit: Visit):
    """Without one it shows a door; a wrong one does not open it; no configuration shows the secret."""
    expected = ("status of 40[13]",)
    page = visit(guarded.url + "console", at="login", expect=expected, secrets=(TOKEN, "wrong-one"))
    page.id("token").fill("wrong-one")
    page.id("token-send").click()
    expect(page.id("login")).to_be_visible()
    page.id("token").fill(TOKEN)
    page.id("token-send").click()
    expect(page.id("tab-config")).to_be_visible()
    page.id("tab-config").click()
    expect(page.id("config-field").first).to_be_visible()
    assert TOKEN not in page.page.content()
