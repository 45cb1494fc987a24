"""What is read out of a manifest, and characters that are nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from aizuchi.characters import find, load
from aizuchi.errors import ConfigError
from aizuchi.manifest import LONGEST, NAMES, title

TWO_LISTS = """# Role: 小路 (Komichi, こみち)

A gardener who speaks of weather.

## 输出格式
```json
{"responses_cn": ["早"], "responses_jp": ["おはよう"], "responses_emotion_labels": ["happy"]}
```
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# Role: 小路 (Komichi)", "小路 (Komichi)"),
        ("# 角色：小路", "小路"),
        ("Words first.\n\n## **Ann** of the hill ##\n# Later", "Ann of the hill"),
        ("```\n# not this one\n```\n# Ann", "Ann"),
        ("~~~\n```\n# nor this\n~~~\n# Ann", "Ann"),
        ("#\n# \n#Ann is no heading\n    # nor is this\n", ""),
        ("", ""),
        ("# " + "a" * 200, "a" * LONGEST),
    ],
)
def test_the_title(text: str, name: str):
    """The first heading outside of code names the character, without the word before a colon."""
    assert title(text) == name


@pytest.mark.parametrize("file", NAMES)
def test_a_folder_with_nothing_but_a_manifest(tmp_path: Path, file: str):
    """It is a character: named by the heading, else after the folder; the rest has defaults."""
    folder = tmp_path / "komichi"
    folder.mkdir()
    (folder / file).write_text("# Role: Komichi\n\nYou are Komichi.\n", encoding="utf-8")
    assert find([tmp_path]) == {"komichi": folder}
    character = load(folder)
    assert (character.name, character.display_name, character.language) == ("komichi", "Komichi", "en")
    assert character.prompt == "# Role: Komichi\n\nYou are Komichi."
    (folder / file).write_text("You are Komichi.", encoding="utf-8")
    assert load(folder).display_name == "komichi"


def test_a_folder_of_chatanon(tmp_path: Path):
    """A manifest that asks for two lists makes a character who speaks Japanese and is read in Chinese."""
    folder = tmp_path / "komichi"
    folder.mkdir()
    (folder / "character_manifest.md").write_text(TWO_LISTS, encoding="utf-8")
    character = load(folder)
    assert character.display_name == "小路 (Komichi, こみち)" and character.prompt == TWO_LISTS.strip()
    assert (character.language, character.subtitles, character.bilingual) == ("ja", "zh", True)
    assert character.emotions == ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm")
    (folder / "character.yaml").write_text(
        "display_name: K\nemotions: [sad]\nsubtitles: ''", encoding="utf-8"
    )
    character = load(folder)
    assert (character.display_name, character.emotions) == ("K", ("sad",))
    assert (character.language, character.subtitles) == ("ja", "")


def test_a_voice_that_lacks_the_language(tmp_path: Path):
    """Where no voice speaks the first language but one speaks the second, that one is spoken."""
    folder = tmp_path / "komichi"
    folder.mkdir()
    (folder / "prompt.md").write_text("You are Komichi.", encoding="utf-8")
    yaml = "display_name: K\nlanguage: ja\nsubtitles: zh\ngreeting: {ja: やあ, zh: 嘿, en: Hey}"
    (folder / "character.yaml").write_text(yaml, encoding="utf-8")

    def spoken(*languages: str) -> tuple[str, str, str, str, str]:
        made = load(folder, speaks=lambda language: language in languages)
        return made.language, made.subtitles, made.unspoken, made.greeting, made.greeting_subtitle

    assert spoken("ja", "zh") == ("ja", "zh", "", "やあ", "嘿")
    assert spoken("zh", "en") == ("zh", "", "ja", "嘿", "")
    assert spoken("en") == ("ja", "zh", "", "やあ", "嘿"), "text is all there is, then"
    (folder / "prompt.md").write_text(TWO_LISTS, encoding="utf-8")
    assert spoken("zh") == ("zh", "ja", "ja", "嘿", "やあ"), "its model is asked for both"


def test_which_manifest_counts(tmp_path: Path):
    """`prompt` names it; without, the first of the usual names, and prompt.md goes before the others."""
    folder = tmp_path / "ann"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(f"I am {name}.", encoding="utf-8")
    yaml = folder / "character.yaml"
    yaml.write_text("display_name: Ann", encoding="utf-8")
    assert load(folder).prompt == "I am prompt.md."
    yaml.write_text("display_name: Ann\nprompt: manifest.md", encoding="utf-8")
    assert load(folder).prompt == "I am manifest.md."
    (folder / "prompt.md").unlink()
    yaml.write_text("display_name: Ann\nprompt: ''", encoding="utf-8")
    assert load(folder).prompt == "I am character_manifest.md."


def test_names_in_speech_and_words_of_voices(tmp_path: Path):
    """Both names of the table count; a voice's own words are checked where they are known."""
    folder = tmp_path / "ann"
    folder.mkdir()
    (folder / "prompt.md").write_text("# Ann", encoding="utf-8")
    yaml = "replacements: {SQL: sequel}\npronunciations: {愛音: あのん}\nvoice_emotions:\n  a: {joy: glad}\n"
    (folder / "character.yaml").write_text(yaml + "  b: {sad: blue}\n", encoding="utf-8")
    character = load(folder)
    assert dict(character.replacements) == {"SQL": "sequel", "愛音": "あのん"}
    assert character.style.emotion("a", "happy", {"happy": "usual"}) == "glad"
    assert character.style.emotion("b", "happy", {"happy": "usual"}) == "usual"
    with pytest.raises(ConfigError, match=r'character\.yaml:5: voice_emotions\.b: "blue".*mean "blau"'):
        load(folder, words={"b": ["blau", "grün"]})


def test_a_script_of_ones_own_is_checked(tmp_path: Path):
    """A mistake in it is told with its line, as one in the other files is."""
    folder = tmp_path / "ann"
    folder.mkdir()
    (folder / "prompt.md").write_text("# Ann", encoding="utf-8")
    (folder / "script.yaml").write_text("languages: [en]\nruls: []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"script\.yaml:2: ruls: is unknown"):
        load(folder)
