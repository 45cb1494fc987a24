"""Lectures from files: a script in one of its two forms, and a folder of slides. Raises ConfigError.

A script is marked text (`lectures.py`), or YAML:

    title: Foxes
    pages:
      - slide: fox-1.png        # or its number; without it: the next slide
        title: What a fox is
        lines:
          - Welcome, everybody.
          - "[happy] Today we talk about foxes."
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from aizuchi.errors import ConfigError
from aizuchi.lectures import Lecture, Page, in_order, parse, split
from aizuchi.registry import suggest

MOST_BYTES: Final = 4 << 20
MOST_PAGES: Final = 2_000

Line = Annotated[str, Field(max_length=4_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class PageFile(_Part):
    """A page of a script in YAML."""

    slide: int | str | None = None
    title: str = ""
    lines: list[Line] | str


class ScriptFile(_Part):
    title: str = ""
    pages: list[PageFile] = Field(min_length=1, max_length=MOST_PAGES)


def lecture(
    script: Path, slides: Path | None = None, *, base_url: str = "", auto_start: bool = True
) -> Lecture:
    """Read a script, or the first `*_scripts.txt` or YAML file of a folder, and list its slides."""
    file = _script(script)
    pictures = _pictures(slides)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ConfigError(f"the script {file} is larger than {MOST_BYTES >> 20} MB")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigError(
            f"the script {file} can't be read: {why}", zh=f"无法读取讲稿 {file}：{why}"
        ) from error
    title = ""
    if file.suffix.lower() in (".yaml", ".yml"):
        title, pages = _yaml(file, text, pictures)
    else:
        pages = parse(text)
    if not pages:
        raise ConfigError(
            f"the script {file} has no page: begin each with a mark such as [PPT_1]",
            zh=f"讲稿 {file} 中没有页面：每页请以 [PPT_1] 这样的标记开头",
        )
    return Lecture(pages[:MOST_PAGES], pictures, base_url, title, auto_start)


def _script(path: Path) -> Path:
    if not path.is_dir():
        return path
    try:
        files = sorted(each for each in path.iterdir() if each.is_file())
    except OSError as error:
        raise ConfigError(f"the folder {path} can't be read: {error.strerror or error}") from error
    for ending in ("_scripts.txt", ".yaml", ".yml"):
        if found := next((each for each in files if each.name.endswith(ending)), None):
            return found
    raise ConfigError(
        f"the folder {path} holds no script: a file whose name ends in _scripts.txt or .yaml",
        zh=f"文件夹 {path} 中没有讲稿：文件名应以 _scripts.txt 或 .yaml 结尾",
    )


def _pictures(folder: Path | None) -> tuple[Path, ...]:
    if folder is None:
        return ()
    try:
        return in_order(each.resolve() for each in folder.iterdir() if each.is_file())
    except OSError as error:
        raise ConfigError(
            f"the slides in {folder} can't be listed: {error.strerror or error}",
            zh=f"无法列出幻灯片文件夹 {folder}：{error.strerror or error}",
        ) from error


def _yaml(file: Path, text: str, pictures: Sequence[Path]) -> tuple[str, tuple[Page, ...]]:
    try:
        tree: Any = YAML(typ="safe", pure=True).load(text)
        read = ScriptFile.model_validate(tree)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{file}{where}: {(error.problem or 'this is not YAML').strip()}") from error
    except (YAMLError, RecursionError) as error:
        raise ConfigError(f"{file}: this is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{file}: {place or 'the script'}: {first['msg']}") from error
    pages: list[Page] = []
    number = 0
    for each in read.pages:
        number = _number(file, each.slide, number + 1, pictures)
        given = [each.lines] if isinstance(each.lines, str) else each.lines
        lines = tuple(line for part in given for line in split(part))
        if lines:
            pages.append(Page(number, lines, each.title))
    return read.title, tuple(pages)


def _number(file: Path, slide: int | str | None, following: int, pictures: Sequence[Path]) -> int:
    """Which slide a page belongs to, from 1."""
    if slide is None:
        return following
    if isinstance(slide, int):
        return slide
    names = [each.name for each in pictures]
    if slide not in names:
        raise ConfigError(f'{file}: there is no slide "{slide}"; {suggest(slide, names)}')
    return names.index(slide) + 1
