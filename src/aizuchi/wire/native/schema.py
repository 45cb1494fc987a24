"""The published JSON Schema of the protocol, made of the models that check the messages.

`python -m aizuchi.wire.native.schema` prints what stands in `docs/wire/native.schema.json`.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final, cast

from pydantic import TypeAdapter

from aizuchi.wire.native.down import DOWN
from aizuchi.wire.native.up import PROTOCOL, UP

FILE: Final = "native.schema.json"
"""Its name below `docs/wire/`."""


def schema() -> dict[str, Any]:
    """A message of either direction; `$defs` holds each by its model's name, `up` and `down` the lists."""
    parts, rest = TypeAdapter.json_schemas(
        [("up", "validation", UP), ("down", "serialization", DOWN)], ref_template="#/$defs/{model}"
    )
    definitions = _untitled(dict(sorted(rest["$defs"].items())))
    definitions["up"] = parts["up", "validation"]
    definitions["down"] = parts["down", "serialization"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Aizuchi's native protocol, {PROTOCOL}",
        "description": "Text frames of /digital-human/ws; up: client to server, down: server to client. "
        "Both sides pass over types and fields they do not know.",
        "anyOf": [{"$ref": "#/$defs/up"}, {"$ref": "#/$defs/down"}],
        "$defs": definitions,
    }


def _untitled(node: Any) -> Any:
    """Without the titles that only repeat a field's name."""
    if isinstance(node, dict):
        pairs = cast("dict[str, Any]", node).items()
        return {key: _untitled(value) for key, value in pairs if key != "title" or not isinstance(value, str)}
    if isinstance(node, list):
        return [_untitled(each) for each in cast("list[Any]", node)]
    return node


def text() -> str:
    """The file's content: ASCII, sorted as the models are, ending in a newline."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
