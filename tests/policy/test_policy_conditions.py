"""A condition over arguments says yes, no, or that it makes no sense; and then the call is refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.policy.conditions import InvalidCondition, Unmet, parse


def _holds(text: str, **arguments: Any) -> bool:
    return parse(text).holds(arguments)


@dataclasses.dataclass
class Order:
    total: float
    items: list[str]


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("amount <= 100", {"amount": 100}, True),
        ("amount <= 100", {"amount": 100.01}, False),
        ("0 < amount <= 100 and currency in ['EUR', 'USD']", {"amount": 5, "currency": "EUR"}, True),
        ("0 < amount <= 100 and currency in ['EUR', 'USD']", {"amount": 5, "currency": "GBP"}, False),
        ("currency not in ['EUR']", {"currency": "USD"}, True),
        ("not (amount > 100)", {"amount": 5}, True),
        ("amount == -5 or amount == 5.5", {"amount": -5}, True),
        ("len(query) <= 3", {"query": "tea"}, True),
        ("len(query) <= 3", {"query": "teas"}, False),
        ("len(ids) > 0 and 3 in ids", {"ids": [1, 3]}, True),
        ("'@example.com' in to", {"to": "a@example.com"}, True),
        ("order.total < 10 and 'x' in order.items", {"order": Order(5.0, ["x"])}, True),
        ("order.total < 10", {"order": {"total": 50}}, False),
        ("dry_run", {"dry_run": True}, True),
        ("dry_run == true", {"dry_run": False}, False),
        ("note == none or note != ''", {"note": None}, True),
        ('name == "o\'clock"', {"name": "o'clock"}, True),
        ("((((amount == 1))))", {"amount": 1}, True),
    ],
)
def test_a_condition_says_yes_or_no(text: str, arguments: dict[str, Any], expected: bool) -> None:
    assert _holds(text, **arguments) is expected


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("amount <= 100", {"amount": "5"}),
        ("amount <= 100", {"amount": math.nan}),
        ("not (amount > 100)", {"amount": math.nan}),
        ("not amount > 100", {"amount": "5"}),
        ("amount <= 100 or currency == 'EUR'", {"amount": "5", "currency": "EUR"}),
        ("currency == 'EUR' or amount <= 100", {"amount": None, "currency": "EUR"}),
        ("amount <= 100", {"amount": True}),
        ("amount == 1", {"amount": True}),
        ("amount != '5'", {"amount": 5}),
        ("amount", {"amount": 1}),
        ("not note", {"note": ""}),
        ("amount <= 100", {}),
        ("order.total < 5", {"order": 3}),
        ("order.count < 5", {"order": [1]}),
        ("order.append == 5", {"order": []}),
        ("order.upper == 'x'", {"order": "x"}),
        ("len(amount) == 1", {"amount": 5}),
        ("5 in amount", {"amount": 5}),
        ("true in ids", {"ids": [1, 2]}),
        ("3 in ids", {"ids": [3, "4"]}),
        ("order == 5", {"order": Order(5.0, [])}),
        ("none < 5", {}),
    ],
)
def test_what_makes_no_sense_refuses_also_under_not_and_or(text: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Unmet):
        _holds(text, **arguments)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it ends where"),
        ("amount <=", "column 10: it ends where"),
        ("amount 5", "column 8: expected `and`, `or` or the end, got '5'"),
        ("amount <= 100 &", "column 15: '&' has no meaning here"),
        ("__import__('os')", "expected `and`, `or` or the end, got '('"),
        ("order.__class__ == 1", "expected the name of a field, got '__class__'"),
        ("lambda: 1", "column 7: ':' has no meaning here"),
        ("f(x)", "expected `and`, `or` or the end, got '('"),
        ("x[0] == 1", "expected `and`, `or` or the end, got '['"),
        ("a = 1", "column 3: '=' has no meaning here"),
        ("'a\\x' == a", "has no meaning here"),
        ("a == 'b", "has no meaning here"),
        ("a in [1, 2", "it ends where"),
        ("and", "expected a parameter or a value, got 'and'"),
        ("a == 10**10", "has no meaning here"),
        ("аmount <= 1", "has no meaning here"),  # the first letter is Cyrillic
        ("(" * 30 + "a" + ")" * 30, "nested deeper than 20 levels"),
        ("not " * 30 + "a", "nested deeper than 20 levels"),
        ("a == 1 or " * 120 + "a", "more than 1000"),
    ],
)
def test_a_text_that_is_no_condition_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidCondition) as raised:
        parse(text)
    assert said in str(raised.value)


def test_the_parameters_that_it_asks_about_are_known() -> None:
    assert parse("a <= 1 and len(b) > 2 or c.d == 'e'").names == {"a", "b", "c"}


_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats()
    | st.text("ab", max_size=2)
    | st.lists(st.integers(0, 3), max_size=2)
)
_OPERANDS = st.sampled_from(["a", "b", "c", "1", "2.5", "'a'", "true", "none", "[1, 2]", "len(c)"])
_SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
_CONDITIONS = st.recursive(
    st.tuples(_OPERANDS, _SIGNS, _OPERANDS).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map("not ({})".format),
        inner.map("({})".format),
    ),
    max_leaves=5,
)  # fmt: skip


@given(_CONDITIONS, _VALUES, _VALUES, _VALUES)
@settings(max_examples=500, deadline=None)
def test_a_condition_that_makes_sense_says_what_python_says(text: str, a: Any, b: Any, c: Any) -> None:
    try:
        said = _holds(text, a=a, b=b, c=c)
    except Unmet:
        return
    names = {"a": a, "b": b, "c": c, "true": True, "none": None, "len": len}
    assert said == bool(eval(text, {"__builtins__": {}}, names))


@given(st.text("ab01 ()[].,<>=!'\"notindrle-", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_condition_or_invalid_and_any_arguments_get_an_answer(text: str) -> None:
    try:
        condition = parse(text)
    except InvalidCondition:
        return
    try:
        assert condition.holds({"a": 1, "b": "b"}) in (True, False)
    except Unmet:
        return
