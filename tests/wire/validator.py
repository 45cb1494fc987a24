"""Judges a message by the published JSON Schema, written apart from the models that made it.

Knows the words that our schema uses and refuses others, so that nothing is passed over in silence.
"""

from typing import Any

WORDS = """
    $ref anyOf oneOf const enum type required properties additionalProperties items minimum maximum
    exclusiveMinimum maxLength minLength maxItems pattern default description examples discriminator
"""
# Bounds that only an up message has are the models' business; here they need to be known, no more.
KNOWN = set(WORDS.split())
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


class Wrong(AssertionError):
    """A message that the schema does not allow."""


def check(schema: dict[str, Any], message: dict[str, Any], *, direction: str) -> None:
    """Raises Wrong when the message is not one of the direction's; unknown fields are wrong here, too."""
    names = schema["$defs"][direction]["discriminator"]["mapping"]
    if message.get("type") not in names:
        raise Wrong(f"no {direction} message is called {message.get('type')!r}")
    definition = schema["$defs"][names[message["type"]].rsplit("/", 1)[1]]
    _check(schema, definition, message, message["type"])
    if not definition.get("additionalProperties"):
        strange = set(message) - set(definition["properties"])
        if strange:
            raise Wrong(f"{message['type']} has undeclared fields {sorted(strange)}")


def _check(schema: dict[str, Any], node: dict[str, Any], value: Any, where: str) -> None:
    unknown = set(node) - KNOWN
    assert not unknown, f"teach the validator {unknown}"
    if "$ref" in node:
        _check(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]], value, where)
    for word in ("anyOf", "oneOf"):
        if word in node:
            _any(schema, node[word], value, where)
    if "const" in node and value != node["const"]:
        raise Wrong(f"{where} is {value!r}, not {node['const']!r}")
    if "enum" in node and value not in node["enum"]:
        raise Wrong(f"{where} is {value!r}, not one of {node['enum']}")
    if "type" in node:
        kind = TYPES[node["type"]]
        if not isinstance(value, kind) or (isinstance(value, bool) and node["type"] != "boolean"):
            raise Wrong(f"{where} is {value!r:.60}, not of type {node['type']}")
    if "minimum" in node and value < node["minimum"]:
        raise Wrong(f"{where} is {value}, less than {node['minimum']}")
    if "maximum" in node and value > node["maximum"]:
        raise Wrong(f"{where} is {value}, more than {node['maximum']}")
    if isinstance(value, dict) and "properties" in node:
        for name in node.get("required", ()):
            if name not in value:
                raise Wrong(f"{where} lacks {name}")
        for name, each in value.items():
            if name in node["properties"]:
                _check(schema, node["properties"][name], each, f"{where}.{name}")
    if isinstance(value, list) and "items" in node:
        for number, each in enumerate(value):
            _check(schema, node["items"], each, f"{where}[{number}]")


def _any(schema: dict[str, Any], nodes: list[dict[str, Any]], value: Any, where: str) -> None:
    reasons: list[str] = []
    for node in nodes:
        try:
            _check(schema, node, value, where)
        except Wrong as error:
            reasons.append(str(error))
        else:
            return
    raise Wrong("; or ".join(reasons))
