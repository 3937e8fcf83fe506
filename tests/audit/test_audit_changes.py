"""A change of a policy is compared by meaning, and what is wider is shown by something that only the wider one allows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact import GateReport, Policy, check
from safe_codeact.audit.changes import Change, Direction, compare, is_wider
from safe_codeact.audit.explanation import as_markdown, as_text, explain
from safe_codeact.audit.knowledge import GRANTS, about, granted, residual, was_read
from safe_codeact.policy import shipped
from safe_codeact.policy.effective import ImportRule


def judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    return check(source, policy=policy, tools=tools)


def _policy(**sections: Any) -> Policy:
    return Policy.from_dict({"version": 1, **sections})


def _imports(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"language": {"imports": list(lines)}}


def _said(old: Policy, new: Policy) -> list[tuple[str, str]]:
    return [(change.direction.value, change.message) for change in compare(old, new, judge)]


_EMPTY: dict[str, Any] = {}
_REFUND = {"why": "support may refund", "max_calls": 1}
# (old, new, what widens); the other way round it narrows.
WIDENINGS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (_EMPTY, _imports({"module": "zlib"}), "zlib can be imported"),
    (_imports({"module": "math", "deny": ["sqrt"]}), _imports({"module": "math"}), "math.sqrt is no longer denied"),
    (
        _imports({"module": "os", "facade": True}),
        _imports({"module": "os"}),
        "os is the module itself, no longer the stand-in",
    ),
    (_EMPTY, {"language": {"restricted": False}}, "the gate is off: any Python runs"),
    ({"language": {"interpreter": "expression"}}, _EMPTY, "actions are Python instead of formulas"),
    (
        {"language": {"interpreter": "expression"}},
        {"language": {"interpreter": "expression", "functions": True}},
        "formulas may define functions",
    ),
    (_EMPTY, {"tools": {"refund": _REFUND}}, "refund exists inside"),
    ({"tools": {"*": {"why": "all of them"}, "refund": {"deny": True}}}, {"tools": {"*": {"why": "all of them"}}}, "refund exists inside"),
    (
        {"tools": {"refund": _REFUND}},
        {"tools": {"refund": {**_REFUND, "max_calls": 5}}},
        "refund: 5 calls per action instead of 1",
    ),
    (
        {"tools": {"refund": {**_REFUND, "max_session_calls": 5}}},
        {"tools": {"refund": _REFUND}},
        "refund: any number of calls per session instead of 5",
    ),
    (
        {"tools": {"refund": {**_REFUND, "max_session_calls": 5}}},
        {"tools": {"refund": {**_REFUND, "max_session_calls": 6}}},
        "refund: 6 calls per session instead of 5",
    ),
    (
        {"tools": {"refund": {**_REFUND, "rate": "10/minute"}}},
        {"tools": {"refund": {**_REFUND, "rate": "11/minute"}}},
        "refund: 11/minute rate of calls instead of 10/minute",
    ),
    (
        {"tools": {"refund": {**_REFUND, "rate": "10/hour"}}},
        {"tools": {"refund": {**_REFUND, "rate": "10/minute"}}},
        "refund: 10/minute rate of calls instead of 10/hour",
    ),
    (
        {"tools": {"refund": {**_REFUND, "max_argument_kb": 1}}},
        {"tools": {"refund": _REFUND}},
        "refund: 2048 KiB per call's arguments instead of 1",
    ),
    (
        {"tools": {"refund": {**_REFUND, "approval": "ask"}}},
        {"tools": {"refund": _REFUND}},
        "refund needs no approval any more",
    ),
    (
        {"tools": {"refund": {**_REFUND, "when": "amount <= 100"}}},
        {"tools": {"refund": {**_REFUND, "when": "amount <= 200"}}},
        "refund: `when` is 'amount <= 200' instead of 'amount <= 100'",
    ),
    (
        {"tools": {"refund": {**_REFUND, "when": "amount <= 100"}}},
        {"tools": {"refund": _REFUND}},
        "refund: `when` is nothing instead of 'amount <= 100'",
    ),
    ({"limits": {"memory_mb": 128}}, {"limits": {"memory_mb": 256}}, "memory_mb: 256 instead of 128"),
    (_EMPTY, {"filesystem": {"workspace": "ro"}}, "the workspace is 'ro' instead of 'none'"),
    (
        {"filesystem": {"read": [{"path": "/srv/data/2026"}]}},
        {"filesystem": {"read": [{"path": "/srv/data"}]}},
        "/srv/data can be read, with all that is below it",
    ),
    (_EMPTY, {"isolation": {"seccomp": "preferred"}}, "seccomp is preferred instead of required"),
    ({"output": {"on_limit": "kill"}}, _EMPTY, "past the limit, truncate instead of kill"),
    ({"agent": {"max_turns": 3}}, {"agent": {"max_turns": 4}}, "max_turns: 4 instead of 3"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WIDENINGS, ids=[message for *_, message in WIDENINGS])
def test_a_widening_is_said_and_the_way_back_is_a_narrowing(
    old: dict[str, Any], new: dict[str, Any], message: str
) -> None:
    before, now = _policy(**old), _policy(**new)
    assert ("widened", message) in _said(before, now)
    assert is_wider(compare(before, now, judge))
    back = compare(now, before, judge)
    assert back
    assert not is_wider(back)


@pytest.mark.parametrize("name", shipped.names())
def test_a_policy_compared_with_itself_is_unchanged(name: str) -> None:
    assert compare(Policy.load(name), Policy.load(name), judge) == []


def test_reasons_names_examples_and_order_are_no_change() -> None:
    one = _policy(name="one", **_imports({"module": "math", "why": "sums of numbers"}, {"module": "json"}))
    other = _policy(name="other", **_imports({"module": "json", "why": "tools answer in it"}, {"module": "math"}), examples=[{"allow": "1"}])  # fmt: skip
    assert compare(one, other, judge) == []


def test_a_denial_of_what_is_hidden_anyway_is_no_change() -> None:
    assert compare(_policy(**_imports({"module": "pandas", "deny": ["read_pickle"]})), _policy(**_imports({"module": "pandas"})), judge) == []  # fmt: skip


def test_a_condition_can_widen_and_narrow_at_once_each_with_its_call() -> None:
    old = _policy(tools={"refund": {**_REFUND, "when": "amount <= 100"}})
    new = _policy(tools={"refund": {**_REFUND, "when": "amount >= 50"}})
    changes = compare(old, new, judge)
    assert [change.direction for change in changes] == [Direction.WIDENED, Direction.NARROWED]
    assert all((change.witness or "").startswith("refund(amount=") and change.is_verified for change in changes)


def test_a_condition_of_which_nothing_can_be_said_is_taken_for_wider() -> None:
    old, new = (
        _policy(tools={"refund": {**_REFUND, "when": " and ".join(f"p{number} > {most}" for number in range(12))}})
        for most in (5, 6)
    )
    assert [(change.direction.value, change.is_verified) for change in compare(old, new, judge)] == [("widened", False)]


def test_a_condition_that_is_only_written_otherwise_is_no_change() -> None:
    old, new = (
        _policy(tools={"refund": {**_REFUND, "when": when}})
        for when in (
            "amount <= 100 and currency in ['EUR', 'USD']",
            "not amount > 100 and (currency == 'USD' or currency == 'EUR')",
        )
    )
    assert compare(old, new, judge) == []


@pytest.mark.parametrize(
    ("old", "new"), list(itertools.permutations(["analysis", "expression", "strict", "tools-only"], 2))
)
def test_every_widening_of_the_language_has_a_program_that_only_the_new_policy_allows(old: str, new: str) -> None:
    before, now = Policy.load(old), Policy.load(new)
    programs = [
        change
        for change in compare(before, now, judge)
        if change.section in ("language", "imports") and change.direction is Direction.WIDENED
    ]
    for change in programs:
        assert change.witness is not None, change
        assert change.is_verified
        assert not judge(change.witness, before, ()).allowed, change
        assert judge(change.witness, now, ()).allowed, change


_READ = {"filesystem": {"workspace": "rw", "read": [{"path": "/srv/data"}]}}
_SEARCH = {"search": {"why": "a test", "max_calls": 5}}


@pytest.mark.parametrize(
    ("old", "new", "witness"),
    [
        ({"limits": {"memory_mb": 64}}, {"limits": {"memory_mb": 128}}, "len(bytes(100_663_296))"),
        ({"limits": {"output_kb": 1}}, {"limits": {"output_kb": 3}}, "print('x' * 2_048)"),
        ({"limits": {"state_mb": 1}}, {"limits": {"state_mb": 3}}, "kept = bytes(2_097_152)"),
        ({"tools": _SEARCH, "limits": {"tool_calls": 3}}, {"tools": _SEARCH, "limits": {"tool_calls": 4}}, "[search() for _ in range(4)]"),
        ({"tools": _SEARCH}, {"tools": {"search": {"why": "a test", "max_calls": 6}}}, "[search() for _ in range(6)]"),
        ({"filesystem": {"workspace": "ro"}}, {"filesystem": {"workspace": "rw"}}, "open('a.txt', 'w')"),
        (_EMPTY, {"filesystem": {"workspace": "ro"}}, "open('a.txt')"),
        ({"filesystem": {"workspace": "rw"}}, _READ, "open('/srv/data')"),
        ({**_READ, "limits": {"workspace_mb": 1}}, {**_READ, "limits": {"workspace_mb": 3}}, "open('a', 'wb').write(bytes(2_097_152))"),
        ({**_READ, "limits": {"workspace_files": 1}}, {**_READ, "limits": {"workspace_files": 2}}, "for n in range(2):\n    open(str(n), 'w').close()"),
    ],
)  # fmt: skip
def test_a_bound_that_moved_has_a_program_that_comes_to_it(
    old: dict[str, Any], new: dict[str, Any], witness: str
) -> None:
    for there, direction in (((old, new), "widened"), ((new, old), "narrowed")):
        [change] = compare(*(_policy(**each) for each in there), judge)
        assert (change.direction.value, change.witness, change.is_verified) == (direction, witness, True)


def test_a_bound_that_no_program_comes_to_has_no_witness() -> None:
    for old, new in (
        ({"limits": {"tool_calls": 3}}, {"limits": {"tool_calls": 4}}),  # there is no tool
        ({"limits": {"workspace_mb": 1}}, {"limits": {"workspace_mb": 3}}),  # nor a workspace
        (
            {"limits": {"memory_mb": 64, "state_mb": 1}},
            {"limits": {"memory_mb": 64, "state_mb": 900}},
        ),  # nor the memory
        (
            {"tools": _SEARCH},
            {"tools": {"search": {"why": "a test", "max_calls": 500}}},
        ),  # more than all calls together
        (_EMPTY, {"limits": {"wall_seconds": 31}}),
    ):
        [change] = compare(_policy(**old), _policy(**new), judge)
        assert (change.witness, change.is_verified) == (None, False)


_LINES = st.lists(
    st.sampled_from(["math", "json", "numpy", "numpy.linalg", "os", "re", "collections", "zlib"]),
    unique=True,
    max_size=5,
)
_POLICIES = st.builds(
    lambda modules, restricted, memory, workspace, calls, denied: _policy(
        language={"restricted": restricted, "imports": [{"module": name, "deny": denied} for name in modules]},
        limits={"memory_mb": memory},
        filesystem={"workspace": workspace},
        tools={"search": {"max_calls": calls}},
    ),
    _LINES,
    st.booleans(),
    st.sampled_from([64, 128]),
    st.sampled_from(["none", "ro", "rw"]),
    st.sampled_from([1, 5]),
    st.sampled_from([[], ["name_that_is_hidden"]]),
)


def _mirrored(changes: list[Change]) -> tuple[int, int]:
    widened = sum(change.direction is Direction.WIDENED for change in changes)
    return widened, len(changes) - widened


@settings(max_examples=60, deadline=None)
@given(_POLICIES, _POLICIES)
def test_what_widens_one_way_narrows_the_other(old: Policy, new: Policy) -> None:
    there, back = _mirrored(compare(old, new, judge)), _mirrored(compare(new, old, judge))
    assert there == back[::-1]
    without_names = ("name", "examples")
    same = {k: v for k, v in old.to_plain().items() if k not in without_names} == {
        k: v for k, v in new.to_plain().items() if k not in without_names
    }
    if same:
        assert there == (0, 0)


_BASE = _policy(
    language={"imports": [{"module": "os", "facade": True}]},
    tools={"search": {"max_calls": 5, "when": "limit <= 5"}},
    filesystem={"workspace": "ro", "read": [{"path": "/srv/data"}]},
)
_GRANTS_NOTHING = {"version", "name", "examples", "why"}
_OTHER: dict[str, Any] = {
    "interpreter": "expression", "restricted": False, "functions": True, "workspace": "rw", "on_limit": "kill", "facade": False,
    "deny": ("getcwd",), "approval": "ask", "when": "limit <= 6", "module": "math", "path": "/srv", "zygote": "session",
    "seccomp": "off", "landlock": "off", "namespaces": "off", "cgroup": "off", "max_session_calls": 5, "rate": "5/minute",
    "redact": ("limit",),
}  # fmt: skip


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if dataclasses.is_dataclass(value):
        return [
            leaf
            for field in dataclasses.fields(value)
            for leaf in _leaves(getattr(value, field.name), (*path, field.name))
        ]
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        return _leaves(value[0], (*path, 0))
    return [path]


def _altered(value: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return None
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (_altered(value[0], rest),)
    held = getattr(value, step)
    if rest:
        return dataclasses.replace(value, **{step: _altered(held, rest)})
    if step in _OTHER:
        return dataclasses.replace(value, **{step: _OTHER[step]})
    return dataclasses.replace(value, **{step: (not held) if isinstance(held, bool) else f"{held}x" if isinstance(held, str) else held + 1})  # fmt: skip


_LEAVES = [leaf for leaf in _leaves(_BASE) if leaf[-1] not in _GRANTS_NOTHING and leaf[0] not in _GRANTS_NOTHING]


@pytest.mark.parametrize("leaf", _LEAVES, ids=lambda leaf: ".".join(map(str, leaf)))
def test_no_field_that_is_enforced_changes_unnoticed(leaf: tuple[str | int, ...]) -> None:
    """Also one that the policy gets next year: then this fails until the comparison knows it."""
    changed = _altered(_BASE, leaf)
    if leaf == ("language", "functions"):
        changed = dataclasses.replace(
            changed, language=dataclasses.replace(changed.language, interpreter="expression", imports=())
        )
        base = dataclasses.replace(_BASE, language=dataclasses.replace(changed.language, functions=False))
    else:
        base = _BASE
    assert compare(base, changed, judge)
    assert compare(changed, base, judge)


# ---- in plain words


@pytest.mark.parametrize("name", shipped.names())
def test_an_explanation_names_every_line_that_grants_something(name: str) -> None:
    policy = Policy.load(name)
    text = as_text(policy, explain(policy))
    if policy.language.restricted:
        for rule in policy.language.imports:
            assert f"  {rule.module} " in text
    else:
        assert "the gate is off" in text
    for tool in policy.tools:
        assert f"  {tool.name} " in text
    assert policy.digest in text
    profile = "computation" if policy.filesystem.workspace == "none" else "workspace"
    assert f"The profile `{profile}`" in " ".join(text.split())


def test_the_markdown_of_a_reason_stays_a_cell() -> None:
    policy = _policy(**_imports({"module": "math", "why": "sums | **bold** <b>x</b> [link](http://x) # head"}))
    row = next(line for line in as_markdown(policy, explain(policy)).splitlines() if line.startswith("| math"))
    assert row == r"| math | public names | sums \| \*\*bold\*\* \<b\>x\</b\> \[link\](http://x) # head | None known. |"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ImportRule(module="pickle"), "Runs code that the gate has not read: calls whatever functions its data names"),
        (ImportRule(module="os", facade=True), "A stand-in: only what is harmless is there."),
        (ImportRule(module="numpy"), "Native code: a memory error in it leaves the kernel layer alone."),
        (ImportRule(module="somepackage"), "Nobody has read it."),
        (ImportRule(module="math"), "None known."),
    ],
)
def test_the_residual_risk_of_a_module_is_said(rule: ImportRule, expected: str) -> None:
    assert expected in residual(rule)


def test_a_stand_in_or_a_denial_takes_a_grant_away_and_nothing_else_does() -> None:
    assert list(granted(ImportRule(module="os")))
    assert not list(granted(ImportRule(module="os", facade=True)))
    assert not list(granted(ImportRule(module="pandas")))  # the built-in list hides its readers of pickles
    assert list(granted(ImportRule(module="pickle", deny=("loads",))))
    assert about("importlib.util")
    assert not about("importlib.metadata")
    assert not about("urllib.parse")
    assert about("urllib.request")


def test_the_table_speaks_of_many_modules_and_every_shipped_one_was_read() -> None:
    assert len(GRANTS) > 200
    for name in shipped.names():
        assert [rule.module for rule in Policy.load(name).language.imports if not was_read(rule.module)] == []
