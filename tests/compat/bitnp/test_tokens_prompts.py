"""Keys and prompts: where they are found, and what is said where they are not."""

import json
from pathlib import Path

import pytest

from aizuchi.compat.bitnp import prompts, tokens
from aizuchi.compat.bitnp.prompts import get_prompt
from aizuchi.compat.bitnp.tokens import get_token


def write_tokens(folder: Path, text: str) -> Path:
    (folder / "tokens").mkdir(parents=True)
    path = folder / "tokens" / "tokens.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_of_the_project(project: Path):
    """The project's file holds the tokens; a name that it does not hold is empty, not an error."""
    write_tokens(project, '{"glm": "g-1", "dashscope": "d-1", "odd": 5}')
    assert (get_token("glm"), get_token("dashscope")) == ("g-1", "d-1")
    assert (get_token("odd"), get_token("nobody")) == ("", "")


def test_of_a_configured_folder(project: Path, monkeypatch: pytest.MonkeyPatch):
    """BITNP_HOME is looked into after the project."""
    write_tokens(project, '{"glm": "of the project"}')
    write_tokens(project / "home", '{"glm": "of the home", "dashscope": "d-home"}')
    monkeypatch.setenv("BITNP_HOME", str(project / "home"))
    assert (get_token("glm"), get_token("dashscope")) == ("of the project", "d-home")


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("GLM_API_KEY", "glm"),
        ("ZHIPUAI_API_KEY", "glm"),
        ("DASHSCOPE_API_KEY", "dashscope"),
        ("OPENAI_API_KEY", "openai"),
        ("SOME_ONE_API_KEY", "some-one"),
        ("SOME_ONE_TOKEN", "some-one"),
    ],
)
def test_of_the_environment(variable: str, name: str, monkeypatch: pytest.MonkeyPatch):
    """Where no file holds a token, its variable does."""
    monkeypatch.setenv(variable, " from outside ")
    assert get_token(name) == "from outside"


def test_an_empty_token_is_none(project: Path, monkeypatch: pytest.MonkeyPatch):
    """What was left empty in the file is looked for in the environment."""
    write_tokens(project, '{"glm": ""}')
    monkeypatch.setenv("GLM_API_KEY", "from outside")
    assert get_token("glm") == "from outside"


def test_a_file_of_notepad(project: Path):
    """A byte order mark does not matter."""
    write_tokens(project, '\ufeff{"glm": "g-1"}')
    assert get_token("glm") == "g-1"


def test_what_a_script_sets_counts(monkeypatch: pytest.MonkeyPatch):
    """`TOKENS` is the table itself."""
    monkeypatch.setitem(tokens.TOKENS, "glm", "set")
    assert get_token("glm") == "set"


def test_a_missing_file_is_made_where_its_folder_is(project: Path, capsys: pytest.CaptureFixture[str]):
    """A project with a folder for it gets an empty one and a word; one without gets neither."""
    assert tokens._begin() == {}
    assert not list(project.iterdir())
    (project / "tokens").mkdir()
    assert tokens._begin() == {}
    assert json.loads((project / "tokens" / "tokens.json").read_text(encoding="utf-8")) == {}
    assert "[Warning]" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "said"), [("{", "not valid JSON"), ('["glm"]', "not an object")])
def test_a_broken_file(project: Path, text: str, said: str):
    """It is told which file, and nothing of what is in it."""
    write_tokens(project, text)
    with pytest.raises(ValueError, match=rf"tokens\.json is {said}") as told:
        get_token("glm")
    assert text not in str(told.value).replace('{"glm"', "")


def test_prompts(project: Path, monkeypatch: pytest.MonkeyPatch):
    """A prompt is the whole text of its file; the project's comes before the configured folder's."""
    for folder, text in ((project, "你是一只\n猫。\n"), (project / "home", "a dog")):
        (folder / "prompts").mkdir(parents=True)
        (folder / "prompts" / "pet.txt").write_text(text, encoding="utf-8")
    (project / "home" / "prompts" / "bird.txt").write_text("a bird", encoding="utf-8")
    assert prompts.AVAILABLE_PROMPTS == ["pet"]
    monkeypatch.setenv("BITNP_HOME", str(project / "home"))
    assert (get_prompt("pet"), get_prompt("bird")) == ("你是一只\n猫。\n", "a bird")
    assert set(prompts.AVAILABLE_PROMPTS) == {"pet", "bird"}


@pytest.mark.parametrize("name", ["nobody", "", "../secret", "prompts/pet", "/etc/passwd"])
def test_no_such_prompt(project: Path, name: str):
    """An unknown name is a ValueError, and no name leads out of the folder."""
    (project / "prompts").mkdir()
    (project / "prompts" / "pet.txt").write_text("a dog", encoding="utf-8")
    (project / "secret.txt").write_text("secret", encoding="utf-8")
    with pytest.raises(ValueError, match="not found"):
        get_prompt(name)
