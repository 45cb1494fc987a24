"""What is wrong with a configuration, in plain words of two languages.

pydantic says precisely what failed; this says it to a person: which key, where it stands, what was
expected, what came, and the nearest right word. A secret's value is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aizuchi.config.sources import Keys
from aizuchi.errors import ConfigError
from aizuchi.registry import nearest
from aizuchi.texts import Lang, Texts

TEXTS: Final = Texts(
    {
        "unknown": ("unknown key", "未知的键"),
        "unknown_near": ('unknown key; did you mean "{near}"?', "未知的键；您是否想写“{near}”？"),
        "unknown_list": ("unknown key; there are: {known}", "未知的键；可用的有：{known}"),
        "missing": ("this key is needed", "缺少此键"),
        "missing_use": ("say which provider: `use: NAME`", "请写明使用哪个提供方：`use: 名称`"),
        "nested_use": (
            "a provider's options stand beside its name: {{use: {name}, ...}}, not {{{name}: {{...}}}}",
            "提供方的选项与其名称并列：写成 {{use: {name}, ...}}，而不是 {{{name}: {{...}}}}",
        ),
        "int": ("expected a whole number{got}", "应为整数{got}"),
        "float": ("expected a number{got}", "应为数字{got}"),
        "bool": ("expected true or false{got}", "应为 true 或 false{got}"),
        "string": ("expected text{got}", "应为文字{got}"),
        "path": ("expected a path{got}", "应为路径{got}"),
        "literal": ("expected {expected}{got}", "应为 {expected} 之一{got}"),
        "literal_near": (
            'expected {expected}{got}; did you mean "{near}"?',
            "应为 {expected} 之一{got}；您是否想写“{near}”？",
        ),
        "ge": ("must be at least {bound}{got}", "不得小于 {bound}{got}"),
        "gt": ("must be more than {bound}{got}", "必须大于 {bound}{got}"),
        "le": ("must be at most {bound}{got}", "不得大于 {bound}{got}"),
        "lt": ("must be less than {bound}{got}", "必须小于 {bound}{got}"),
        "list": ("expected a list{got}", "应为列表{got}"),
        "mapping": ("expected keys with values{got}", "应为“键: 值”的形式{got}"),
        "choice": (
            "expected a provider's name, a mapping with `use`, or a list of them{got}",
            "应为提供方名称、带 use 的映射，或它们的列表{got}",
        ),
        "no_provider": ("at least one provider is needed", "至少需要一个提供方"),
        "got": (", got {value}", "，实际为 {value}"),
        "nothing": ("nothing", "空"),
        "environment": (
            "${{{name}}} is not set: put {name} into the environment or .env, or write ${{{name}:-default}}",
            "未设置 ${{{name}}}：请在环境变量或 .env 中设置 {name}，或写成 ${{{name}:-默认值}}",
        ),
        "provider": (
            'provider "{name}" is unknown; there are: {known}',
            "未知的提供方“{name}”；可用的有：{known}",
        ),
        "provider_near": (
            'provider "{name}" is unknown; did you mean "{near}"? There are: {known}',
            "未知的提供方“{name}”；您是否想写“{near}”？可用的有：{known}",
        ),
        "address": ('expected HOST:PORT, got "{value}"', "应为 HOST:PORT，实际为“{value}”"),
        "cert_key": ("cert and key belong together; one of them is missing", "cert 与 key 须同时给出"),
        "web_host": (
            'expected an https address without a path, such as https://models.example, got "{value}"',
            "应为不带路径的 https 地址，例如 https://models.example，实际为“{value}”",
        ),
        "web_script": (
            'expected a file, or an https address without a query, got "{value}"',
            "应为文件，或不带查询参数的 https 地址，实际为“{value}”",
        ),
        "file": ("there is no file {value}", "文件不存在：{value}"),
        "release": ("must not be above hearing.threshold ({bound})", "不得高于 hearing.threshold（{bound}）"),
        "tool": (
            '"{name}" is no built-in tool; there are: {known}',
            "没有内置工具“{name}”；可用的有：{known}",
        ),
        "token": ("this token is empty, which would lock everybody out", "此令牌为空，任何人都无法连接"),
        "cap": ('there is no provider "{name}"; there are: {known}', "没有提供方“{name}”；可用的有：{known}"),
        "zone": (
            'the time zone "{name}" is unknown; an IANA name such as Asia/Tokyo is expected',
            "未知的时区“{name}”；应为 IANA 名称，例如 Asia/Shanghai",
        ),
    }
)

_KINDS: Final = {
    "int_parsing": "int",
    "int_type": "int",
    "int_from_float": "int",
    "int_parsing_size": "int",
    "float_parsing": "float",
    "float_type": "float",
    "finite_number": "float",
    "bool_parsing": "bool",
    "bool_type": "bool",
    "string_type": "string",
    "path_type": "path",
    "list_type": "list",
    "tuple_type": "list",
    "set_type": "list",
    "dict_type": "mapping",
    "mapping_type": "mapping",
    "model_type": "mapping",
    "model_attributes_type": "mapping",
    "no_provider": "no_provider",
}
_BOUNDS: Final = {
    "greater_than_equal": "ge",
    "greater_than": "gt",
    "less_than_equal": "le",
    "less_than": "lt",
}
_SECRET = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    keys: Keys
    text: str
    place: str = ""
    """`file:line`, or a variable's name; empty when nothing in particular is to blame."""

    def __str__(self) -> str:
        dotted = ".".join(str(each) for each in self.keys)
        return ": ".join(part for part in (self.place, dotted, self.text) if part)


class Problems(ConfigError):
    """All that is wrong with a configuration, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def explain(error: Any, lang: Lang, known: Sequence[str]) -> str:
    """One of pydantic's `errors()` in a user's words. `known`: the keys allowed where it happened."""
    kind: str = error["type"]
    keys: Keys = error["loc"]
    context: dict[str, Any] = error.get("ctx") or {}
    got = shown(error.get("input"), keys, lang)
    if kind == "extra_forbidden":
        near = nearest(str(keys[-1]), known)
        if near:
            return TEXTS.say(lang, "unknown_near", near=near)
        if known:
            return TEXTS.say(lang, "unknown_list", known=", ".join(known))
        return TEXTS.say(lang, "unknown")
    if kind == "missing" and keys[-1] == "use":
        name = _nested(error.get("input"))
        return TEXTS.say(lang, "nested_use", name=name) if name else TEXTS.say(lang, "missing_use")
    if kind == "missing":
        return TEXTS.say(lang, "missing")
    if kind in ("model_type", "model_attributes_type") and keys and isinstance(keys[-1], int):
        return TEXTS.say(lang, "choice", got=got)
    if kind in _BOUNDS:
        mark = _BOUNDS[kind]
        return TEXTS.say(lang, mark, bound=f"{context.get(mark, 0):g}", got=got)
    if kind in ("literal_error", "enum"):
        expected = str(context.get("expected", "")).replace("'", "")
        options = re.split(r", | or ", expected)
        if lang == "zh":
            expected = "、".join(options)
        near = nearest(str(error.get("input")), options)
        if near:
            return TEXTS.say(lang, "literal_near", expected=expected, got=got, near=near)
        return TEXTS.say(lang, "literal", expected=expected, got=got)
    if kind in _KINDS:
        return TEXTS.say(lang, _KINDS[kind], got=got)
    return str(error["msg"]).removeprefix("Value error, ")


def _nested(value: Any) -> str:
    """The name in `{NAME: {options}}`, which is how many other programs spell a choice; else empty."""
    if not isinstance(value, dict) or len(cast("dict[Any, Any]", value)) != 1:
        return ""
    ((name, options),) = cast("dict[Any, Any]", value).items()
    return str(name) if options is None or isinstance(options, dict) else ""


def shown(value: Any, keys: Keys, lang: Lang) -> str:
    """ ", got ..." for a short plain value; nothing for a secret or a large one."""
    if any(_SECRET.search(str(each)) for each in keys) or isinstance(value, dict | list | Path):
        return ""
    if value is None or value == "":
        return TEXTS.say(lang, "got", value=TEXTS.say(lang, "nothing"))
    text = str(value)
    return TEXTS.say(lang, "got", value=f'"{text[:40]}{"…" if len(text) > 40 else ""}"')
