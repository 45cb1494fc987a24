"""The configuration's file: what it says, and what is written into it.

Everything here blocks and runs in a thread. A change is checked as a whole by the same loader that the server
starts with, before the file is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from aizuchi.admin import files
from aizuchi.config import Loaded, Problems, load
from aizuchi.config.describe import yaml_file, yaml_value
from aizuchi.config.editing import RESET, edited
from aizuchi.config.loading import FILE
from aizuchi.config.overview import Written, fields, written
from aizuchi.config.sources import Keys
from aizuchi.errors import ConfigError
from aizuchi.registry import KINDS, Kind
from aizuchi.server.console.ports import Lang, Refused

TEXTS: Final = {
    "stale": (
        "the file was changed by somebody else meanwhile; look at it again",
        "文件已被他人修改，请重新查看",
    ),
    "unknown": ("there is no such key", "没有此键"),
    "environment": (
        "{name} in the environment sets this; take it away there first",
        "此值由环境变量 {name} 设定，请先在环境中移除",
    ),
    "fixed": ("this can only be changed in the file itself", "只能直接在文件中修改"),
    "wrong": ("some values are not right", "有些值不正确"),
    "nothing": ("nothing was to be changed", "没有要修改的内容"),
    "write": ("{file} can't be written: {why}", "无法写入 {file}：{why}"),
    "text": ("half a character is no text", "文字不完整"),
}


def say(lang: Lang, key: str, **values: Any) -> str:
    return TEXTS[key][lang == "zh"].format(**values)


class Configuration:
    """One file, which may not be there yet."""

    def __init__(
        self, started: Loaded, check: Callable[[Loaded], None], environ: Mapping[str, str] | None = None
    ) -> None:
        """`check` raises ConfigError for what only the server's parts can tell to be wrong."""
        self._started = started
        self._check = check
        self._environ = environ
        self.path = (started.path or started.folder / FILE).resolve()

    def load(self, path: Path | None = None, lang: str = "") -> Loaded:
        """As the server would at its start. Raises ConfigError."""
        path = path or (self.path if self.path.exists() else None)
        return load(path, environ=self._environ, cwd=self._started.folder, lang=lang or self._started.lang)

    def overview(self, lang: Lang) -> dict[str, Any]:
        """File, hash and every key. A file that is broken by now says so in `problem`."""
        said: dict[str, Any] = {"file": str(self.path), "hash": "", "problem": ""}
        try:
            data = files.read(self.path)
            said |= {"hash": files.digest(data), "exists": data is not None}
            loaded, there = self.load(), self._written()
        except (ConfigError, OSError) as error:
            said["problem"] = _text(error, lang)
            loaded, there = self._started, Written({}, {}, {})
        running = {each["path"]: each["value"] for each in fields(self._started, there, lang)}
        rows = fields(loaded, there, lang)
        for row in rows:
            # Still the old one until the next start.
            if row["applies"] == "restart" and running.get(row["path"], row["value"]) != row["value"]:
                row["pending"] = True
        return said | {"fields": rows}

    def _written(self) -> Written:
        return written(self.path, self._environ)

    def write(self, changes: Mapping[str, Any], seen: str, lang: Lang) -> tuple[Loaded, list[str]]:
        """Write what is changed; the new configuration and the keys. Raises Refused, and then nothing is."""
        if not changes:
            raise Refused(422, say(lang, "nothing"))
        try:
            data = files.read(self.path)
        except OSError as error:
            raise Refused(500, say(lang, "write", file=self.path, why=error.strerror or error)) from error
        if files.digest(data) != seen:
            raise Refused(409, say(lang, "stale"), current=self.overview(lang), yours=dict(changes))
        rows = {row["path"]: row for row in fields(self.load(), self._written(), lang)}
        errors = [each for path, value in changes.items() if (each := _refusal(rows, path, value, lang))]
        if errors:
            raise Refused(422, say(lang, "wrong"), errors=errors)
        text = self._text(data)
        # An option of a provider is meant of the list as it was, so lists come last.
        for path in sorted(changes, key=lambda path: path in KINDS):
            text = self._set(text, rows, path, changes[path], lang)
        return self._put(text, lang), list(changes)

    def _text(self, data: bytes | None) -> str:
        """The file, or the one that `aizuchi init` would write for what runs now."""
        if data is not None:
            return data.decode("utf-8-sig")
        uses: dict[Kind, list[dict[str, Any]]] = {
            kind: [{"use": each.use} for each in getattr(self._started.settings, kind)] for kind in KINDS
        }
        return yaml_file(self._started.lang, {}, uses)

    def _set(self, text: str, rows: Mapping[str, Any], path: str, value: Any, lang: Lang) -> str:
        raw = _raw(text)
        keys = _keys(path, raw)
        if path in KINDS and isinstance(value, list):
            value = _chosen(raw.get(path), cast("list[str]", value))
        default = None if path in KINDS or rows[path]["type"].startswith("secret") else _default(rows[path])
        try:
            return edited(text, keys, RESET if value is None else value, default)
        except ConfigError as error:
            reason = error.zh if lang == "zh" else str(error)
            raise Refused(422, say(lang, "wrong"), errors=[{"path": path, "text": reason}]) from error

    def _put(self, text: str, lang: Lang) -> Loaded:
        try:
            new = files.draft(self.path, text.encode())
        except UnicodeEncodeError as error:
            raise Refused(422, say(lang, "text")) from error
        except OSError as error:
            why = error.strerror or error
            raise Refused(500, say(lang, "write", file=self.path, why=why)) from error
        try:
            self._check(self.load(new, lang))
        except Problems as problems:
            files.drop(new)
            errors = [{"path": _dotted(each.keys), "text": each.text} for each in problems.problems]
            raise Refused(422, say(lang, "wrong"), errors=errors) from problems
        except ConfigError as error:
            files.drop(new)
            reason = _text(error, lang).replace(str(new), str(self.path))
            errors = [{"path": _named(reason), "text": reason}]
            raise Refused(422, say(lang, "wrong"), errors=errors) from error
        except BaseException:
            files.drop(new)
            raise
        try:
            files.put(new, self.path)
        except OSError as error:
            raise Refused(500, say(lang, "write", file=self.path, why=error.strerror or error)) from error
        return self.load()


def _refusal(rows: Mapping[str, Any], path: str, value: Any, lang: Lang) -> dict[str, str] | None:
    row = rows.get(path)
    if row is None:
        return {"path": path[:100], "text": say(lang, "unknown")}
    if row["source"] == "environment" and not row["editable"]:
        return {"path": path, "text": say(lang, "environment", name=row.get("variable", ""))}
    wrong = row["type"] == "chain" and not (
        value is None
        or (isinstance(value, list) and all(isinstance(each, str) for each in cast("list[Any]", value)))
    )
    return None if row["editable"] and not wrong else {"path": path, "text": say(lang, "fixed")}


def _dotted(keys: Keys) -> str:
    """As the form names a key: an only provider has a number, too."""
    if keys[0] in KINDS and len(keys) > 1 and not isinstance(keys[1], int):
        keys = (keys[0], 0, *keys[1:])
    return ".".join(map(str, keys))


def _raw(text: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text) or {}


def _keys(path: str, raw: Mapping[str, Any]) -> Keys:
    """The way to a key as the file has it: an only provider needs no number."""
    keys: list[str | int] = list(path.split("."))
    if keys[0] in KINDS and len(keys) > 1:
        choice = raw.get(str(keys[0]))
        if isinstance(choice, list):
            keys[1] = int(keys[1])
        else:
            del keys[1]
    return tuple(keys)


def _chosen(choice: Any, names: list[str]) -> Any:
    """The providers of a stage in another order, each with the options it had."""
    given = cast("list[Any]", choice if isinstance(choice, list) else [choice] if choice else [])
    left = [{"use": each} if isinstance(each, str) else each for each in given]
    made: list[Any] = []
    for name in names:
        index = next((i for i, each in enumerate(left) if each.get("use") == name), None)
        entry = {"use": name} if index is None else left.pop(index)
        made.append(entry if len(entry) > 1 else name)
    return made[0] if len(made) == 1 else made


def _default(row: Mapping[str, Any]) -> str:
    return yaml_value(row["default"])


def _text(error: ConfigError | OSError, lang: Lang) -> str:
    if isinstance(error, ConfigError):
        return error.zh if lang == "zh" else str(error)
    return error.strerror or str(error)


def _named(reason: str) -> str:
    """The key that a sentence begins with, if it does."""
    head = reason.partition(":")[0].partition("：")[0]
    if head.startswith(("character ", "未知的角色")):
        return "character"
    return (
        head
        if head.replace(".", "").replace("_", "").isalnum() and head.isascii() and " " not in head
        else ""
    )
