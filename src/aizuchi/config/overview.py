"""Every key of the configuration as a form shows it: what it means, what it is, and where that came from.

No secret is in it: of a value of a secret type, or one whose name or shape says that it is a key, only
whether it is set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from aizuchi.config.describe import default_of, meaning
from aizuchi.config.loading import Loaded
from aizuchi.config.settings import Settings
from aizuchi.config.sources import Draft, Keys, apply_environment, read_yaml
from aizuchi.config.zh import OPTIONS
from aizuchi.providers import keys
from aizuchi.registry import KINDS, Kind, targets
from aizuchi.registry import load as load_class
from aizuchi.texts import Lang

Type = Literal["bool", "int", "float", "text", "choice", "list", "map", "secret", "secrets", "chain"]
Applies = Literal["now", "new_sessions", "restart"]

SECRET_NAME: Final = re.compile(r"key|token|secret|passw|credential|authorization|cookie", re.IGNORECASE)
SECRET_SHAPE: Final = re.compile(
    r"\b(?:sk|pk|ghp|xox[bp])[-_][\w-]{8,}|(?i:\bbearer\s+\S{8,})|\beyJ[\w-]{10,}\.[\w-]+|\b[0-9a-fA-F]{32,}\b"
    r"|\b(?=\w*\d)(?=\w*[a-z])(?=\w*[A-Z])[A-Za-z0-9_]{24,}\b"
)
"""What vendors' keys look like, and any long word of mixed letters and digits."""
_USERINFO: Final = re.compile(r"(://)[^/@\s]+@")
_NAME_ONLY: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_LEFT_OUT: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):?-[^}]*\}")

NOW: Final = (
    "character",
    "watch_characters",
    "server.operators",
    "server.origins",
    "server.resume_ttl",
    "server.max_sessions",
    "admission.sockets",
    "admission.sessions_per_token",
    "admission.audio_seconds_per_minute",
    "admission.overload_lag_ms",
    "limits.breaker_failures",
    "limits.breaker_pause",
    "usage.caps",
    "log.level",
)
NEW_SESSIONS: Final = (
    "character",
    "characters",
    "hearing",
    "turn_end",
    "speculation",
    "barge_in",
    "silences",
    "echo",
    "limits",
    "conversation",
    "tools",
    "agents",
)


def applies(path: str) -> Applies:
    """When a change of a key takes effect; every conversation keeps the rules that it began with."""

    def within(places: tuple[str, ...]) -> bool:
        return any(path == each or path.startswith(f"{each}.") for each in places)

    if path in ("character", "admission.messages_per_minute"):
        return "new_sessions"
    return "now" if within(NOW) else "new_sessions" if within(NEW_SESSIONS) else "restart"


@dataclass(frozen=True, slots=True)
class Written:
    """What the file itself says, before anything is filled in, and what the environment lays over it."""

    data: Mapping[str, Any]
    places: Mapping[Keys, str]
    variables: Mapping[Keys, str]

    def at(self, keys: Keys) -> Any:
        node: Any = self.data
        for step in keys:
            if isinstance(node, dict) and step in node:
                node = cast("dict[Any, Any]", node)[step]
            elif isinstance(node, list) and isinstance(step, int) and step < len(cast("list[Any]", node)):
                node = cast("list[Any]", node)[step]
            elif step == 0 and not isinstance(node, list):
                continue  # the only provider, written without a list
            elif step == "use" and isinstance(node, str):
                return node
            else:
                return None
        return node

    def variable(self, keys: Keys) -> str:
        """The variable that sets a key, or part of it, or all of what it is part of; empty for none."""
        plain = _plain(keys)
        for way, name in self.variables.items():
            theirs = _plain(way)
            if plain[: len(theirs)] == theirs or theirs[: len(plain)] == plain:
                return name
        return ""


def _plain(keys: Keys) -> tuple[str, ...]:
    """Without the number of an only entry, which may be left out."""
    return tuple(str(each) for each in keys if each != 0 and each != "0")


def written(path: Path | None, environ: Mapping[str, str] | None = None) -> Written:
    """Read the file once more. Raises ConfigError."""
    draft = read_yaml(path) if path is not None and path.is_file() else Draft()
    over = Draft()
    sections = {
        name: isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name, field in Settings.model_fields.items()
    }
    # Laid over a copy of what is there, since a variable may name one entry of a list.
    over.data = _copy(draft.data)
    apply_environment(over, os.environ if environ is None else environ, sections)
    variables = {keys: name.partition(" ")[0] for keys, name in over.places.items()}
    return Written(draft.data, draft.places, variables)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in cast("dict[Any, Any]", value).items()}
    return [_copy(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def fields(loaded: Loaded, said: Written, lang: Lang) -> list[dict[str, Any]]:
    """All keys in the order of the file, each JSON-able."""
    return [
        each for name, field in Settings.model_fields.items() for each in _of(name, field, loaded, said, lang)
    ]


def _of(name: str, field: FieldInfo, loaded: Loaded, said: Written, lang: Lang) -> Iterator[dict[str, Any]]:
    value = getattr(loaded.settings, name)
    if name in KINDS:
        yield from _chain(name, field, value, said, lang)
    elif isinstance(value, BaseModel):
        yield from _walk(type(value), value, (name,), said, lang)
    else:
        yield one((name,), field, value, said, lang)


def _walk(
    model: type[BaseModel], value: BaseModel, keys: Keys, said: Written, lang: Lang
) -> Iterator[dict[str, Any]]:
    for name, field in model.model_fields.items():
        inner = getattr(value, name)
        if isinstance(inner, BaseModel):
            yield from _walk(type(inner), inner, (*keys, name), said, lang)
        else:
            yield one((*keys, name), field, inner, said, lang)


def _chain(kind: Kind, field: FieldInfo, uses: Any, said: Written, lang: Lang) -> Iterator[dict[str, Any]]:
    """The names of a stage's providers in order, then the options of each."""
    known = targets(kind)
    names = [each.use for each in uses]
    row = one((kind,), field, names, said, lang)
    if row["source"] == "default" and names != [each.use for each in default_of(field)]:
        # A key in the environment chose them; a choice in the file goes before it.
        account = keys.find(kind, names[0])
        groups: Sequence[Sequence[str]] = [("OPENAI_API_KEY", "OPENAI_BASE_URL")]
        if account is not None and names[0] != "openai":
            groups = account.variables
        row |= {"source": "environment", "variable": ", ".join(name for group in groups for name in group)}
    yield row | {
        "type": "chain",
        "default": [each.use for each in default_of(field)],
        "options": sorted(known),
    }
    for index, use in enumerate(uses):
        if use.use not in known:
            continue
        options = load_class(kind, use.use).Options
        for name, option in options.model_fields.items():
            given = use.options.get(name, default_of(option))
            zh = OPTIONS.get(f"{kind}.{use.use}.{name}", "")
            yield one((kind, index, name), option, given, said, lang, zh) | {"provider": use.use}


def one(keys: Keys, field: FieldInfo, value: Any, said: Written, lang: Lang, zh: str = "") -> dict[str, Any]:
    """A key as a form shows it."""
    name, raw = str(keys[-1]), said.at(keys)
    kind, optional = type_of(field, name)
    variable = said.variable(keys)
    source = "environment" if variable else "file" if raw is not None else "default"
    secret = kind in ("secret", "secrets")
    default = default_of(field)
    # A path to a key is no key.
    called = "" if Path in (field.annotation, *get_args(field.annotation)) else name
    shown, known = plain(value), plain(default)
    options = _literals(field.annotation)
    row: dict[str, Any] = {
        "path": ".".join(map(str, keys)),
        "section": str(keys[0]),
        "type": kind,
        "optional": optional,
        "about": meaning(field, lang, zh),
        "default": None if secret else veiled(known, called),
        "value": hidden(value) if secret else veiled(shown, called),
        "source": source,
        "applies": applies(".".join(map(str, keys))),
        # What can't be shown whole can't be written back whole.
        "editable": not variable and kind != "secrets" and (secret or veiled(shown, called) == shown),
    }
    if options:
        row["options"] = options
    if variable:
        row["variable"] = variable
    if isinstance(raw, str) and "${" in raw:
        row["expression"] = expression(raw, secret=secret or bool(SECRET_NAME.search(called)))
    return row | _bounds(field)


def type_of(field: FieldInfo, name: str) -> tuple[Type, bool]:
    """What kind of input a key wants, and whether it may be left empty."""
    annotation = field.annotation
    inner = [each for each in get_args(annotation) if each is not type(None)]
    optional = type(None) in get_args(annotation)
    if optional and len(inner) == 1:
        annotation = inner[0]
    origin = get_origin(annotation)
    if annotation is SecretStr:
        return "secret", True
    if origin is Literal:
        return "choice", "" in get_args(annotation)
    if origin is dict:
        return ("secrets" if SecretStr in get_args(annotation) else "map"), optional
    if origin in (list, tuple, set, frozenset):
        return ("secrets" if SecretStr in get_args(annotation) else "list"), optional
    for kind, word in ((bool, "bool"), (int, "int"), (float, "float")):
        if annotation is kind:
            return cast("Type", word), optional
    return ("secret" if SECRET_NAME.search(name) and annotation is str else "text"), optional


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    return [each for inner in get_args(annotation) for each in _literals(inner)]


def _bounds(field: FieldInfo) -> dict[str, float]:
    found: dict[str, float] = {}
    for mark in field.metadata:
        match mark:
            case annotated_types.Ge(ge=bound) | annotated_types.Gt(gt=bound):
                found["min"] = cast("float", bound)
            case annotated_types.Le(le=bound) | annotated_types.Lt(lt=bound):
                found["max"] = cast("float", bound)
            case _:
                pass
    return found


# -- what may be shown


def plain(value: Any) -> Any:
    """JSON-able; secrets are hidden wherever they stand."""
    match value:
        case SecretStr():
            return hidden(value)
        case BaseModel():
            return {name: plain(each) for name, each in value.model_dump(exclude_none=True).items()}
        case dict():
            return {str(name): plain(each) for name, each in cast("dict[Any, Any]", value).items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in cast("list[Any]", value)]
        case Path():
            return value.as_posix()
        case bool() | int() | float() | str() | None:
            return value
        case _:
            return str(value)


def hidden(value: Any) -> str:
    """Of a secret, or a table of secrets, whether there is one."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "set" if value else "not set"


def veiled(value: Any, name: str = "") -> Any:
    """A value in which nothing that looks like a key is left."""
    if isinstance(value, str):
        if value and SECRET_NAME.search(name) and not value.startswith("not set"):
            return "set"
        return SECRET_SHAPE.sub("…", _USERINFO.sub(r"\1…@", value))
    if isinstance(value, dict):
        return {key: veiled(each, str(key)) for key, each in cast("dict[str, Any]", value).items()}
    return [veiled(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def expression(raw: str, *, secret: bool) -> str:
    """`${NAME}` as it is written; of a secret without the default that may stand in it."""
    if not secret:
        return veiled(raw)
    names = _LEFT_OUT.sub(r"${\1:-…}", raw)
    return names if _NAME_ONLY.sub("", _LEFT_OUT.sub("", raw)).strip() == "" else "${…}"
