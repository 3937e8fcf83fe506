"""`when:` in a policy decides about each call, by its validated arguments, before the tool runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import InvalidPolicy, Policy, Runtime, Session, tool

_PAID: list[tuple[float, str]] = []


@tool
def refund(amount: float, currency: str = "EUR") -> str:
    """Pay money back."""
    _PAID.append((amount, currency))
    return "paid"


def _policy(when: str) -> Policy:
    return Policy.from_dict(
        {
            "version": 1,
            "name": "paying",
            "extends": "tools-only",
            "tools": {"refund": {"why": "support may", "when": when}},
        }
    )


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Runtime(_policy("0 < amount <= 100 and currency in ['EUR', 'USD']"), tools=[refund]) as runtime:
        yield runtime.session()


def test_a_call_that_meets_the_condition_goes_through_and_defaults_count(session: Session) -> None:
    _PAID.clear()
    assert session.run("refund(5), refund(amount=100, currency='USD')").value == "('paid', 'paid')"
    assert _PAID == [(5.0, "EUR"), (100.0, "USD")]


@pytest.mark.parametrize(
    "call",
    [
        "refund(100.01)",
        "refund(-5)",
        "refund(5, 'GBP')",
        "refund(float('nan'))",
        "refund(float('inf'))",
        "refund('1e3')",
        "refund(5, currency='eur')",
    ],
)
def test_a_call_that_does_not_meet_it_never_reaches_the_tool(session: Session, call: str) -> None:
    _PAID.clear()
    observation = session.run(f"try:\n    {call}\nexcept ToolError as error:\n    print(error)")
    assert "refund may only be called when 0 < amount <= 100" in observation.stdout, observation.text
    assert [record.outcome for record in observation.tool_calls] == ["rejected"]
    assert _PAID == []


def test_a_condition_about_a_parameter_that_does_not_exist_is_said_when_the_runtime_is_made() -> None:
    with pytest.raises(InvalidPolicy, match=r"tools.refund.when='amout <= 100' asks about 'amout'") as raised:
        Runtime(_policy("amout <= 100"), tools=[refund])
    assert "refund(amount: float" in str(raised.value)


@pytest.mark.parametrize("when", ["amount <", "__import__('os')", "amount = 5", "", 5])
def test_what_is_no_condition_is_no_policy(when: Any) -> None:
    with pytest.raises(InvalidPolicy, match="when"):
        _policy(when)
