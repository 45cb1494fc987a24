"""A timeline's entries as JSON values, both ways.

    {"seq": 7, "at": 1.25, "turn": 2, "generation": 3, "kind": "text_delta", "text": "Hello"}

`kind` is the event's class name in snake case; fields that have their default value are left out. Sound
and pictures are not text: their bytes are dropped, a `speech` says its length as `ms` instead, and
whoever keeps the sound keeps it beside the file. An event's field that shares its name with one of the
entry's is written `of_turn` or `of_kind`; a `turn` that equals the entry's is not written twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from aizuchi import events
from aizuchi.events import Entry, Event, Input, Speech

RENAMED: Final = {"turn": "of_turn", "kind": "of_kind"}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


KINDS: Final[Mapping[str, type[Event]]] = {
    _snake(name): each
    for name, each in vars(events).items()
    if isinstance(each, type) and issubclass(each, Event) and each not in (Event, Input)
}
"""Every kind of event a timeline may hold."""


def kind_of(event: Event) -> str:
    """The snake case name of the event's class."""
    return _snake(type(event).__name__)


@cache
def _shape(kind: type[Any]) -> tuple[tuple[Field[Any], Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field, hints[field.name]) for field in fields(kind))


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


# ------------------------------------------------------------------ out


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """One entry as a JSON-able dict; `json.dumps` takes it as it is."""
    event = entry.event
    told: dict[str, Any] = {
        "seq": entry.seq,
        "at": entry.at,
        "turn": entry.turn,
        "generation": entry.generation,
        "kind": kind_of(event),
    }
    for name, value in _fields_to_json(event).items():
        if name == "turn" and value == entry.turn:
            continue
        told[RENAMED.get(name, name)] = value
    if isinstance(event, Speech):
        told["ms"] = round(len(event.pcm) / 2 * 1000 / event.rate, 3)
    return told


def _fields_to_json(thing: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for field, hint in _shape(cast("type[Any]", type(thing))):
        value = getattr(thing, field.name)
        # None for a turn is a fact of its own: the entry may bear the number of another one.
        if hint is not bytes and (field.name == "turn" or value != _default(field)):
            told[field.name] = _to_json(value)
    return told


def _to_json(value: Any) -> Any:
    if is_dataclass(value):
        return _fields_to_json(value)
    if isinstance(value, tuple | list):
        return [_to_json(each) for each in cast("list[Any]", value)]
    return value


# ------------------------------------------------------------------ in


def entry_from_json(told: Mapping[str, Any], *, pcm: bytes = b"") -> Entry | None:
    """The entry a dict tells of, None for a kind this version does not know.

    Unknown fields are passed over. `pcm` is put into a `Speech` or `MicNoted`. Raises ValueError for what
    can't be an entry.
    """
    seq, at, generation = told.get("seq"), told.get("at"), told.get("generation")
    kind, turn = told.get("kind"), told.get("turn")
    if not isinstance(kind, str):
        raise ValueError(f"an entry's kind is a word, not {kind!r:.40}")
    if not _is(int, seq) or not (_is(int, at) or _is(float, at)) or not _is(int, generation):
        raise ValueError(f"{kind}: seq, at and generation are numbers")
    if turn is not None and not _is(int, turn):
        raise ValueError(f"{kind}: turn is a number or null")
    known = KINDS.get(kind)
    if known is None:
        return None
    source = {field.name: told[name] for field, _ in _shape(known) if (name := _name(field, told)) in told}
    if pcm and "pcm" in {field.name for field, _ in _shape(known)}:
        source["pcm"] = pcm
    event = _from_json(known, source, kind)
    return Entry(cast(int, seq), float(cast(float, at)), turn, cast(int, generation), event)


def _name(field: Field[Any], told: Mapping[str, Any]) -> str:
    renamed = RENAMED.get(field.name)
    if renamed is None:
        return field.name
    return renamed if renamed in told or field.name == "kind" else field.name


def _from_json(kind: type[Any], told: Mapping[str, Any], where: str) -> Any:
    values: dict[str, Any] = {}
    for field, hint in _shape(kind):
        if hint is bytes:
            if not _has_default(field) or field.name in told:
                values[field.name] = told.get(field.name, b"")
        elif field.name in told:
            values[field.name] = _load(hint, told[field.name], f"{where}.{field.name}")
        elif not _has_default(field):
            raise ValueError(f"{where}: {field.name} is missing")
    return kind(**values)


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _load(hint: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Union or origin is UnionType:
        if value is None and NoneType in inner:
            return None
        for each in inner:
            if each is not NoneType:
                try:
                    return _load(each, value, where)
                except ValueError:
                    continue
    elif origin is Literal:
        if value in inner:
            return value
    elif origin is tuple and isinstance(value, list):
        return tuple(_load(inner[0], each, where) for each in cast("list[Any]", value))
    elif origin is dict and isinstance(value, dict):
        each_value = cast("dict[str, Any]", value)
        return {key: _load(inner[1], item, where) for key, item in each_value.items()}
    elif is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return _from_json(hint, cast("dict[str, Any]", value), where)
    elif hint is Any:
        return value
    elif hint is float and (_is(int, value) or _is(float, value)):
        return float(value)
    elif isinstance(hint, type) and _is(hint, value):
        return value
    raise ValueError(f"{where} can't be {value!r:.40}")


def _is(kind: type, value: Any) -> bool:
    """Like isinstance, but True is no number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
