"""Calls and values in text, read without a parser of Python."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.evaluation.literals import Call, NotLiteral, read_call, read_literal

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4) | st.tuples(inner, inner) | st.tuples(inner) | st.tuples(),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_python_writes_is_read_back(value):
    """`repr` of plain data is read as that data, to its end."""
    assert read_literal(repr(value)) == (value, len(repr(value)))


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, max_size=3), st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=3))
def test_a_call_written_out_is_read_as_itself(args, kwargs):
    """Positional and named arguments, in order."""
    call = Call("search", list(args), kwargs)
    assert read_call(call.source()) == (call, len(call.source()))


@settings(max_examples=300, deadline=None)
@given(st.text("f(x=[{'\"\\,: 1.e-_}])\nTrue", max_size=60))
def test_any_text_is_a_call_or_refused(text):
    """No other exception than `NotLiteral` comes out, whatever goes in; and what is read holds plain values only."""
    try:
        call, end = read_call(text)
    except NotLiteral:
        return
    assert 0 < end <= len(text)
    assert read_call(call.source())[0] == call


@pytest.mark.parametrize(
    "text",
    ["f(g(1))", "f(x)", "f(1 + 1)", "f(a=b)", "f(a=1, 2)", "f(a=1, a=2)", "f(", "f('", "f", "1", "f(*a)", "f([1 2])", "f({1})", "f(lambda: 1)", "f(1.2.3)"],
)  # fmt: skip
def test_what_composes_is_no_call_of_plain_values(text):
    """A call inside a call, a name, an operator: that is what code is for."""
    with pytest.raises(NotLiteral):
        read_call(text)


@pytest.mark.parametrize(
    "text", ["f(" + "[" * 200_000, "f('" + "\\" * 200_000, "f(" + "1," * 100_000, "f(" + "9" * 200_000, "f({" * 60_000]
)
def test_hostile_text_is_read_in_linear_time(text):
    """And without deep recursion: nothing but `NotLiteral` comes out of two hundred thousand characters."""
    with pytest.raises(NotLiteral):
        read_call(text)
