"""Examples that say what they show are run as they stand, and one that does not hold is said with what it showed."""

from __future__ import annotations

from pathlib import Path

import pytest

from safe_codeact import InvalidPolicy, Policy
from safe_codeact.cli.acting import act
from safe_codeact.cli.policy_test import policy_test

_POLICY = """\
version: 1
name: desk
language: {imports: [{module: json, why: "answers come as text"}]}
limits: {memory_mb: 128, state_mb: 16}
tools:
  search: {why: "finding things by words", max_calls: 2}
  refund: {why: "support may refund", approval: ask, when: "0 < amount <= 100"}
examples:
  - {deny: "import os", rule: G401}
  - {allow: "search('tea')"}
  - {allow: "search('tea')[0]['price'] * 2", value: "7.0", tools: {search: [{price: 3.5}]}}
  - {allow: "[search(q) for q in 'abc']", raises: ToolError, tools: {search: []}}
  - {allow: "refund('A-1', amount=50)", value: "'done'", tools: {refund: done}}
  - {allow: "refund('A-1', amount=500)", raises: ToolError, tools: {refund: done}}
"""
_WRONG = """\
  - {allow: "1 + 1", value: "3"}
  - {allow: "1 / 0", value: "3"}
  - {allow: "1 + 1", raises: ZeroDivisionError}
  - {allow: "1 / 0", raises: KeyError}
  - {allow: "search('tea')", value: "[]"}
"""


def test_examples_are_run_with_the_tools_that_they_bring_and_the_policys_own_budgets_and_conditions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(_POLICY)
    assert policy_test([str(file)]) == 0
    assert capsys.readouterr().out == (
        f"{file}: 6 of 6 examples hold, 4 of them run.\n"
        "  0 of 1 import lines are exercised by an example.\n"
        "  2 of 2 tool lines are exercised by an example.\n"
    )
    file.write_text(_POLICY + _WRONG)
    assert policy_test([str(file)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split(": ", 1)[1] for line in said[:5]] == [
        "examples[6] is to show 3, and shows 2.",
        "examples[7] is to show 3, and ends otherwise (raised): ZeroDivisionError: division by zero.",
        "examples[8] is to raise ZeroDivisionError, and what it shows is completed, 2.",
        "examples[9] is to raise KeyError, and what it shows is ZeroDivisionError: division by zero.",
        "examples[10] is to show [], and ends otherwise (raised): ToolError: LookupError: the example says nothing of what search "
        "returns: tools: {search: …}.",
    ]
    assert said[0].startswith(f"{file}:15:5: ") or said[0].startswith("desk.yaml:15")
    assert said[5] == f"{file}: 6 of 11 examples hold, 9 of them run."


def test_a_policy_without_such_examples_starts_no_process() -> None:
    assert list(act(Policy.load("analysis"))) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"deny": "import os", "value": "1"}, "belongs to an `allow`: what is refused does not run."),
        ({"allow": "1", "value": "1", "raises": "KeyError"}, "has no place beside `value`"),
        ({"allow": "1", "tools": {"search": 1}}, "needs a `value` or `raises` to compare with"),
        ({"allow": "1", "value": "1", "tools": {"*": 1}}, 'must name each tool: "*" answers for none'),
        ({"allow": "1", "value": "1", "tools": {"a": "x" * 10_000}}, "an example is read by people"),
        ({"allow": "1", "raises": "not a name"}, "raises"),
    ],
)
def test_an_example_that_says_two_things_is_refused(line: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidPolicy, match="examples") as caught:
        Policy.from_dict({"version": 1, "name": "p", "examples": [line]})
    assert said in str(caught.value)


def test_what_tools_return_in_an_example_survives_the_way_through_yaml(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(_POLICY)
    policy = Policy.load(file)
    file.write_text(policy.to_yaml())
    assert Policy.load(file) == policy
