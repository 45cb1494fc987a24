"""Any value of any of our dataclasses, for tests that look at the whole vocabulary."""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

words = st.text(max_size=8)
numbers = st.integers(-(2**31), 2**31)
fractions = st.floats(allow_nan=False, allow_infinity=False)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value a field of this type may have; bytes stay empty, since they are dropped on purpose."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of([values(each) for each in inner])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(words, values(inner[1]), max_size=2)
    if is_dataclass(hint):
        return things(hint)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: words,
        int: numbers,
        float: fractions,
        bool: st.booleans(),
        bytes: st.just(b""),
        NoneType: st.none(),
        Any: words | numbers | st.none() | st.lists(words, max_size=2),
    }
    return simple[hint]


def things(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    strategies = {field.name: values(hints[field.name]) for field in fields(kind)}
    if "rate" in strategies:
        strategies["rate"] = st.integers(1, 192_000)
    return st.builds(kind, **strategies)
