"""Examples that say what they show are run as they stand, and one that does not hold is said with what it showed."""

from __future__ import annotations

import json
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
        "  5 of 5 tool lines are exercised by an example.\n"
        "  0 of 6 limit lines are exercised by an example.\n"
        "  0 of 1 file lines are exercised by an example.\n"
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


_EVERYTHING = """\
version: 1
name: desk
language:
  restricted: true
  imports:
    - {module: json, why: "answers come as text"}
    - {module: math, why: "sums", deny: [sqrt, cos]}
tools:
  "*": {why: "a test"}
  search: {why: "a test", max_calls: 2, timeout_seconds: 5, max_result_kb: 1, max_argument_kb: 1}
  refund: {why: "a test", approval: ask, when: "0 < amount <= 100", redact: [amount, return]}
  often: {why: "a test", rate: 1/minute}
  seldom: {why: "a test", max_session_calls: 1}
  gone: {why: "a test", deny: true}
limits: {memory_mb: 64, state_mb: 1, wall_seconds: 0.4, output_kb: 1, workspace_mb: 1, workspace_files: 2, source_kb: 1, tool_calls: 3}
filesystem: {workspace: rw, read: [{path: /usr/share, why: "a test"}, {path: /etc/hostname, why: "a test"}]}
output: {on_limit: kill}
agent: {max_turns: 3}
examples:
  - {allow: "import json"}
  - {deny: "import math\\nmath.sqrt(2)", rule: G402}
  - {allow: "[search(q) for q in 'abc']", raises: ToolError, tools: {search: []}}
  - {allow: "search('a')", raises: ToolError, tools: {search: LONG}}
  - {allow: "search('a' * 2000)", raises: ToolError, tools: {search: []}}
  - {allow: "refund('A-1', amount=50)", value: "'done'", tools: {refund: done}}
  - {allow: "refund('A-1', amount=500)", raises: ToolError, tools: {refund: done}}
  - {allow: "often(), often()", raises: ToolError, tools: {often: 1}}
  - {allow: "seldom(), seldom()", raises: ToolError, tools: {seldom: 1}}
  - {allow: "[other() for n in range(4)]", raises: ToolError, tools: {other: 3}}
  - {allow: "gone()", raises: NameError}
  - {allow: "b'x' * 100_000_000", raises: MemoryError}
  - {allow: "x = b'y' * 3_000_000\\n1", value: "1"}
  - {allow: "while True: pass", raises: ActionTimeout}
  - {allow: "print('x' * 2000)", raises: output_exceeded}
  - {allow: "for n in 'abcd':\\n    open(n, 'w').close()", raises: workspace_exceeded}
  - {allow: "open('a', 'wb').write(b'x' * 2_000_000)", raises: OSError}
  - {allow: "open('a', 'w').write('x')", value: "1"}
  - {allow: "len(open('/usr/share/FILE').read(1))", value: "1"}
  - {deny: "SOURCE", rule: G101}
"""


def test_coverage_knows_every_line_that_an_example_can_exercise_and_who_proves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "desk.yaml"
    readable = next(
        str(path)[11:] for path in sorted(Path("/usr/share").rglob("*")) if path.is_file() and path.stat().st_size
    )
    text = _EVERYTHING.replace("LONG", "x" * 2000).replace("SOURCE", "1 # " * 300).replace("FILE", readable)
    file.write_text(text)
    assert policy_test([str(file)], coverage=True) == 0
    said = capsys.readouterr().out
    assert [line.strip() for line in said.splitlines() if line.startswith("    ")] == [
        "desk.yaml:7: language.imports.math", "desk.yaml:7: language.imports.math.deny.cos", "default: limits.cpu_seconds",
        "desk.yaml:16: filesystem.read./etc/hostname",
    ]  # fmt: skip
    assert [line for line in said.splitlines() if line.startswith("  No example can exercise ")] == [
        "  No example can exercise tools.search.timeout_seconds: the tools of an example answer at once.",
        "  No example can exercise tools.refund.redact: `safe-codeact trail show` has what is left of a call.",
        "  No example can exercise isolation.seccomp, isolation.landlock, isolation.namespaces, isolation.cgroup: "
        f"`safe-codeact doctor --policy {file}` proves them.",
        "  No example can exercise isolation.zygote: an example is one session.",
        "  No example can exercise agent.max_turns, agent.context_tokens: the agent's loop keeps to them, and an example has none.",
    ]
    assert policy_test([str(file)], as_json=True) == 0
    lines = {line["path"]: line for line in json.loads(capsys.readouterr().out)["policies"][0]["lines"]}
    assert lines["tools.refund.when"] == {
        "path": "tools.refund.when",
        "place": "desk.yaml:11",
        "exercised": True,
        "elsewhere": None,
    }
    assert lines["isolation.seccomp"]["exercised"] is None
    kept = text.index("examples:")
    file.write_text(text[:kept])  # a check that has never failed has not been tested
    assert policy_test([str(file)], as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert {line["exercised"] for line in document["policies"][0]["lines"]} == {None, False}


def test_a_formula_exercises_what_only_formulas_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "formulas.yaml"
    examples = '  - {allow: "1 + 1"}\n', '  - {deny: "lambda x: x"}\n  - {allow: "def f(x):\\n    return x\\nf(1)"}\n'
    for extra, exercised in (("", [False, False]), (examples[1], [True, True])):
        file.write_text(
            f"version: 1\nlanguage: {{interpreter: expression, functions: true}}\nexamples:\n{examples[0]}{extra}"
        )
        assert policy_test([str(file)], as_json=True) == 0
        lines = {
            line["path"]: line["exercised"] for line in json.loads(capsys.readouterr().out)["policies"][0]["lines"]
        }
        assert [lines["language.interpreter"], lines["language.functions"]] == exercised


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
