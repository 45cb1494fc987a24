"""From a configuration to a house: who is built, who is left out, and what the house takes with it."""

import sys
from pathlib import Path

import pytest

from aizuchi import build
from aizuchi.config import Loaded, load
from aizuchi.errors import ConfigError
from aizuchi.ports import ToolContext
from aizuchi.server.gate import Capacity
from aizuchi.server.store import MemoryStore
from aizuchi.views.usage import Usage

QUICK = "vad: energy\nllm: script\ntts: [tone, espeak]\ndata: home\n"


def configured(folder: Path, text: str = "") -> Loaded:
    (folder / "aizuchi.yaml").write_text(QUICK + text, encoding="utf-8")
    return load(environ={}, cwd=folder)


def person(folder: Path, name: str, text: str) -> None:
    """A character of the user's own."""
    place = folder / "people" / name
    place.mkdir(parents=True)
    (place / "character.yaml").write_text(text, encoding="utf-8")
    (place / "prompt.md").write_text("Be kind.", encoding="utf-8")


def test_settings_reach_the_house(tmp_path: Path):
    """Rules, providers in their order, tokens with their persons, and limits arrive where they work."""
    text = """\
hearing: {silence_ms: 321}
limits: {breaker_failures: 7}
conversation: {waiting_turns: 2}
server: {tokens: {ann: s3cret}, origins: ["https://a.example"], max_sessions: 5, open: false}
"""
    house = build.house(configured(tmp_path, text), store=MemoryStore())
    assert house.rules.hearing.silence_ms == 321
    assert house.rules.limits.breaker_failures == 7
    assert house.rules.waiting_turns == 2
    assert [each.name for each in house.parts.tts.providers] == ["tone", "espeak"]
    assert house.parts.vad.name == "energy"
    assert [(token.secret, token.who) for token in house.tokens] == [("s3cret", "ann")]
    assert house.origins == ("https://a.example",) and not house.open
    assert build.house(configured(tmp_path, text), store=MemoryStore(), open_=True).open


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a user's folders by other means")
async def test_the_data_folder_is_private(tmp_path: Path):
    """What waits in the store is somebody's conversation; other accounts of the machine can't read it."""
    store = build.database(configured(tmp_path))
    await store.put("parked", "s", {})
    await store.close()
    assert (tmp_path / "home" / build.DATABASE).is_file()
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_admission_reaches_whoever_counts(tmp_path: Path):
    """Limits on calls become permits of their stage alone; the rest arrives at the gate."""
    text = """\
admission:
  calls: {llm: 3}
  order: lecture_first
  sockets: 7
  sessions_per_token: 2
  audio_seconds_per_minute: 30
  messages_per_minute: 4000
  overload_lag_ms: 99
"""
    house = build.house(configured(tmp_path, text), store=MemoryStore())
    assert house.gate.capacity == Capacity(7, 2, 30.0, 4000, 99.0)
    assert house.parts.llm.permits is not None and house.parts.llm.permits.free
    assert house.parts.asr.permits is None and house.parts.tts.permits is None
    plain = build.house(configured(tmp_path), store=MemoryStore())
    assert plain.gate.capacity == Capacity() and plain.parts.llm.permits is None


def test_the_smaller_model_is_one_of_the_chain(tmp_path: Path):
    """Background work may be given a later entry of the list; a name that is none is a mistake to mend."""
    with pytest.raises(ConfigError, match='"gpt" is no later entry of llm; there are: none') as caught:
        build.house(configured(tmp_path, "admission: {background_llm: gpt}\n"), store=MemoryStore())
    assert "gpt" in caught.value.zh and "无" in caught.value.zh
    text = QUICK.replace("llm: script", "llm: [{use: openai, model: big, api_key: k}, script]")
    (tmp_path / "two.yaml").write_text(text + "admission: {background_llm: script}\n", encoding="utf-8")
    loaded = load(tmp_path / "two.yaml", environ={}, cwd=tmp_path)
    assert build.house(loaded, store=MemoryStore()).background is not None


def test_characters_of_ones_own(tmp_path: Path):
    """A folder of one's own adds characters; the packaged one stays; a broken one is left out."""
    person(tmp_path, "mei", "display_name: Mei\n")
    person(tmp_path, "bad", "display_nam: Bad\n")
    found = build.characters(configured(tmp_path, "characters: [people]\ncharacter: mei\n"))
    assert {"mei", "aizuchi"} <= set(found) and "bad" not in found
    with pytest.raises(ConfigError, match="display_nam"):
        build.characters(configured(tmp_path, "characters: [people]\ncharacter: bad\n"))


def test_tools_can_be_left_out(tmp_path: Path):
    """The built-in tool is there by default and can be switched off."""
    box = build.toolbox(configured(tmp_path))
    assert box is not None
    assert [spec.name for spec in box.specs(ToolContext("", "", ""))] == ["current_time"]
    assert build.toolbox(configured(tmp_path, "tools: {use: []}\n")) is None


async def test_what_was_used_outlives_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What providers used is written down when the house is left, and counts against the cap of the next."""
    from aizuchi.events import Answered, Entry

    loaded = configured(
        tmp_path,
        "usage: {caps: {script: {tokens: 10}}}\nasr: {use: openai, base_url: 'http://127.0.0.1:9/v1'}\n",
    )
    counted: list[Usage] = []
    read = Usage.__init__

    def noted(self: Usage, *given: object, **named: object) -> None:
        read(self, *given, **named)  # type: ignore[arg-type]
        counted.append(self)

    monkeypatch.setattr(Usage, "__init__", noted)
    answered = Answered("llm", "script", "done", tokens_in=8, tokens_out=8)
    async with build.house(loaded):
        assert counted[0].allowed("script")
        counted[0].read(Entry(0, 0.0, 1, 1, answered))
        assert not counted[0].allowed("script")
    async with build.house(loaded) as house:
        assert not counted[1].allowed("script")
        assert list(house.parts.llm.usable()) == []


def test_recordings_have_their_folder(tmp_path: Path):
    """The recorder is there only when wanted, and keeps its files where the configuration says."""
    assert build.make_recorder(configured(tmp_path)) is None
    assert build.recordings(configured(tmp_path)) == tmp_path / "home" / "timelines"
    loaded = configured(tmp_path, "timeline: {record: events, folder: kept}\n")
    assert build.make_recorder(loaded) is not None
    assert build.recordings(loaded) == tmp_path / "kept"


def test_a_missing_package_is_a_mistake_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A provider whose library is not installed is named, with the package."""
    loaded = configured(tmp_path)

    def without(_self: object, _options: object) -> None:
        raise ModuleNotFoundError("No module named 'rare'", name="rare")

    monkeypatch.setattr(loaded.chosen["tts"][0].provider, "__init__", without)
    with pytest.raises(ConfigError, match='tts "tone" needs a package that is not installed: rare'):
        build.parts(loaded)


def test_a_chosen_turn_end_model_is_entered_with_the_house(tmp_path: Path):
    """None by default; a chosen one is among the providers that the house starts, and /health names it."""
    house = build.house(configured(tmp_path), store=MemoryStore())
    assert house.parts.turn is None and house.health()["providers"]["turn"] == []
    house = build.house(configured(tmp_path, "turn: smart_turn\n"), store=MemoryStore())
    assert house.parts.turn in list(house.providers())
    assert [each["name"] for each in house.health()["providers"]["turn"]] == ["smart_turn"]


@pytest.mark.parametrize(
    ("most", "of", "parts"), [(5, 1, [5]), (5, 2, [3, 2]), (4, 3, [2, 1, 1]), (1, 3, [1, 1, 1])]
)
def test_a_limit_of_calls_is_divided_among_the_processes(most: int, of: int, parts: list[int]):
    """Together they keep to it, as far as each may have one."""
    assert [build.divided(most, (slot, of)) for slot in range(of)] == parts
