"""What calls may cost under a policy's lines: each budget lets its last call through, and not the next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, Policy, Runtime, tool
from safe_codeact.host.budget import Counter, Refusal, Spent
from safe_codeact.policy.effective import ToolRule
from safe_codeact.policy.rates import may_let_more_through, parse_rate

_MADE: list[str] = []
POLICY = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "language": {"imports": [{"module": "asyncio", "why": "a test"}]},
        "limits": {"tool_calls": 8},
        "tools": {
            "twice": {"why": "a test", "max_calls": 2}, "thrice": {"why": "a test", "max_session_calls": 3},
            "hourly": {"why": "a test", "rate": "4/hour"}, "small": {"why": "a test", "max_argument_kb": 1},
            "short": {"why": "a test", "max_result_kb": 1}, "many": {"why": "a test"}, "hasty": {"why": "a test", "timeout_seconds": 0.05},
            "apart": {"why": "a test", "max_session_calls": 3},
        },
    }
)  # fmt: skip


def _noting(name: str) -> Any:
    @tool(name=name)
    def noting(n: int = 0) -> int:
        _MADE.append(name)
        return n

    return noting


@tool
def small(text: str, more: str = "") -> int:
    _MADE.append("small")
    return len(text) + len(more)


@tool
def short(size: int) -> str:
    return "x" * size


@tool
async def apart(n: int) -> int:
    _MADE.append("apart")
    return n


@tool
async def hasty() -> None:
    await asyncio.sleep(60)


TOOLS = [_noting("twice"), _noting("thrice"), _noting("hourly"), _noting("many"), small, short, apart, hasty]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(POLICY, tools=TOOLS) as made:
        yield made


def _each(call: str, times: int) -> str:
    return f"for n in range({times}):\n    try: print({call})\n    except ToolError as error: print(error)"


EXCEEDED = {
    _each("twice(n)", 3): ["0", "1", "twice may be called 2 times per action, and was"],
    _each("many(n)", 9): [*map(str, range(8)), "an action may make 8 tool calls, and did"],
    _each("small('x' * (n * 900))", 2): ["0", "900"],
    _each("small('x' * (n * 1100))", 2): ["0", "small: the arguments have 1,106 bytes; its limit is 1 KiB (max_argument_kb)"],
    _each("small('x' * 600, more='y' * (n * 600))", 2): ["600", "small: the arguments have 1,214 bytes; its limit is 1 KiB (max_argument_kb)"],
    _each("len(short(1000 + n * 50))", 2): ["1000", "short returned 1,053 bytes; its limit is 1 KiB"],
    _each("hasty()", 1): ["hasty took longer than it may"],
}  # fmt: skip


@pytest.mark.parametrize(("source", "lines"), EXCEEDED.items(), ids=lambda value: str(value)[:40])
def test_what_is_over_a_budget_is_an_exception_and_a_record(runtime: Runtime, source: str, lines: list[str]) -> None:
    observation = runtime.session().run(source)
    assert observation.stdout.splitlines() == lines, observation.text
    assert len(observation.tool_calls) == len(lines)
    outcomes = ["timed_out" if "took" in line else "rejected" if " " in line else "returned" for line in lines]
    assert [record.outcome for record in observation.tool_calls] == outcomes


def test_an_exception_that_nobody_catches_ends_the_action_with_its_message(runtime: Runtime) -> None:
    observation = runtime.session().run("[twice(n) for n in range(3)]")
    assert observation.error is not None
    assert (observation.error.type, observation.error.message) == (
        "ToolError",
        "twice may be called 2 times per action, and was",
    )


def test_a_session_s_budget_is_spent_over_its_actions_and_no_other_session_s(runtime: Runtime) -> None:
    session, other = runtime.session(), runtime.session()
    assert session.run("thrice(1) + thrice(1)").value == "2"
    assert session.run(_each("thrice(7)", 2)).stdout.splitlines() == [
        "7",
        "thrice may be called 3 times per session, and was: no action of this session can call it any more",
    ]
    assert other.run("thrice(1) + thrice(1) + thrice(1)").value == "3"
    assert session.run("thrice(1)").outcome == "raised"


def test_going_back_gives_no_call_back_and_a_fork_begins_where_its_parent_was(runtime: Runtime) -> None:
    session = runtime.session()
    mark = session.checkpoint()
    assert session.run("thrice(1) + thrice(1)").value == "2"
    session.restore(mark)
    fork = session.fork()
    for each in (session, fork):  # one left for each, on its own from here
        assert each.run(_each("thrice(1)", 2)).stdout.splitlines()[0] == "1"
        assert each.run("thrice(1)").outcome == "raised"


def test_a_rate_holds_over_actions(runtime: Runtime) -> None:
    session = runtime.session()
    assert session.run("[hourly(n) for n in range(3)]").outcome == "completed"
    observation = session.run(_each("hourly(n)", 3))
    first, *others = observation.stdout.splitlines()
    assert first == "0"
    assert all(
        line.startswith("hourly may be called 4/hour, and was: the next call can be made in 3") for line in others
    )


def test_async_tools_side_by_side_do_not_slip_through_together(runtime: Runtime) -> None:
    _MADE.clear()
    program = (
        "import asyncio\nasync def main():\n    return await asyncio.gather(*(apart(n) for n in range(8)), return_exceptions=True)\n"
        "sum(type(answer) is int for answer in asyncio.run(main()))"
    )
    assert runtime.session().run(program).value == "3"
    assert _MADE == ["apart"] * 3


def test_in_an_event_loop_the_same_budgets_hold() -> None:
    async def flow() -> None:
        async with AsyncRuntime(POLICY, tools=TOOLS) as runtime:
            session = await runtime.session()
            assert (await session.run("thrice(1) + thrice(1)")).value == "2"
            assert (await session.run(_each("thrice(7)", 2))).stdout.startswith("7\nthrice may be called 3 times")
            assert (await session.run(_each("hasty()", 1))).stdout == "hasty took longer than it may\n"

    asyncio.run(flow())


# ---- the counting itself, on a clock of the test


def test_no_window_of_a_rate_s_length_has_more_calls_than_it_says() -> None:
    now = [0.0]
    spent, rule = Spent(lambda: now[0]), ToolRule(name="t", rate="3/minute")
    let_through: list[float] = []
    for step in range(2_000):
        now[0] = step * 1.7 % 61 + step * 0.9
        now[0] = max(now[0], let_through[-1] if let_through else 0.0)  # a clock does not go back
        try:
            spent.charge("t", rule)
        except Refusal:
            continue
        let_through.append(now[0])
    assert len(let_through) > 50
    for begin in let_through:
        assert sum(begin <= at < begin + 60 for at in let_through) <= 3


def test_what_is_refused_costs_the_session_nothing() -> None:
    now = [0.0]
    spent = Spent(lambda: now[0])
    rule = ToolRule(name="t", rate="1/minute", max_session_calls=2, max_calls=9)
    spent.charge("t", rule)
    for _ in range(5):
        with pytest.raises(Refusal, match="1/minute"):
            spent.charge("t", rule)
    now[0] = 60.0
    spent.charge("t", rule)
    now[0] = 600.0
    with pytest.raises(Refusal, match="2 times per session"):
        spent.charge("t", rule)


def test_a_call_that_is_made_again_is_counted_in_its_action_only() -> None:
    spent, rule = Spent(), ToolRule(name="t", max_session_calls=1, max_calls=2)
    first = Counter(9, spent)
    first.charge("t", rule)
    again = Counter(9, spent)
    again.charge("t", rule, again=True)
    with pytest.raises(Refusal, match="once per session"):
        again.charge("t", rule)
    again.charge("t", rule, again=True)
    with pytest.raises(Refusal, match="2 times per action"):
        again.charge("t", rule, again=True)


@pytest.mark.parametrize(
    "text", ["", "10", "0/minute", "10001/minute", "1/week", "-1/hour", "1.5/hour", " 1/hour", "1/hour\n", "١/hour"]
)
def test_what_is_no_rate_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number and a unit"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("now", "before", "wider"),
    [
        ("10/minute", "10/minute", False), ("11/minute", "10/minute", True), ("9/minute", "10/minute", False),
        ("10/hour", "10/minute", False), ("11/hour", "10/minute", True), ("1/minute", "59/hour", True), ("1/minute", "60/hour", False),
        (None, "1/day", True), ("1/day", None, False), (None, None, False),
    ],
)  # fmt: skip
def test_which_rate_lets_more_through(now: str | None, before: str | None, wider: bool) -> None:
    assert may_let_more_through(now, before) is wider
