"""Where settings come from: a YAML file, `.env`, `secrets.yaml`, the environment.

Everything here works on plain dictionaries and remembers for each key where it stood, so that a wrong one
can be shown by file and line. Later sources win: file, then environment. `.env` and `secrets.yaml` only
supply names to the environment, and never override what is already there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from aizuchi.errors import ConfigError
from aizuchi.registry import KINDS, suggest

Keys = tuple[str | int, ...]
"""The way to a value: ("tts", 0, "voice")."""

PREFIX: Final = "AIZUCHI_"
RESERVED: Final = frozenset({"AIZUCHI_HOME", "AIZUCHI_CONFIG", "AIZUCHI_SPEECH_DIR"})
"""Names with our prefix that are no settings."""

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?-)([^}]*))?\}")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass
class Draft:
    """Settings before they are checked, and where each of them stood."""

    data: dict[str, Any] = field(default_factory=dict[str, Any])
    places: dict[Keys, str] = field(default_factory=dict[Keys, str])

    def place(self, keys: Keys) -> str:
        """`file:line` or the variable that set a key; of its nearest parent if it has none itself."""
        while keys:
            plain = tuple(each for each in keys if not isinstance(each, int))
            for way in (keys, plain):
                if way in self.places:
                    return self.places[way]
            keys = keys[:-1]
        return ""


def read_yaml(path: Path) -> Draft:
    """Parse one YAML file. Raises ConfigError, with the line where it is broken."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror or error}") from error
    try:
        loaded = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = (error.problem or error.context or "not valid YAML").strip().splitlines()[0]
        # A repeated key is told with both its values, one of which may be a secret.
        problem = problem.partition(" with value ")[0]
        raise ConfigError(f"{path}{line}: this is not valid YAML: {problem}") from error
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: this is not valid YAML: {str(error).splitlines()[0]}") from error
    if loaded is None:
        return Draft()
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}:1: expected keys with values, such as `server:`")
    draft = Draft()
    draft.data = cast("dict[str, Any]", _plain(loaded, (), path, draft.places))
    return draft


def _plain(node: Any, keys: Keys, path: Path, places: dict[Keys, str]) -> Any:
    """Turn ruamel's containers into plain ones, noting lines on the way."""
    if isinstance(node, dict):
        known = getattr(getattr(node, "lc", None), "data", None) or {}
        result: dict[str, Any] = {}
        for name, value in cast("dict[Any, Any]", node).items():
            way = (*keys, str(name))
            if name in known:
                places[way] = f"{path}:{known[name][0] + 1}"
            result[str(name)] = _plain(value, way, path, places)
        return result
    if isinstance(node, list):
        known = getattr(getattr(node, "lc", None), "data", None) or {}
        items: list[Any] = []
        for index, value in enumerate(cast("list[Any]", node)):
            if index in known:
                places[(*keys, index)] = f"{path}:{known[index][0] + 1}"
            items.append(_plain(value, (*keys, index), path, places))
        return items
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; quotes and `export` allowed. Raises ConfigError that never shows a value."""
    found: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {type(error).__name__}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.match(line)
        if not match:
            raise ConfigError(f"{path}:{number}: expected NAME=value")
        found[match[1]] = _unquote(match[2].strip(), f"{path}:{number}")
    return found


def _unquote(value: str, place: str) -> str:
    if value[:1] == "'":
        end = value.find("'", 1)
        if end < 0:
            raise ConfigError(f"{place}: the quote is not closed")
        return value[1:end]
    if value[:1] == '"':
        match = re.match(r'"((?:[^"\\]|\\.)*)"', value)
        if not match:
            raise ConfigError(f"{place}: the quote is not closed")
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match[1])
    return re.split(r"\s+#", value, maxsplit=1)[0].strip() if not value.startswith("#") else ""


def read_secrets(path: Path) -> dict[str, str]:
    """`secrets.yaml`: NAME: value, capital letters, for `${NAME}` and for providers."""
    draft = read_yaml(path)
    for name, value in draft.data.items():
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) or isinstance(value, dict | list):
            raise ConfigError(
                f"{draft.place((name,))}: expected NAME: value with NAME in capital letters; "
                "other settings belong in aizuchi.yaml, which may say ${NAME}"
            )
    return {name: "" if value is None else str(value) for name, value in draft.data.items()}


def expand(draft: Draft, environ: Mapping[str, str]) -> Iterator[tuple[Keys, str]]:
    """Fill `${NAME}` and `${NAME:-default}` in place; `$${` stands for `${` itself.

    `:-` uses the default for an empty variable too, `-` only for a missing one. Yields every key whose
    variable is missing, with the variable's name.
    """
    missing: list[tuple[Keys, str]] = []

    def fill(value: Any, keys: Keys) -> Any:
        if isinstance(value, dict):
            return {name: fill(each, (*keys, name)) for name, each in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [fill(each, (*keys, index)) for index, each in enumerate(cast("list[Any]", value))]
        if not isinstance(value, str) or "${" not in value:
            return value

        def one(match: re.Match[str]) -> str:
            name, mark, default = match.groups()
            if name is None:
                return "${"
            if name in environ and (environ[name] or mark != ":-"):
                return environ[name]
            if mark:
                return default
            missing.append((keys, name))
            return ""

        return _PLACEHOLDER.sub(one, value)

    draft.data = fill(draft.data, ())
    yield from missing


def apply_environment(draft: Draft, environ: Mapping[str, str], sections: Mapping[str, bool]) -> None:
    """Lay `AIZUCHI_SECTION__KEY` over the draft. `sections`: top-level key -> has keys of its own.

    A value that begins with [ or { is read as YAML. Raises ConfigError for a section nobody knows.
    """
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        keys = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        if keys[0] not in sections:
            if len(keys) == 1:
                continue  # somebody else's variable that happens to begin like ours
            raise ConfigError(f'{name} (environment): "{keys[0]}" is unknown; {suggest(keys[0], sections)}')
        if len(keys) == 1 and sections[keys[0]] and not environ[name].lstrip().startswith("{"):
            raise ConfigError(f"{name} (environment): {keys[0]} has keys of its own: {name}__KEY=...")
        _lay(draft, name, keys, _value(name, environ[name]))


def apply_seed_tokens(draft: Draft, environ: Mapping[str, str]) -> None:
    """Lay `VALID_API_TOKENS`, a list with commas as ChatAnon's servers have it, beside `server.tokens`."""
    said = environ.get("VALID_API_TOKENS", "").split(",")
    server: Any = draft.data.get("server") or {}
    tokens: Any = (server.get("tokens") or {}) if isinstance(server, dict) else None
    if isinstance(tokens, str):
        tokens = [tokens]
    if isinstance(tokens, list):
        listed = cast("list[Any]", tokens)
        tokens = {f"token{number}": token for number, token in enumerate(listed, start=1)}
    if not any(each.strip() for each in said) or not isinstance(tokens, dict):
        return  # what is no mapping is told with the rest of the settings
    known = cast("dict[str, Any]", tokens)
    new = [each.strip() for each in said if each.strip() and each.strip() not in known.values()]
    names = {f"chatanon{number}": token for number, token in enumerate(new, start=1)}
    draft.data["server"] = cast("dict[str, Any]", server) | {"tokens": known | names}
    for name in names:
        draft.places[("server", "tokens", name)] = "VALID_API_TOKENS (environment)"


def _value(name: str, text: str) -> Any:
    if not text.lstrip().startswith(("[", "{")):
        return text
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return _plain(YAML(typ="rt", pure=True).load(text), (), Path(name), {})
    except YAMLError as error:
        raise ConfigError(f"{name} (environment): the value begins like YAML and is none") from error


def _lay(draft: Draft, name: str, keys: list[str], value: Any) -> None:
    if keys[0] in KINDS and len(keys) > 1:
        draft.data[keys[0]] = _opened(draft.data.get(keys[0]), keys, name)
    node: dict[Any, Any] | list[Any] = draft.data
    way: list[str | int] = []
    for part in keys[:-1]:
        way.append(step := _step(node, part, name))
        inner: Any = node[step] if isinstance(node, list) else node.get(step)  # pyright: ignore
        if not isinstance(inner, dict | list):
            inner = node[step] = {}
        node = inner
    way.append(step := _step(node, keys[-1], name))
    node[step] = value  # pyright: ignore
    draft.places[tuple(way)] = f"{name} (environment)"


def _step(node: Any, part: str, name: str) -> str | int:
    """A key of a mapping, or an index of a list that has it."""
    if not isinstance(node, list):
        return part
    items = cast("list[Any]", node)
    if not part.isdigit() or int(part) >= len(items):
        raise ConfigError(f"{name} (environment): there is no entry {part}; the list has {len(items)}")
    return int(part)


def _opened(choice: Any, keys: list[str], name: str) -> Any:
    """A provider choice in a spelling that options can be laid into."""
    if isinstance(choice, str):
        choice = {"use": choice}
    if isinstance(choice, list):
        items = [{"use": item} if isinstance(item, str) else item for item in cast("list[Any]", choice)]
        if not keys[1].isdigit():
            if len(items) != 1:
                raise ConfigError(
                    f"{name} (environment): {keys[0]} is a list; write {PREFIX}{keys[0].upper()}__0__..."
                )
            return items[0]
        return items
    return choice if choice is not None else {}
