"""`approval: ask`: who is asked, what they see, what their answer does, and whose time it costs."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, Decision, Policy, Runtime, ToolCall, tool

_PAID: list[tuple[Any, ...]] = []
NO_TIME = 0.6  # seconds of the action's own


@tool
def pay(amount: int, /, to: str = "ada", *notes: str, urgent: bool = False, **more: int) -> str:
    """Pays."""
    _PAID.append((amount, to, notes, urgent, more))
    return f"paid {amount}"


@tool
async def pay_later(amount: int) -> str:
    """Pays, asynchronously."""
    _PAID.append((amount,))
    return f"paid {amount}"


@tool
def look(n: int) -> int:
    """Needs nobody."""
    return n


_LINE = {"why": "a test", "approval": "ask", "approval_seconds": 20.0, "when": "amount <= 100"}
POLICY = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "language": {"imports": [{"module": "asyncio", "why": "a test"}]},
        "tools": {"pay": _LINE, "pay_later": _LINE, "look": {"why": "a test"}, "pay_now": {**_LINE, "approval_seconds": 0.1}},
        "filesystem": {"workspace": "rw", "read": [{"path": "/usr/share/dict", "why": "words"}]},
    }
)  # fmt: skip
Approver = Callable[[ToolCall], Any]
Run = Callable[..., Any]
TOOLS = [pay, pay_later, look, tool(functools.partial(pay), name="pay_now")]


class Asked:
    """Passes each question to whom the test says."""

    who: Approver

    def __call__(self, call: ToolCall) -> Any:
        return self.who(call)


@pytest.fixture(scope="module")
def blocking() -> Iterator[Run]:
    asked = Asked()
    with Runtime(POLICY, tools=TOOLS, approve=asked, standby=1) as runtime:

        def run(approve: Approver, source: str, timeout: float | None = None) -> Any:
            asked.who = approve
            return runtime.session().run(source, timeout=timeout)

        yield run


@pytest.fixture(scope="module")
def in_a_loop() -> Iterator[Run]:
    asked = Asked()
    with asyncio.Runner() as runner:
        runtime = AsyncRuntime(POLICY, tools=TOOLS, approve=asked, standby=1)

        async def one(source: str, timeout: float | None) -> Any:
            return await (await runtime.session()).run(source, timeout=timeout)

        def run(approve: Approver, source: str, timeout: float | None = None) -> Any:
            asked.who = approve
            return runner.run(one(source, timeout))

        yield run
        runner.run(runtime.close())


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    made: Run = request.getfixturevalue(request.param)
    return made


BOTH = pytest.mark.parametrize("run", ["blocking", "in_a_loop"], indirect=True)


def _saying(**decision: Any) -> Approver:
    return lambda _call: Decision(**decision)


def _async_saying(**decision: Any) -> Approver:
    async def approve(_call: ToolCall) -> Decision:
        await asyncio.sleep(0.01)
        return Decision(**decision)

    return approve


ANSWERS: dict[str, tuple[Approver, str]] = {
    "yes": (_saying(approved=True), "paid 5"),
    "yes, asynchronously": (_async_saying(approved=True), "paid 5"),
    "no": (_saying(approved=False, reason="too much"), "pay was rejected: too much"),
    "no, asynchronously": (_async_saying(approved=False), "pay was rejected"),
    "less": (_saying(approved=True, arguments={"amount": 3}), "paid 3"),
    "more than the policy allows": (_saying(approved=True, arguments={"amount": 300}), "pay may only be called when amount <= 100"),
    "what does not fit": (
        _saying(approved=True, arguments={"amount": "much"}),
        "pay was approved with other arguments, and they do not fit: pay: amount: Input should be a valid integer",
    ),
    "all of it": (
        _saying(approved=True, arguments={"amount": 1, "more": {"sum": 2}, "notes": ["a", "b"], "urgent": True}), "paid 1"
    ),
    "what it does not take": (
        _saying(approved=True, arguments={"amount": 1, "sum": 2}),
        "pay was approved with other arguments, and they do not fit: pay: there is no parameter 'sum'",
    ),
    "too little": (_saying(approved=True, arguments={}), "pay was approved with other arguments, and they do not fit: pay: missing"),
    "not a decision": (_saying(approved=True).__class__, "pay needs a person's approval, and asking for it failed"),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize(("approve", "said"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_decides_about_the_call(run: Run, approve: Approver, said: str) -> None:
    _PAID.clear()
    observation = run(approve, "try: print(pay(5))\nexcept ToolError as error: print(error)")
    assert observation.stdout.startswith(said), observation.text
    assert len(_PAID) == said.startswith("paid")
    [record] = observation.tool_calls
    assert record.outcome == ("returned" if _PAID else "rejected")
    if _PAID:
        assert record.arguments["amount"] == _PAID[0][0]


def test_edited_arguments_of_every_kind_arrive_and_are_what_is_recorded(blocking: Run) -> None:
    _PAID.clear()
    edited = {"amount": 1, "to": "eve", "notes": ("a", "b"), "urgent": "yes", "more": {"vat": "3"}}
    observation = blocking(_saying(approved=True, arguments=edited), "pay(5, 'bob', 'x', vat=1)")
    assert _PAID == [(1, "eve", ("a", "b"), True, {"vat": 3})]
    assert observation.tool_calls[0].arguments == {
        "amount": 1, "to": "eve", "notes": ("a", "b"), "urgent": True, "more": {"vat": 3}
    }  # fmt: skip


@BOTH
def test_the_approver_sees_the_validated_call_and_what_else_the_action_could_do(run: Run) -> None:
    seen: list[ToolCall] = []

    def approve(call: ToolCall) -> Decision:
        seen.append(call)
        call.arguments["amount"] = 99  # its own copy
        return Decision(approved=True)

    _PAID.clear()
    source = "import asyncio\nopen('note.txt', 'w').write('x')\nif False:\n    look(1)\npay('7', to='bob')"
    assert run(approve, source).outcome == "completed"
    [call] = seen
    assert (call.name, call.arguments["to"], _PAID[0][0]) == ("pay", "bob", 7)
    assert call.preview is not None
    assert call.preview.source == source
    assert (call.preview.tools, call.preview.imports) == (("look", "pay"), ("asyncio",))
    assert (call.preview.workspace, call.preview.readable) == ("rw", ("/usr/share/dict",))


@BOTH
@pytest.mark.parametrize("name", ["pay", "pay_later"])
def test_the_action_s_clock_stands_still_while_a_person_thinks(run: Run, name: str) -> None:
    def approve(_call: ToolCall) -> Decision:
        time.sleep(0.9)
        return Decision(approved=True)

    observation = run(approve, f"print({name}(1))\nsum(range(1000))", NO_TIME)
    assert (observation.outcome, observation.stdout) == ("completed", "paid 1\n"), observation.text
    awaited = (
        f"import asyncio\nasync def main():\n    return await {name}(1)\nasyncio.run(main())"
        if "later" in name
        else "1"
    )
    assert run(approve, awaited, NO_TIME).outcome == "completed"


@BOTH
def test_and_goes_on_afterwards(run: Run) -> None:
    observation = run(_saying(approved=True), "pay(1)\nwhile True: pass", NO_TIME)
    assert observation.outcome == "timed_out"
    assert "longer than 0.6 seconds" in observation.text


@BOTH
def test_a_person_who_does_not_answer_in_time_has_not_said_yes(run: Run) -> None:
    goes_on = threading.Event()

    def approve(_call: ToolCall) -> Decision:
        goes_on.wait(20)
        return Decision(approved=True)

    _PAID.clear()
    observation = run(approve, "try: pay_now(1)\nexcept ToolError as error: print(error)\nlook(3)")
    goes_on.set()
    assert observation.stdout == "pay_now needs a person's approval, and nobody gave it within 0.1 seconds\n"
    assert observation.value == "3"
    assert _PAID == []


def test_nobody_is_asked_about_a_call_that_could_not_be_made(blocking: Run) -> None:
    asked: list[ToolCall] = []

    def approve(call: ToolCall) -> Decision:
        asked.append(call)
        return Decision(approved=True)

    for call in ("pay()", "pay('x')", "pay(101)", "pay(5, 6, 7)"):
        assert blocking(approve, call).outcome == "raised"
    assert asked == []


def test_two_calls_are_two_questions_in_their_order(blocking: Run) -> None:
    asked: list[int] = []

    def approve(call: ToolCall) -> Decision:
        asked.append(call.arguments["amount"])
        return Decision(approved=len(asked) == 2)

    program = (
        "import asyncio\nasync def main():\n    return await asyncio.gather(pay_later(1), pay_later(2), return_exceptions=True)\n"
        "asyncio.run(main())"
    )
    observation = blocking(approve, program)
    assert asked == [1, 2]
    assert observation.value == "[ToolError('pay_later was rejected'), 'paid 2']"


def test_without_an_approver_asking_means_refusing() -> None:
    with Runtime(POLICY, tools=TOOLS, standby=0) as runtime:
        observation = runtime.session().run("pay(5)")
    assert observation.error is not None
    assert observation.error.message == "pay needs a person's approval, and nobody is there to give it"
