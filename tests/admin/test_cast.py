"""Characters on disk: what changes is read, what breaks goes on as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aizuchi.admin.cast import Cast, News
from aizuchi.characters import load


class Stage:
    """A folder of characters and its cast. Each write is later than the one before, as the disk tells it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cast = Cast(load)
        self._at = 1_700_000_000

    def write(self, name: str, text: str, file: str = "character.yaml") -> None:
        path = self.folder / name / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._at += 1
        os.utime(path, (self._at, self._at))

    def put(self, name: str, display_name: str = "", prompt: str = "You are somebody.") -> None:
        self.write(name, prompt, "prompt.md")
        self.write(name, f"display_name: {display_name or name.title()}")

    def look(self, *, at_once: bool = True) -> list[tuple[str, str]]:
        return [(each.name, each.what) for each in self.news(at_once=at_once)]

    def news(self, *, at_once: bool = True) -> list[News]:
        return self.cast.refresh([self.folder], keep="aizu", at_once=at_once)

    def remove(self, name: str) -> None:
        for path in (self.folder / name).iterdir():
            path.unlink()
        (self.folder / name).rmdir()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    made.put("aizu")
    made.put("bo")
    assert made.look() == [("aizu", "new"), ("bo", "new")]
    return made


def test_nothing_has_changed(stage: Stage):
    """A second look reads nothing, and gives the very same characters."""
    before = stage.cast.characters
    assert stage.look() == [] and stage.look(at_once=False) == []
    assert all(stage.cast.characters[name] is each for name, each in before.items())


def test_a_change_is_taken_when_it_has_settled(stage: Stage):
    """The first look may come in the middle of a write; the second one finds the same and takes it."""
    stage.put("bo", "Bob")
    assert stage.look(at_once=False) == []
    stage.put("bo", "Bobby")
    assert stage.look(at_once=False) == []
    assert stage.look(at_once=False) == [("bo", "changed")]
    assert stage.cast.characters["bo"].display_name == "Bobby"
    assert stage.look(at_once=False) == []


def test_the_manifest_and_the_script_count_too(stage: Stage):
    """Each file of the folder is looked at, and what is no part of a character is not."""
    stage.write("bo", "You are another one.", "prompt.md")
    assert stage.look() == [("bo", "changed")]
    stage.write("bo", "languages: [en]", "script.yaml")
    assert stage.look() == [("bo", "changed")]
    stage.write("bo", "nothing of ours", "notes.txt")
    stage.write("bo", "half a file", "character.yaml.bak")
    stage.write("bo", "half a file", ".prompt.md.swp")
    assert stage.look() == [], "they make no other character"


def test_a_broken_one_goes_on_as_it_was(stage: Stage):
    """The last version in order stays; what is wrong is told once, with its line, until it is mended."""
    stage.write("bo", "display_name: Bo\nlanguage: English")
    (news,) = stage.news()
    assert (news.name, news.what, news.kept) == ("bo", "broken", True)
    assert "character.yaml:2: language" in news.problem
    assert stage.cast.characters["bo"].display_name == "Bo" and "bo" in stage.cast.problems
    assert stage.look() == []
    os.utime(stage.folder / "bo" / "prompt.md", (1, 1))
    assert stage.look() == [], "it was touched, and the complaint is the same"
    stage.write("bo", "display_name: Bo\nlanguage: zh")
    assert stage.look() == [("bo", "mended")]
    assert stage.cast.characters["bo"].language == "zh" and not stage.cast.problems


def test_a_new_one_that_is_broken_is_left_out(stage: Stage):
    """It never was in order, so there is nothing to go on with."""
    stage.write("cy", "display_name: Cy")
    (news,) = stage.news()
    assert (news.what, news.kept) == ("broken", False) and "prompt.md" in news.problem
    assert "cy" not in stage.cast.characters
    stage.write("cy", "You are Cy.", "prompt.md")
    assert stage.look() == [("cy", "mended")] and "cy" in stage.cast.characters


def test_one_that_is_gone(stage: Stage):
    """A removed folder is taken note of at the second look; the default one goes on, and comes back."""
    stage.remove("bo")
    assert stage.look(at_once=False) == []
    assert stage.look(at_once=False) == [("bo", "gone")]
    assert list(stage.cast.characters) == ["aizu"]
    stage.remove("aizu")
    (news,) = stage.news()
    assert news.kept and news.problem.endswith("is gone")
    assert stage.look() == [] and list(stage.cast.characters) == ["aizu"]
    stage.put("aizu")
    assert stage.look() == [("aizu", "mended")]


def test_a_folder_that_goes_before_it_was_taken(stage: Stage):
    """Nobody hears of it."""
    stage.put("cy")
    assert stage.look(at_once=False) == []
    stage.remove("cy")
    assert stage.look(at_once=False) == [] and stage.look(at_once=False) == []


def test_an_earlier_folder_wins(stage: Stage, tmp_path: Path):
    """One of the same name in a folder that goes first takes the place, and gives it back."""
    mine = Stage(tmp_path / "mine")
    mine.folder.mkdir()
    mine.put("bo", "My Bo")
    cast, folders = stage.cast, [mine.folder, stage.folder]
    assert [each.what for each in cast.refresh(folders, keep="aizu")] == ["changed"]
    assert cast.characters["bo"].display_name == "My Bo"
    mine.remove("bo")
    assert [each.what for each in cast.refresh(folders, keep="aizu")] == ["changed"]
    assert cast.characters["bo"].display_name == "Bo"
