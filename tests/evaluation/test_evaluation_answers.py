"""Whether an answer is the expected one."""

from __future__ import annotations

import pytest

from safe_codeact.evaluation.answers import Expected, is_expected


def number(value, tolerance=0.005):
    return Expected(kind="number", value=value, tolerance=tolerance)


def text(value, *others):
    return Expected(kind="text", value=value, others=others)


RIGHT = [
    (412.5, number(412.5)),
    ("412.5", number(412.5)),
    ("The total is 412.50 EUR.", number(412.5)),
    ("1,412.5", number(1412.5)),
    ("I added the orders of all four.\n\nTwo were lost.\n\n**Total: 412.5 EUR**", number(412.5)),
    ("**412.5 EUR**\n\nThat is the sum of all orders.\n\nAsk me for more.", number(412.5)),
    ("From 30 items, **412.5** are left", number(412.5)),
    ("−3.5 degrees", number(-3.5)),
    ({"total": 412.5}, number(412.5)),
    (0.1 + 0.2, number(0.3, 0.0)),
    ("1e3", number(1000)),
    ("oslo", text("Oslo")),
    ("**Oslo**.", text("Oslo")),
    ("The nearest city is Oslo.", text("Oslo", "Bergen")),
    (["Oslo"], text("Oslo")),
    ("555-0112", text("555-0112")),
    ([1, 2.0, "3"], Expected(kind="list", value=[1, 2, 3])),
    ("[1, 2, 3]", Expected(kind="list", value=[1, 2, 3])),
    ("100,200", Expected(kind="list", value=[100, 200])),
    ("100,200", number(100200)),
    ("1, 2 and 3", Expected(kind="list", value=[1, 2, 3])),
    ("The names are: Ada Lund, Bo Meyer", Expected(kind="list", value=["Ada Lund", "Bo Meyer"])),
    ("- b\n- a", Expected(kind="set", value=["a", "b"])),
    (("b", "a"), Expected(kind="set", value=["a", "b"])),
    ({"b", "a"}, Expected(kind="set", value=["a", "b"])),
    ([[1, "x"], (2, "y")], Expected(kind="list", value=[[1, "x"], [2, "y"]])),
]
WRONG = [
    (412.6, number(412.5)),
    (True, number(1)),
    ("412.5 of 500", number(412.5)),
    ("none", number(0)),
    ("The error is:\n  line 2\n    return (10 + 20 + 30) / n\nZeroDivisionError: division by zero", number(30)),
    (None, number(0)),
    (float("nan"), number(0)),
    (10**400, number(0)),
    ("9" * 100_000, number(9)),
    ("not Oslo but Bergen", text("Oslo", "Bergen")),
    ("Oslofjord", text("Oslo")),
    ("NV4010", text("NV401")),
    ("2025-01.5", text("2025-01")),
    (5, text("5a")),
    ([1, 3, 2], Expected(kind="list", value=[1, 2, 3])),
    ([1, 2], Expected(kind="list", value=[1, 2, 3])),
    ([1, 2, 3, 3], Expected(kind="set", value=[1, 2, 3])),
    (["a", "a"], Expected(kind="set", value=["a", "b"])),
    ({"a": 1, "b": 2}, Expected(kind="set", value=["a", "b"])),
    ("[" * 100_000, Expected(kind="list", value=[1])),
]


def _label(value: object) -> str:
    """The same in every process: a set's text is not."""
    return str(sorted(value, key=str) if isinstance(value, set) else value)[:40]


@pytest.mark.parametrize(("answer", "expected"), RIGHT, ids=_label)
def test_a_right_answer_counts_however_it_is_worded(answer, expected):
    """A value, its text, and a sentence with it in it."""
    assert is_expected(answer, expected)


@pytest.mark.parametrize(("answer", "expected"), WRONG, ids=_label)
def test_its_nearest_neighbour_does_not(answer, expected):
    """Another number, a longer word, two answers at once, a list with one more; and nothing here fails on odd values."""
    assert not is_expected(answer, expected)
