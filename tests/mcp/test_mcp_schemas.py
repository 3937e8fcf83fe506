"""JSON Schemas of strangers as signatures: any text of a schema is a signature or `UnusableSchema`, and what is read is checked."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safe_codeact import tool
from safe_codeact.host.tool import Misused, Tool
from safe_codeact.schemas import UnusableSchema, describe

KEYS = (
    *(
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "$ref",
        "$defs",
        "default",
        "pattern",
    ),
    *(
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "additionalProperties",
    ),
    *("description", "title", "a", "b-c", "class"),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, -1, 1e308]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["object", "string", "integer", "number", "array", "null", "boolean", "#", "#/properties/a", "#/$defs/a", "(", "(?=a)", "[a-"]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4)},
    optional={"required": ANYTHING, "additionalProperties": ANYTHING, "$defs": ANYTHING},
)


def tool_of(schema, returns=None):
    described = describe(schema, returns)

    def call(*args, **kwargs):
        return args, kwargs

    call.__signature__ = described.signature
    return Tool.of(tool(call, name="call"))


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(SCHEMAS, ANYTHING),
    ANYTHING,
    st.dictionaries(st.sampled_from(["a", "b_c", "class_", "type"]), ANYTHING, max_size=3),
)
def test_any_schema_is_a_tool_or_unusable_and_any_call_is_bound_or_misused(schema, returns, arguments):
    if not isinstance(schema, dict):
        schema = {"type": "object", "properties": {"a": schema}}
    try:
        made = tool_of(schema, returns if isinstance(returns, dict) else None)
    except UnusableSchema:
        return
    assert len(made.shown) < 100_000
    with contextlib.suppress(Misused):
        made.bind((), arguments)


A_TABLE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
        "share": {"type": "number", "maximum": 1},
        "kind": {"enum": ["a", "b", None]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "place": {
            "type": "object",
            "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
            "required": ["x"],
            "additionalProperties": False,
        },
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
        "limit": {"type": "integer", "default": 5},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        ({"name": "ab"}, {"name": "AB"}),
        ({"name": "abcd"}, {"name": "abcde"}),
        ({"count": 9}, {"count": 10}),
        ({"count": 1}, {"count": True}),
        ({"share": 1}, {"share": 1.5}),
        ({"share": 0.5}, {"share": "0.5"}),
        ({"share": 0.5}, {"share": float("nan")}),
        ({"kind": None}, {"kind": "c"}),
        ({"tags": ["x", "y"]}, {"tags": ["x", "y", "z"]}),
        ({"tags": []}, {"tags": [1]}),
        ({"place": {"x": 1}}, {"place": {"y": 1}}),
        ({"place": {"x": 1, "y": 2}}, {"place": {"x": 1, "z": 2}}),
        ({"maybe": None}, {"maybe": 1}),
    ],
)
def test_what_is_read_of_a_schema_is_checked_from_both_sides(fits, does_not):
    made = tool_of(A_TABLE)
    made.bind((), {"name": "ab", **fits})
    with pytest.raises(Misused):
        made.bind((), {"name": "ab", **does_not})


def test_the_signature_is_typed_with_required_parameters_first():
    assert tool_of(A_TABLE, {"type": "array", "items": {"type": "integer"}}).shown == (
        "(name: str, count: int = ..., share: float = ..., kind: Literal['a', 'b', None] = ..., tags: list[str] = ..., "
        "place: dict = ..., maybe: Optional[bool] = None, limit: int = 5) -> list[int]"
    )


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        ({"type": "number", "maximum": 10**400}, "float"),
        ({"type": "integer", "minimum": -(10**400)}, "int"),
        ({"type": "number", "minimum": float("inf")}, "float"),
        ({"type": "string", "pattern": "(a{1000}){1000}"}, "str"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "str"),
        ({"enum": ["x" * 60 + str(number) for number in range(100)]}, "str"),
        ({"anyOf": [{"enum": [f"{'y' * 40}{number}{part}" for part in range(9)]} for number in range(50)]}, "Any"),
        (True, "Any"),
    ],
)
def test_an_odd_node_is_still_a_short_type(node, shown):
    assert tool_of({"type": "object", "properties": {"a": node}}).shown == f"(a: {shown} = ...)"
