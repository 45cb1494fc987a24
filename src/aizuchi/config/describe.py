"""The configuration as text: a commented YAML for users, reference pages for `docs/`.

Both are made from `Settings` and from the providers' own `Options`, in either language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from aizuchi.config.choices import EMBEDDED, embedded
from aizuchi.config.prose import CHOOSING, INTRO
from aizuchi.config.settings import Settings
from aizuchi.config.zh import OPTIONS
from aizuchi.registry import BUILTIN, KINDS, Kind, load
from aizuchi.texts import Lang, Texts

TEXTS: Final = Texts(
    {
        "head": (
            "Settings of Aizuchi. A line that begins with # and no space is a key with its default:\n"
            "take the # away to change it. Everything is explained in docs/configuration.md.\n"
            "${{NAME}} and ${{NAME:-default}} stand for variables from the environment or from .env beside\n"
            "this file.",
            "Aizuchi 的设置。以 # 开头且其后没有空格的行是带默认值的键：去掉 # 即可修改。\n"
            "全部说明见 docs/configuration.zh.md。\n"
            "${{NAME}} 与 ${{NAME:-默认值}} 取自环境变量或本文件旁的 .env。",
        ),
        "tuning": (
            "---- From here on fine tuning: the defaults are meant to be left alone.",
            "---- 以下为细调：默认值通常无需改动。",
        ),
        "choice": (
            "a name, {{use: name, options}}, or a list of these that is tried in order",
            "一个名称、{{use: 名称, 选项}}，或它们的列表（依次尝试）",
        ),
        "choice_one": (
            "a name, or {{use: name, options}}",
            "一个名称，或 {{use: 名称, 选项}}",
        ),
        "none_but": (
            "To choose one, `use: {name}` ({about}), with its options:",
            "要启用请写 `use: {name}`（{about}），其选项：",
        ),
        "instead": (
            "Instead of it, `use: {name}` ({about}), with its options:",
            "也可以 `use: {name}`（{about}），其选项：",
        ),
        "embedded": ("embedded", "内置"),
        "outside": ("needs an account, a server or a download", "需要账号、服务器或下载"),
        "one_of": ("one of {options}", "可选 {options}"),
        "title": ("Configuration", "配置"),
        "generated": (
            "Written by `aizuchi docs` from the code; changes made here are lost.",
            "由 `aizuchi docs` 根据代码生成，请勿手工修改。",
        ),
        "top": ("Top level", "顶层"),
        "columns": ("key | default | meaning", "键 | 默认值 | 含义"),
        "variable": ("variable", "变量"),
        "providers": ("Choosing providers", "选择提供方"),
        "options": ("Options of `{kind}: {name}`", "`{kind}: {name}` 的选项"),
        "no_options": ("It has no options.", "没有选项。"),
    }
)

TUNING: Final = "hearing"
"""The first section that most people never need."""


def zh_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("zh", "")) if isinstance(extra, dict) else ""


def meaning(field: FieldInfo, lang: Lang, zh: str = "") -> str:
    """Description, choices and bounds of one key."""
    said = (zh_of(field) or zh) if lang == "zh" else ""
    parts = [said or field.description or ""]
    options = _literals(field.annotation)
    if options:
        parts.append(TEXTS.say(lang, "one_of", options=", ".join(f"`{each}`" for each in options)))
    bounds: list[str] = []
    for mark in field.metadata:
        match mark:
            case annotated_types.Ge(ge=bound):
                bounds.append(f"≥ {bound}")
            case annotated_types.Gt(gt=bound):
                bounds.append(f"> {bound}")
            case annotated_types.Le(le=bound):
                bounds.append(f"≤ {bound}")
            case annotated_types.Lt(lt=bound):
                bounds.append(f"< {bound}")
            case _:
                pass
    if bounds:
        parts.append(", ".join(bounds))
    return ("；" if lang == "zh" else "; ").join(part for part in parts if part)


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation) if each != ""]
    return [each for inner in get_args(annotation) for each in _literals(inner)]


def yaml_value(value: Any) -> str:
    """A default as YAML, in one line; nothing for None."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case SecretStr():
            return '""'
        case Path():
            return json.dumps(value.as_posix(), ensure_ascii=False)
        case int() | float():
            return str(value)
        case str():
            # A plain word needs no quotes; anything else is safe as JSON, which YAML contains.
            plain = value.replace("-", "").replace("_", "").isalnum() and not value[:1].isdigit()
            words = ("true", "false", "null", "yes", "no", "on", "off")
            if (plain and value.isascii() and value.lower() not in words) or value == "off":
                return value
            return json.dumps(value, ensure_ascii=False)
        case BaseModel():
            return yaml_value(value.model_dump())
        case dict():
            pairs = cast("dict[Any, Any]", value).items()
            return "{" + ", ".join(f"{key}: {yaml_value(each)}" for key, each in pairs) + "}"
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(yaml_value(each) for each in cast("Sequence[Any]", value)) + "]"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def default_of(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _comment(text: str, indent: str) -> Iterator[str]:
    """Wrap at about 100 columns; a Chinese character takes two."""
    for paragraph in text.splitlines():
        line, width = "", 0
        words = paragraph.split(" ")
        for word in words:
            size = sum(2 if ord(each) > 0x2E80 else 1 for each in word) + 1
            if line and width + size > 100:
                yield f"{indent}# {line.rstrip()}"
                line, width = "", 0
            line, width = line + word + " ", width + size
        yield f"{indent}# {line.rstrip()}"


def yaml_file(
    lang: Lang, answers: Mapping[str, Any], providers: Mapping[Kind, Sequence[Mapping[str, Any]]]
) -> str:
    """A YAML file with every key and its default, commented out except for what was answered.

    `answers`: dotted key -> value; `providers`: what each kind uses, in order, with the options to set.
    """
    lines = [*_comment(TEXTS.say(lang, "head"), ""), ""]
    answers = {**answers, "lang": answers.get("lang", lang)}
    for name, field in Settings.model_fields.items():
        if name in KINDS:
            uses = providers.get(name, [{"use": each.use} for each in embedded(name)])
            lines += ["", *_choice(name, field, uses, lang)]
            continue
        section = _section(field)
        if section is None:
            lines += _keys({name: field}, "", "", answers, lang)
            continue
        if name == TUNING:
            lines += ["", *_comment(TEXTS.say(lang, "tuning"), "")]
        lines += ["", *_comment(meaning(field, lang), ""), f"{name}:"]
        lines += _keys(section.model_fields, f"{name}.", "  ", answers, lang)
    return "\n".join(lines) + "\n"


def _keys(
    fields: Mapping[str, FieldInfo], prefix: str, indent: str, answers: Mapping[str, Any], lang: Lang
) -> Iterator[str]:
    for name, field in fields.items():
        inner = _section(field)
        yield from _comment(meaning(field, lang), indent)
        if inner is not None:
            yield f"{indent}{name}:"
            yield from _keys(inner.model_fields, f"{prefix}{name}.", indent + "  ", answers, lang)
            continue
        mark = "" if prefix + name in answers else "#"
        value = answers.get(prefix + name, default_of(field))
        yield f"{indent}{mark}{name}: {yaml_value(value)}".rstrip()


def _choice(kind: Kind, field: FieldInfo, uses: Sequence[Mapping[str, Any]], lang: Lang) -> Iterator[str]:
    colon = "：" if lang == "zh" else ": "
    # Of these two only the first of a list serves.
    how = "choice_one" if kind in ("vad", "turn") else "choice"
    yield from _comment(f"{meaning(field, lang)}{colon}{TEXTS.say(lang, how)}", "")
    yield f"{kind}:"
    for use in uses:
        first, indent = ("  - ", "    ") if len(uses) > 1 else ("  ", "  ")
        yield f"{first}use: {use['use']}"
        for name, option in load(kind, use["use"]).Options.model_fields.items():
            yield from _comment(meaning(option, lang, OPTIONS.get(f"{kind}.{use['use']}.{name}", "")), indent)
            mark = "" if name in use else "#"
            yield f"{indent}{mark}{name}: {yaml_value(use.get(name, default_of(option)))}".rstrip()
    for other in BUILTIN[kind]:
        if any(use["use"] == other for use in uses):
            continue
        provider = load(kind, other)
        about = TEXTS.say(lang, "embedded" if provider.embedded else "outside")
        offer = "instead" if uses else "none_but"
        yield from _comment(TEXTS.say(lang, offer, name=other, about=about), "  ")
        for name, option in provider.Options.model_fields.items():
            yield f"  #   {name}: {yaml_value(default_of(option))}".rstrip()


def markdown(lang: Lang) -> str:
    """The reference page, `docs/configuration.md` or `docs/configuration.zh.md`."""
    say = TEXTS.say
    lines = [f"# {say(lang, 'title')}", "", f"<!-- {say(lang, 'generated')} -->", "", INTRO[lang]]
    sections = {name: _section(field) for name, field in Settings.model_fields.items()}
    top = {n: f for n, f in Settings.model_fields.items() if sections[n] is None and n not in KINDS}
    lines += [f"## {say(lang, 'top')}", "", *_table(top, "", lang), ""]
    for name, section in sections.items():
        if section is not None:
            field = Settings.model_fields[name]
            lines += [f"## `{name}`", "", _sentence(meaning(field, lang), lang), ""]
            lines += [*_table(section.model_fields, f"{name}.", lang), ""]
    serving = ", ".join(f"`{kind}: {name}`" for kind, name in EMBEDDED.items())
    lines += [f"## {say(lang, 'providers')}", "", CHOOSING[lang].replace("EMBEDDED", serving)]
    for kind in KINDS:
        for name in BUILTIN[kind]:
            provider = load(kind, name)
            lines += [f"### {say(lang, 'options', kind=kind, name=name)}", ""]
            about = (provider.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
            state = say(lang, "embedded" if provider.embedded else "outside")
            lines += [f"{' '.join(about.split())} ({state})" if lang == "en" else f"（{state}）", ""]
            fields = provider.Options.model_fields
            lines += (
                [*_table(fields, f"{kind}.{name}.", lang), ""] if fields else [say(lang, "no_options"), ""]
            )
    return "\n".join(lines).rstrip() + "\n"


def _sentence(text: str, lang: Lang) -> str:
    return f"{text[:1].upper()}{text[1:]}." if lang == "en" else f"{text}。"


def _table(fields: Mapping[str, FieldInfo], prefix: str, lang: Lang) -> Iterator[str]:
    yield f"| {TEXTS.say(lang, 'columns')} |"
    yield "| --- | --- | --- |"
    yield from _rows(fields, prefix, "", lang)


def _rows(fields: Mapping[str, FieldInfo], prefix: str, shown: str, lang: Lang) -> Iterator[str]:
    for name, field in fields.items():
        inner = _section(field)
        if inner is not None:
            yield from _rows(inner.model_fields, prefix, f"{shown}{name}.", lang)
            continue
        default = yaml_value(default_of(field))
        said = meaning(field, lang, OPTIONS.get(prefix + name, "")).replace("|", "\\|")
        yield f"| `{shown}{name}` | {f'`{default}`' if default else ''} | {said} |"


def variables() -> list[str]:
    """Every `AIZUCHI_SECTION__KEY`, in the order of the file."""

    def walk(fields: Mapping[str, FieldInfo], prefix: str) -> Iterator[str]:
        for name, field in fields.items():
            inner = _section(field)
            if inner is not None:
                yield from walk(inner.model_fields, f"{prefix}{name.upper()}__")
            else:
                yield f"{prefix}{name.upper()}"

    return list(walk(Settings.model_fields, "AIZUCHI_"))
