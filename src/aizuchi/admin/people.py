"""The characters' folders: read, tried without being saved, saved, copied. Everything here blocks.

A name is one that `characters.find` would find, and a folder is only ever looked up by it; the prompt is a
plain Markdown or text file of the folder itself. So no name leads anywhere else.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from aizuchi import manifest
from aizuchi.admin import files
from aizuchi.character import Character
from aizuchi.characters import FILE, NAME, find
from aizuchi.engine.prompt import build as build_prompt
from aizuchi.errors import ConfigError
from aizuchi.ports import Toolbox, ToolContext
from aizuchi.server import avatars
from aizuchi.server.console.ports import Refused

_PROMPT_KEY: Final = re.compile(r"^prompt:[ \t]*[\"']?([^\"'#\n]+?)[\"']?\s*(?:#.*)?$", re.MULTILINE)
_PROMPT_FILE: Final = re.compile(r"[^\W_][\w-]{0,63}\.(?:md|txt)")
_PLACE: Final = re.compile(r"^(?P<file>[^:\n]*):(?P<line>\d+): (?P<text>.*)$")
MOST: Final = 200 << 20
"""Bytes of a folder that is copied."""
MOST_TEXT: Final = 1 << 20


class Reader(Protocol):
    """`characters.load` for this server."""

    def __call__(self, folder: Path, instead: Mapping[Path, str] | None = None) -> Character: ...


class People:
    """`folders` gives those of the user, in order, and `packaged` ours; `running` who can be met now."""

    def __init__(
        self,
        folders: Callable[[], Sequence[Path]],
        packaged: Path,
        toolbox: Callable[[], Toolbox | None],
        default: Callable[[], str],
        *,
        read: Reader,
        running: Callable[[], Mapping[str, Character]],
    ) -> None:
        self._folders = folders
        self._packaged = packaged
        self._toolbox = toolbox
        self._default = default
        self._read = read
        self._running = running

    def _all(self) -> dict[str, Path]:
        return find([*self._folders(), self._packaged])

    def _folder(self, name: str) -> Path:
        folder = self._all().get(name)
        if folder is None:
            raise Refused(404, f'there is no character "{name[:64]}"')
        return folder

    def _may_write(self, folder: Path) -> bool:
        return folder.parent != self._packaged and os.access(folder, os.W_OK)

    def rows(self) -> list[dict[str, Any]]:
        """Each character; a broken one with its `problem`."""
        return [self._row(name, folder) for name, folder in self._all().items()]

    def _row(self, name: str, folder: Path) -> dict[str, Any]:
        row: dict[str, Any] = {
            "name": name,
            "display_name": name,
            "language": "",
            "description": "",
            "default": name == self._default(),
            "packaged": folder.parent == self._packaged,
            "editable": self._may_write(folder),
            "problem": "",
            "kept": False,
        }
        try:
            made = self._read(folder)
        except ConfigError as error:
            row["problem"] = str(error).replace(f"{folder}{os.sep}", "")
            made = self._running().get(name)
            row["kept"] = made is not None
        if made is not None:
            about = {"display_name": made.display_name, "language": made.language}
            row |= about | {"description": made.described()}
        return row

    def read(self, name: str) -> dict[str, Any]:
        folder = self._folder(name)
        yaml, prompt, file, seen = self._texts(folder)
        return self._row(name, folder) | {
            "folder": str(folder),
            "yaml": yaml,
            "prompt": prompt,
            "prompt_file": file,
            "hash": seen,
            "preview": self.preview(name, yaml, prompt),
        }

    def _texts(self, folder: Path) -> tuple[str, str, str, str]:
        try:
            yaml = files.read(folder / FILE) or b""
            file = _prompt_file(folder, yaml.decode("utf-8-sig", errors="replace"))
            path = folder / file if file else None
            inside = path is not None and path.resolve().is_relative_to(folder.resolve())
            prompt = (files.read(path) if path is not None and inside else None) or b""
        except OSError as error:
            raise Refused(500, f"{folder.name} can't be read: {error.strerror or error}") from error
        decoded = [each.decode("utf-8-sig", errors="replace") for each in (yaml, prompt)]
        return decoded[0], decoded[1], file, files.digest(yaml + b"\0" + prompt)

    def preview(self, name: str, yaml: str, prompt: str) -> dict[str, Any]:
        """What the model would be told, and what clients would see. Nothing is written where it counts."""
        folder = self._folder(name)
        try:
            made = self._tried(folder, yaml, prompt)
        except ConfigError as error:
            return {"problems": _problems(str(error), folder)}
        box = self._toolbox()
        tools = tuple(box.specs(ToolContext("", "", name))) if box is not None else ()
        if made.tools is not None:
            tools = tuple(each for each in tools if each.name in made.tools)
        return {"problems": [], **_shown(made, build_prompt(made, history=(), tools=tools).messages[0].text)}

    def _tried(self, folder: Path, yaml: str, prompt: str) -> Character:
        file = _prompt_file(folder, yaml)
        if not file:
            raise ConfigError(f"{folder / FILE}:1: prompt must be a .md or .txt file beside this one")
        for text in (yaml, prompt):
            if len(text.encode(errors="replace")) > MOST_TEXT or not _whole(text):
                raise ConfigError(f"{folder / FILE}:1: this is too large, or no text")
        instead = {folder / file: prompt}
        if yaml.strip() or (folder / FILE).exists():
            instead[folder / FILE] = yaml
        return self._read(folder, instead)

    def save(self, name: str, yaml: str, prompt: str, seen: str) -> dict[str, Any]:
        """Write both files as they are given. Raises Refused, and then neither is."""
        folder = self._folder(name)
        if not self._may_write(folder):
            raise Refused(403, f"{name} is read-only; make a copy and change that")
        now_yaml, now_prompt, _, now = self._texts(folder)
        if now != seen:
            current = {"yaml": now_yaml, "prompt": now_prompt, "hash": now}
            yours = {"yaml": yaml, "prompt": prompt}
            text = "the files were changed by somebody else meanwhile; look at them again"
            raise Refused(409, text, current=current, yours=yours)
        preview = self.preview(name, yaml, prompt)
        if preview["problems"]:
            raise Refused(422, "the character is not right yet", problems=preview["problems"])
        path = folder / _prompt_file(folder, yaml)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise Refused(422, "the prompt must be a file in the character's own folder")
        try:
            drafts = [(files.draft(path, prompt.encode()), path)]
            if yaml.strip() or (folder / FILE).exists():
                drafts.append((files.draft(folder / FILE, yaml.encode()), folder / FILE))
            for new, old in drafts:
                files.put(new, old)
        except OSError as error:
            raise Refused(500, f"{folder} can't be written: {error.strerror or error}") from error
        return self.read(name)

    def copy(self, source: str, name: str) -> dict[str, Any]:
        """A new character like an old one, in the first folder of the user."""
        if not NAME.fullmatch(name):
            raise Refused(422, "a name is one word of letters, digits, - and _")
        old = self._folder(source)
        if name in self._all():
            raise Refused(409, f'there is a character "{name}" already')
        target = self._folders()[0]
        if sum(each.stat().st_size for each in old.rglob("*") if each.is_file()) > MOST:
            raise Refused(422, f"{source} is too large to be copied here; copy its folder by hand")
        try:
            target.mkdir(parents=True, exist_ok=True)
            # Links stay links: what they point to is not drawn in.
            shutil.copytree(old, target / name, symlinks=True, ignore=shutil.ignore_patterns("*.bak", ".*"))
        except (OSError, shutil.Error) as error:
            raise Refused(500, f"{target} can't be written: {error}") from error
        return self.read(name)


def _whole(text: str) -> bool:
    """A client's JSON may hold half a surrogate pair, which no file can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _prompt_file(folder: Path, yaml: str) -> str:
    """The manifest, by a line of the text that may not be YAML yet; empty if it may not be that one."""
    found = _PROMPT_KEY.search(yaml)
    name = found[1].strip() if found else manifest.found_in(folder) or manifest.NAMES[0]
    return name if _PROMPT_FILE.fullmatch(name) else ""


def _problems(text: str, folder: Path) -> list[dict[str, Any]]:
    """Complaints with file and line, without the folder's name."""
    rows: list[dict[str, Any]] = []
    for line in text.replace(f"{folder}{os.sep}", "").replace(str(folder), folder.name).splitlines():
        found = _PLACE.match(line)
        if found:
            rows.append({"file": found["file"], "line": int(found["line"]), "text": found["text"]})
        else:
            rows.append({"file": "", "line": 0, "text": line})
    return rows


def _shown(made: Character, system: str) -> dict[str, Any]:
    return {
        "display_name": made.display_name,
        "language": made.language,
        "subtitles": made.subtitles,
        "system": system,
        "greeting": made.greeting,
        "emotions": list(made.emotions),
        "emotion_tags": dict(made.emotion_tags),
        "voices": dict(made.style.voices),
        "figure": avatars.figure(made),
    }
