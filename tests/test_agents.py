"""Lectures from files, and the agents of a configuration: what is read, and what is said when it can't be."""

from pathlib import Path
from typing import Any

import pytest

from aizuchi import build
from aizuchi.agents import lecture
from aizuchi.config import load
from aizuchi.errors import ConfigError
from aizuchi.lectures import Page

YAML = """
title: Foxes
pages:
  - title: What a fox is
    lines:
      - Welcome, everybody.
      - "[happy] Today we talk about foxes."
  - slide: c3.png
    lines: |
      One line.
      Another one.
  - lines: [After the third.]
  - slide: 1
    lines: [" "]
"""


def slides(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_marked_text(tmp_path: Path):
    """The original's form, also with a byte order mark."""
    file = tmp_path / "talk.txt"
    file.write_text("\ufeff[PPT_2]\nHello.\n\nWorld.", encoding="utf-8")
    read = lecture(file, slides(tmp_path / "s", "2.png", "1.PNG", "notes.md"), base_url="/x")
    assert read.pages == (Page(2, ("Hello.", "World.")),)
    assert read.urls == ("/x/1.PNG", "/x/2.png") and read.auto_start


def test_yaml(tmp_path: Path):
    """Pages go with the slides in order, or with the one they name; a page without text is left out."""
    file = tmp_path / "talk.yaml"
    file.write_text(YAML, encoding="utf-8")
    read = lecture(file, slides(tmp_path / "s", "a1.png", "b2.png", "c3.png"))
    assert read.title == "Foxes" and [each.number for each in read.pages] == [1, 3, 4]
    assert read.pages[0].title == "What a fox is"
    assert read.pages[1].lines == ("One line.", "Another one.")


@pytest.mark.parametrize(
    "names", [["b_scripts.txt", "a.yaml"], ["z.yaml"], ["b_scripts.txt", "c_scripts.txt"]]
)
def test_a_folder(tmp_path: Path, names: list[str]):
    """The first `*_scripts.txt`, else the first YAML file."""
    for name in names:
        text = "pages: [{lines: [first]}]" if name.endswith("yaml") else f"[PPT_1] {name}"
        (tmp_path / name).write_text(text, encoding="utf-8")
    (said,) = lecture(tmp_path).pages[0].lines
    assert said == ("first" if names[0].endswith("yaml") else names[0])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("talk.txt", "no mark", ["has no page", "[PPT_1]"]),
        ("talk.yaml", "pages: []", ["pages", "at least 1"]),
        ("talk.yaml", "pages: [{lines: [a], slid: 1}]", ["pages.0.slid", "not permitted"]),
        ("talk.yaml", "pages: [{lines: [a], slide: x9.png}]", ['no slide "x9.png"', "x1.png"]),
        ("talk.yaml", "pages: [", [":1", "expected"]),
        ("talk.yaml", "just text", ["the script"]),
        ("gone.txt", None, ["can't be read"]),
    ],
)
def test_what_is_wrong(tmp_path: Path, name: str, text: str | None, words: list[str]):
    """One sentence that names the file and says what to do."""
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        lecture(tmp_path / name, slides(tmp_path / "s", "x1.png"))
    assert name in str(error.value) and all(word in str(error.value) for word in words)


def test_a_folder_without_a_script(tmp_path: Path):
    """It says which names are looked for."""
    with pytest.raises(ConfigError, match=r"_scripts\.txt"):
        lecture(tmp_path)
    with pytest.raises(ConfigError, match="can't be listed"):
        lecture(Path(__file__), tmp_path / "gone")


def configured(tmp_path: Path, agents: str) -> Any:
    file = tmp_path / "aizuchi.yaml"
    file.write_text(
        f"data: {tmp_path / 'data'}\nserver: {{port: 8000}}\nagents: {agents}\n", encoding="utf-8"
    )
    return load(file)


def test_agents_of_a_configuration(tmp_path: Path):
    """A name is a character, with a lecture or without; slides are where the page looks for this server."""
    (tmp_path / "talk.txt").write_text("[PPT_1] [举手] Hello.", encoding="utf-8")
    slides(tmp_path / "s", "1.png")
    told = "{数媒娘: {lecture: {script: talk.txt, slides: s}}, chatty: {expressions: {Sad: 叹气}}}"
    loaded = configured(tmp_path, told)
    made = build.residents(loaded, build.characters(loaded))
    assert list(made) == ["数媒娘", "chatty"]
    assert made["数媒娘"].character.name == loaded.settings.character
    quoted = "%E6%95%B0%E5%AA%92%E5%A8%98"
    assert made["数媒娘"].slides() == [f"http://localhost:8000/lectures/{quoted}/1.png"]
    assert made["chatty"].character.lecture is None and made["chatty"].expressions == {"sad": "叹气"}


@pytest.mark.parametrize(
    ("agents", "words"),
    [
        ("{a: {character: nobody}}", ["agents.a.character", '"nobody"']),
        ("{a: {lecture: {auto_start: false}}}", ["agents.a.lecture", "script"]),
        ("{a: {lecture: {script: gone.txt}}}", ["gone.txt", "can't be read"]),
    ],
)
def test_agents_that_cannot_be(tmp_path: Path, agents: str, words: list[str]):
    """The server says so when it starts."""
    loaded = configured(tmp_path, agents)
    with pytest.raises(ConfigError) as error:
        build.residents(loaded, build.characters(loaded))
    assert all(word in str(error.value) for word in words)
