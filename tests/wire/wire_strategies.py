"""Strategies that the wire's tests share: plain values, and for every message type the fields that its shape allows."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from safe_codeact.wire import kinds as k
from safe_codeact.wire.shapes import BY_TYPE, SHAPES, Shape

QUICK = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
THOROUGH = settings(QUICK, max_examples=150)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-300, 300)
    | st.sampled_from(
        [2**63, 2**63 - 1, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 2**800, -(2**800), 127, 128, -32, -33]
    )
    | st.floats()
    | texts
    | st.binary(max_size=40)
)
keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
plain_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.lists(inner, max_size=20).map(tuple)
        | st.dictionaries(keys, inner, max_size=18)
    ),
    max_leaves=30,
)
labels = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=4)


def fields_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values that `kind` accepts in a message's field."""
    return _FIELDS[type(kind)](kind)


def _path(kind: k.RelativePath) -> st.SearchStrategy[str]:
    return st.lists(
        labels.filter(lambda part: "/" not in part and part not in (".", "..")), min_size=1, max_size=4
    ).map("/".join)


_FIELDS: dict[type[Any], Any] = {
    k.Text: lambda kind: st.text(
        st.characters(exclude_categories=["Cs"]), min_size=int(kind.filled), max_size=min(20, kind.max_bytes // 4)
    ),
    k.Label: lambda kind: labels,
    k.RelativePath: _path,
    k.Number: lambda kind: st.integers(-(2**63), 2**63 - 1) | st.floats(-1e18, 1e18),
    k.Blob: lambda kind: st.binary(max_size=min(60, kind.max_bytes)),
    k.Whole: lambda kind: st.integers(kind.low, kind.high),
    k.Real: lambda kind: st.floats(kind.low, kind.high, allow_nan=False),
    k.Flag: lambda kind: st.booleans(),
    k.Choice: lambda kind: st.sampled_from(kind.words),
    k.Plain: lambda kind: plain_values.filter(lambda value: within_int_bound(value, kind.bounds.max_int_bytes)),
    k.Optional: lambda kind: st.none() | fields_of(kind.kind),
    k.ListOf: lambda kind: st.lists(fields_of(kind.kind), max_size=min(4, kind.max_items)),
    k.TextMap: lambda kind: st.dictionaries(labels, fields_of(kind.kind), max_size=min(4, kind.max_items)),
    k.Record: lambda kind: st.fixed_dictionaries({name: fields_of(part) for name, part in kind.fields.items()}),
    k.Instance: lambda kind: st.builds(kind.type, **{name: fields_of(part) for name, part in kind.fields.items()}),
}


def within_int_bound(value: Any, max_int_bytes: int) -> bool:
    if type(value) is int:
        return -(2**63) <= value < 2**64 or value.bit_length() // 8 + 1 <= max_int_bytes
    if type(value) in (list, tuple):
        return all(within_int_bound(item, max_int_bytes) for item in value)
    if type(value) is dict:
        return all(within_int_bound(item, max_int_bytes) for pair in value.items() for item in pair)
    return True


def messages_of(shape: Shape) -> st.SearchStrategy[Any]:
    return st.builds(shape.type, **{field.name: fields_of(field.kind) for field in shape.fields})


messages = st.sampled_from(SHAPES).flatmap(messages_of)


def direction_of(message: Any) -> Any:
    return BY_TYPE[type(message)].direction


def is_same(one: Any, other: Any) -> bool:
    """Equal with the same types all the way down; NaN is itself, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if type(one) is float:
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if type(one) is dict and all(type(key) is str for key in one):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if type(one) is dict:
        return len(one) == len(other) and all(
            is_same(a, b) and is_same(one[a], other[b]) for a, b in zip(one, other, strict=True)
        )
    if hasattr(type(one), "__dataclass_fields__"):
        return all(is_same(getattr(one, name), getattr(other, name)) for name in type(one).__dataclass_fields__)
    return bool(one == other)
