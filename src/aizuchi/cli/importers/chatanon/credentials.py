"""`credentials.py`, read as text: what is written there, without running any of it.

The five names are variables of a module. A value may be a literal, a name given a literal before, or, as in
the template, a call that asks the environment first and has the value as its second argument.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from aizuchi.cli.importers import NOTHING, Imported, Row, Words
from aizuchi.errors import ConfigError

NAMES: Final = (
    "BYTEDANCE_APP_KEY",
    "BYTEDANCE_ACCESS_KEY",
    "DOUBAO_API_KEY",
    "MINIMAX_API_KEY",
    "VALID_API_TOKENS",
)
LARGEST: Final = 1 << 20
SECRET: Final = "••••"
"""What is shown in place of a value."""
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_TEMPLATE: Final = re.compile(r"(?:your|my)[_\- ].*|<.*>|x{3,}|change.?me|todo|\.{3,}", re.IGNORECASE)

COMPUTED: Final[Words] = (
    "it is computed there, and no code of it is run; set the variable of that name yourself",
    "该值由代码计算得出，而我们不执行其代码；请自行设置同名变量",
)
EMPTY: Final[Words] = ("it is empty", "为空")
TEMPLATE: Final[Words] = ("it is still the template's", "仍是模板中的占位文字")
WINS: Final[Words] = (
    "the environment has another value now, and that one counts",
    "当前环境变量中有不同的值，以环境变量为准",
)


class _Unknown(Exception):
    """Not to be told without running it."""


def read(path: Path, environ: Mapping[str, str], imported: Imported) -> None:
    """Add the secrets of a file, and a row for each name. Raises ConfigError."""
    values = literals(path, NAMES)
    for name in NAMES:
        if name not in values:
            continue
        value = values[name]
        text, left_out = _text(value)
        if value is None:
            imported.rows.append(Row(name, "?", "", COMPUTED))
        elif not text:
            imported.rows.append(Row(name, "", "", TEMPLATE if left_out else EMPTY))
        else:
            imported.secrets[name] = text
            other = environ.get(name, "").strip()
            imported.rows.append(
                Row(name, SECRET, f".env: {name}", WINS if other not in ("", text) else NOTHING)
            )


def _text(value: Any) -> tuple[str, bool]:
    """A value as a variable holds it, and whether something of the template was left out."""
    items = value if isinstance(value, (list, tuple, set, frozenset)) else str(value or "").split(",")
    words = [str(item).strip() for item in items if item is not None and str(item).strip()]
    real = [word for word in words if not _TEMPLATE.fullmatch(word)]
    return ",".join(real), len(real) < len(words)


def literals(path: Path, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Name -> value of the module's variables, as far as they can be told; None for one that can't be.

    Raises ConfigError when the file can't be read or is no Python.
    """
    known: dict[str, Any] = {}
    for name, node in assignments(parse(path)):
        try:
            known[name] = _value(node, known)
        except _Unknown:
            known[name] = None
    return {name: known[name] for name in wanted if name in known}


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file. Raises ConfigError, which shows nothing of what stands there."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path} is larger than {LARGEST} bytes", zh=f"{path} 超过 {LARGEST} 字节")
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise ConfigError(f"{path}{line}: this is not Python", zh=f"{path}{line}：不是 Python 代码") from None
    except (ValueError, RecursionError, MemoryError):
        raise ConfigError(f"{path}: this is not Python", zh=f"{path}：不是 Python 代码") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path} can't be read: {reason}", zh=f"无法读取 {path}：{reason}") from error


def assignments(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module binds, in order, those below `if` and `try` too."""
    for node in getattr(tree, "body", ()):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.If() | ast.Try() | ast.With():
                yield from assignments(node)
            case _:
                pass


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """What an expression is without running it. Raises _Unknown."""
    match node:
        case ast.Name(id=name):
            if known.get(name) is None:
                raise _Unknown
            return known[name]
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_value(item, known) for item in items]
        case ast.BoolOp(op=ast.Or(), values=values):
            return _value(values[-1], known)  # `os.environ.get(NAME) or "what stands here"`
        case ast.Subscript(value=ast.Attribute(attr="environ")):
            return ""  # the environment's alone
        case ast.ListComp(generators=[ast.comprehension(iter=source)]):
            return _value(source, known)  # `[each.strip() for each in ... .split(",")]`
        case ast.Call(func=ast.Attribute(value=inner, attr="split" | "strip")):
            return _value(inner, known)
        case ast.Call(args=[ast.Constant(value=str(name)), *rest], keywords=keywords) if _VARIABLE.fullmatch(
            name
        ):
            # A question to the environment, by whatever helper: its second argument is what stands here.
            default = rest[0] if rest else next((k.value for k in keywords if k.arg == "default"), None)
            return "" if default is None else _value(default, known)
        case ast.Constant(value=None):
            return ""
        case _:
            try:
                return ast.literal_eval(node)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                raise _Unknown from None
