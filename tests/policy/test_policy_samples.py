"""What is said of a condition for all calls is true of every call that can be made up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.policy import conditions
from safe_codeact.policy.samples import calls_for, gained, holds, verdict

_ALWAYS = [
    "true",
    "1 <= 2",
    "amount >= 0 or amount < 0",
    "len(note) >= 0",
    "currency == 'EUR' or currency != 'EUR'",
    "not (a < b and b < a)",
    "note in ['a', 'b'] or note not in ['a', 'b']",
]
_NEVER = [
    "false",
    "2 < 1",
    "amount < 0 and amount > 10",
    "amount < 5 and not amount < 10",
    "currency == 'EUR' and currency == 'USD'",
    "len(note) > 5 and note == 'abc'",
    "a < b and b < c and c < a",
    "order.total > 10 and order.total < 5",
    "'x' in note and note in ['a', 'b']",
    "len(note) < 0",
]
_SOMETIMES = [
    "amount <= 100",
    "0 < amount <= 100 and currency in ['EUR', 'USD'] and not (note == '' or len(note) > 200)",
    "0 < a and a < b and b < 1",
    "a < b and b < c",
    "'a' in tags and 'c' in tags and not 'b' in tags",
    "'a' in note and 'b' in note and note != 'ab'",
    "note > 'a' and note < 'b'",
    "order.total <= 10 and order.currency == 'EUR'",
    "approved == true",
    "note == none",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (text, said)
        for said, texts in (("always", _ALWAYS), ("never", _NEVER), ("sometimes", _SOMETIMES))
        for text in texts
    ],
)
def test_a_condition_that_decides_nothing_is_known(text: str, expected: str) -> None:
    assert verdict(text) == expected


def test_nothing_is_claimed_of_more_parameters_than_can_be_tried() -> None:
    names = [f"p{number}" for number in range(12)]
    assert verdict(" and ".join(f"{name} > 5 and {name} < 3" for name in names)) == "unknown"
    assert verdict("len(note) > 50000 and len(note) < 40000") == "unknown"


_NUMBERS = st.sampled_from([-1, 0, 1, 2, 5, 100, 0.5])
_TEXTS = st.sampled_from(["", "a", "b", "ab", "EUR"])
_VALUES = st.one_of(
    _NUMBERS, _TEXTS, st.booleans(), st.none(), st.lists(_TEXTS, max_size=3), st.floats(), st.text(max_size=4)
)


def _written(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


_OPERANDS = st.one_of(
    st.sampled_from(["x", "y", "len(x)"]), _NUMBERS.map(_written), _TEXTS.map(_written),
    st.lists(_TEXTS.map(_written), max_size=3).map(lambda items: f"[{', '.join(items)}]"),
)  # fmt: skip
_COMPARISONS = st.builds(
    lambda one, sign, other: f"{one} {sign} {other}",
    _OPERANDS,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]),
    _OPERANDS,
)
_CONDITIONS = st.recursive(
    _COMPARISONS,
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.builds(lambda one, word, other: f"({one}) {word} ({other})", inner, st.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=3,
)


@settings(max_examples=300, deadline=None)
@given(_CONDITIONS, st.fixed_dictionaries({"x": _VALUES, "y": _VALUES}))
def test_no_call_contradicts_what_is_said_of_all_calls(text: str, arguments: dict[str, object]) -> None:
    said, answer = verdict(text), holds(conditions.parse(text), arguments)
    assert not (said == "never" and answer is True), (text, arguments)
    assert not (said == "always" and answer is False), (text, arguments)


def test_calls_are_arguments_with_fields_as_mappings() -> None:
    calls, complete = calls_for(conditions.parse("order.total > 5"))
    assert complete
    assert {"order": {"total": 6}} in calls


@pytest.mark.parametrize(
    ("old", "new", "gains", "loses"),
    [
        ("a <= 100", "a <= 200", True, False),
        ("a <= 100", "a >= 50", True, True),
        ("a <= 100", "not a > 100", False, False),
        ("a <= 100", None, True, False),
        (None, "a <= 100", False, True),
        (None, "a <= 100 or a > 100", False, False),
        ("a < 1 and a > 2", "x in ['a', 'b'] and y.z > 3", True, False),
        ("a <= 100", "a <= 100 and b == 'x'", False, True),
        ("a <= 100", "b == 'x'", True, True),
    ],
)
def test_a_condition_is_compared_with_another_by_the_calls_that_only_one_lets_through(
    old: str | None, new: str | None, gains: bool, loses: bool
) -> None:
    for narrow, wide, found in ((old, new, gains), (new, old, loses)):
        call, complete = gained(narrow, wide)
        assert complete
        assert (call is not None) is found
