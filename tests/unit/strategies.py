"""Any value of the domain's dataclasses, for hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from medusa.domain.values import Json

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
JSON = st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    float: FLOATS,
    bool: st.booleans(),
    NoneType: st.none(),
    Json: JSON,
    Mapping[str, int]: st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a dataclass, or of the type of one of its fields; every field takes any value of its type."""
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{field.name: of(hints[field.name]) for field in fields(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if get_origin(hint) is UnionType:
        return st.one_of(*map(of, get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(of(get_args(hint)[0]), max_size=2).map(tuple)
    return PLAIN[hint]
