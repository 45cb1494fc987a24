"""Changing a key of a YAML text and nothing else: every other character stays as it was.

ruamel.yaml says where a value stands; the new one is put in its place. So comments, order, anchors, quotes
and `${NAME}` elsewhere are kept to the letter. A key that `aizuchi init` left as a comment (`#port: 12393`)
is taken out of it, and put back when it is reset. Afterwards the text is read again: if anything but the
wanted key has changed, as by an anchor that several keys share, the change is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, cast

from aizuchi.config.describe import yaml_value
from aizuchi.config.sources import Keys
from aizuchi.errors import ConfigError

RESET: Final = object()
"""In place of a value: the key goes back to its default."""

_ALIAS = re.compile(r"\s*:\s*(\*[^\s,\]}]+)")
_ANCHOR = re.compile(r"&\S+\s+")


class Shared(ConfigError):
    """The value is shared by an anchor, or written in a way that can't be changed alone."""


def edited(text: str, keys: Keys, value: Any, default: str | None = None) -> str:
    """`text` with one key set, or taken out for `RESET`. Raises ConfigError.

    With `default` a key that is taken out stays as a comment, with this behind its name.
    """
    before = _plain(text)
    if value is RESET and _at(before, keys) is None:
        return text
    changed = _changed(text, keys, value, default)
    wanted = _with(before, keys, None if value is RESET else value)
    try:
        after = _plain(changed)
    except ConfigError:
        after = None
    if _bare(after) != _bare(wanted):
        raise Shared(
            "this value is shared or written in a way that can't be changed alone; change it in the file",
            zh="此值被多处共用，或其写法无法单独修改；请直接编辑文件",
        )
    return changed


def _plain(text: str) -> Any:
    """What a text says, in ordinary containers, with merged keys filled in."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise ConfigError(str(error).splitlines()[0]) from error


def _at(data: Any, keys: Keys) -> Any:
    for step in keys:
        if isinstance(data, dict) and step in data:
            data = cast("dict[Any, Any]", data)[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(cast("list[Any]", data)):
            data = cast("list[Any]", data)[step]
        else:
            return None
    return data


def _with(data: Any, keys: Keys, value: Any) -> Any:
    """A copy with one value in it; a provider by its bare name is opened to hold options."""
    if not keys:
        return value
    step, rest = keys[0], keys[1:]
    if isinstance(data, list):
        items = list(cast("list[Any]", data))
        items[cast("int", step)] = _with(items[cast("int", step)], rest, value)
        return items
    opened: dict[Any, Any] = {"use": data} if isinstance(data, str) else dict(data or {})
    opened[step] = _with(opened.get(step), rest, value)
    return opened


def _bare(data: Any) -> Any:
    """Without what means its default: keys with nothing behind them."""
    if isinstance(data, dict):
        kept = {name: _bare(each) for name, each in cast("dict[Any, Any]", data).items()}
        return {name: each for name, each in kept.items() if each is not None} or None
    return [_bare(each) for each in cast("list[Any]", data)] if isinstance(data, list) else data


def _changed(text: str, keys: Keys, value: Any, default: str | None) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    node: Any = YAML(typ="rt", pure=True).compose(text)
    if node is None:
        return _append(text, keys, value)
    owner: tuple[Any, Any] | None = None
    depth = 0
    for depth, step in enumerate(keys):
        if isinstance(node, MappingNode):
            pair = next((each for each in node.value if each[0].value == step), None)
            if pair is None:
                return _insert(text, node, owner, keys[depth:], value)
            owner, node = pair, pair[1]
            if node.start_mark.index < pair[0].end_mark.index:
                # An alias: the node stands elsewhere, what is to be replaced is the reference to it.
                if depth + 1 == len(keys):
                    return _dealias(text, pair[0], value)
                raise Shared("this value belongs to an anchor", zh="此值属于一个锚点")
        elif isinstance(node, SequenceNode) and isinstance(step, int):
            owner, node = None, node.value[step]
        elif isinstance(node, ScalarNode) and node.value and depth:
            # `llm: openai` gets an option, and so becomes a mapping.
            return _replace(text, node, _with(node.value, keys[depth:], value))
        elif isinstance(node, ScalarNode):
            return _insert(text, node, owner, keys[depth:], value)
    if value is RESET:
        return _remove(text, owner, keys, default)
    if isinstance(node, SequenceNode) and not node.flow_style and isinstance(value, list) and value:
        return _items(text, node, cast("list[Any]", value))
    return _replace(text, node, value)


# -- one change each


def _replace(text: str, node: Any, value: Any) -> str:
    start, end = node.start_mark.index, _end(text, node)
    anchor = _ANCHOR.match(text, start)
    if anchor:
        start = anchor.end()
    new = yaml_value(value)
    if start and text[start - 1] == ":":
        new = " " + new
    return text[:start] + new + text[end:]


def _dealias(text: str, key: Any, value: Any) -> str:
    found = _ALIAS.match(text, key.end_mark.index)
    if found is None or value is RESET:
        raise Shared("this value belongs to an anchor", zh="此值属于一个锚点")
    return text[: found.start(1)] + yaml_value(value) + text[found.end(1) :]


def _items(text: str, node: Any, values: Sequence[Any]) -> str:
    """A list over several lines: what stays keeps its own lines, with the comments in them."""
    from ruamel.yaml import YAML

    old: list[tuple[Any, str]] = []
    start = text.rfind("-", 0, node.value[0].start_mark.index)
    dash = " " * (start - text.rfind("\n", 0, start) - 1)
    first = text.rfind("\n", 0, start) + 1
    ends = [_line_end(text, _end(text, each)) for each in node.value]
    begin = first
    for each, end in zip(node.value, ends, strict=True):
        said = YAML(typ="safe", pure=True).load(text[each.start_mark.index : _end(text, each)])
        old.append((said, text[begin:end]))
        begin = end
    lines: list[str] = []
    for value in values:
        kept = next((index for index, each in enumerate(old) if each[0] == value), None)
        chunk = f"{dash}- {yaml_value(value)}\n" if kept is None else old.pop(kept)[1]
        lines.append(chunk if chunk.endswith("\n") else chunk + "\n")
    return text[:first] + "".join(lines) + text[begin:]


def _remove(text: str, owner: tuple[Any, Any] | None, keys: Keys, default: str | None) -> str:
    if owner is None:
        raise Shared("an entry of a list can't be taken out alone", zh="无法单独删除列表中的一项")
    key, node = owner
    start = key.start_mark.index
    line = text.rfind("\n", 0, start) + 1
    end = _end(text, node)
    if text[line:start].strip():
        # Within braces: up to the comma that follows, or back to the one before.
        after = re.compile(r"\s*,\s*").match(text, end)
        if after:
            return text[:start] + text[after.end() :]
        before = re.search(r"\s*,\s*$", text[:start])
        return text[: before.start() if before else start] + text[end:]
    stop = _line_end(text, end)
    indent = text[line:start]
    comment = "" if default is None else f"{indent}#{keys[-1]}: {default}".rstrip() + "\n"
    return text[:line] + comment + text[stop:]


def _insert(text: str, node: Any, owner: tuple[Any, Any] | None, keys: Keys, value: Any) -> str:
    """A key that is not there yet, into the mapping (or the nothing) that would hold it."""
    from ruamel.yaml.nodes import MappingNode

    if value is RESET:
        return text
    name, inner = str(keys[0]), _nested(keys[1:], value)
    said = f"{name}: {yaml_value(inner)}"
    if isinstance(node, MappingNode) and node.flow_style:
        close = node.end_mark.index - 1
        return text[:close].rstrip() + (", " if node.value else "") + said + text[close:]
    if isinstance(node, MappingNode) and node.value:
        first, last = node.value[0][0], node.value[-1]
        column = first.start_mark.column
        if owner is None and not column:
            said = _section(keys, value).rstrip("\n")
        begin = text.rfind("\n", 0, first.start_mark.index) + 1
        if owner is not None:
            begin = _line_end(text, owner[0].end_mark.index)
        end = max(_line_end(text, _end(text, last[1])), _line_end(text, last[0].end_mark.index))
    elif owner is not None:
        column = owner[0].start_mark.column + 2
        begin = end = _line_end(text, owner[0].end_mark.index)
    else:
        return _append(text, keys, value)
    indent = " " * column
    within = _extent(text, begin, column)
    found = re.compile(rf"^{indent}#{re.escape(name)}:.*$", re.MULTILINE).search(text, begin, within)
    if found:
        return text[: found.start()] + indent + said + text[found.end() :]
    joint = "" if not end or text[end - 1] == "\n" else "\n"
    return text[:end] + joint + indent + said + "\n" + text[end:]


def _append(text: str, keys: Keys, value: Any) -> str:
    if value is RESET:
        return text
    return text + ("" if not text or text.endswith("\n") else "\n") + _section(keys, value)


def _nested(keys: Keys, value: Any) -> Any:
    for step in reversed(keys):
        value = {step: value}
    return value


def _section(keys: Keys, value: Any) -> str:
    """A key of the top level, its own keys on lines of their own."""
    inner = _nested(keys[1:], value)
    if len(keys) == 1:
        return f"{keys[0]}: {yaml_value(inner)}\n"
    pairs = cast("dict[str, Any]", inner).items()
    return f"{keys[0]}:\n" + "".join(f"  {name}: {yaml_value(each)}\n" for name, each in pairs)


# -- where things end


def _end(text: str, node: Any) -> int:
    """Behind the last character of a value; a block ends with its last value, not with what follows it."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        key, value = node.value[-1]
        return max(_end(text, value), key.end_mark.index + 1)
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _end(text, node.value[-1])
    end = node.end_mark.index
    # A block scalar's end is the start of whatever comes next.
    while end > node.start_mark.index and text[end - 1] in " \t\r\n":
        end -= 1
    return end


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _extent(text: str, begin: int, column: int) -> int:
    """Where a section ends: at the first line that is neither blank nor indented as far as its keys."""
    position = begin
    while position < len(text):
        end = _line_end(text, position)
        line = text[position:end]
        if line.strip() and len(line) - len(line.lstrip(" ")) < column:
            return position
        position = end
    return len(text)
