"""Async tools run at the same time; whatever an action does with them, every call is answered and recorded once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, Policy, Runtime, tool
from safe_codeact.host.exchange import Background

POLICY = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "language": {"imports": [{"module": "asyncio", "why": "a test"}]},
        "tools": {
            "meet": {"why": "a test", "max_calls": 60}, "double": {"why": "a test"}, "fail": {"why": "a test"},
            "scarce": {"why": "a test", "max_calls": 3}, "slow": {"why": "a test", "timeout_seconds": 0.2},
        },
    }
)  # fmt: skip


class Meeting:
    """Async tools that come back only when so many of them are at work."""

    def __init__(self) -> None:
        self.most = 0
        self._present = 0
        self._lock = threading.Lock()

    def tools(self) -> list[Any]:
        @tool
        async def meet(name: str, expected: int) -> str:
            """Comes back when `expected` are here."""
            with self._lock:
                self._present += 1
                self.most = max(self.most, self._present)
            for _ in range(10_000):
                if self.most >= expected:
                    break
                await asyncio.sleep(0.002)
            await asyncio.sleep(0.01)
            with self._lock:
                self._present -= 1
            return name.upper()

        @tool
        async def scarce(n: int) -> int:
            """May be called three times."""
            return n

        @tool
        async def fail() -> None:
            """Raises."""
            raise LookupError("no such order")

        @tool
        async def slow() -> None:
            """Takes longer than it may."""
            await asyncio.sleep(60)

        @tool
        def double(n: int) -> int:
            """Twice a number."""
            return 2 * n

        return [meet, scarce, fail, slow, double]


@pytest.fixture(scope="module")
def meeting() -> Meeting:
    return Meeting()


@pytest.fixture(scope="module")
def runtime(meeting: Meeting) -> Iterator[Runtime]:
    with Runtime(POLICY, tools=meeting.tools()) as made:
        yield made


PROGRAMS = {
    "gathered": ("async def main():\n    return await asyncio.gather(meet('a', 3), meet('b', 3), meet('c', 3))", "['A', 'B', 'C']"),
    "more than may be outstanding": (
        "async def main():\n    return len(await asyncio.gather(*(meet(str(n), 15) for n in range(40))))", "40"),
    "a sync tool meanwhile": (
        "async def main():\n    task = asyncio.create_task(meet('a', 1))\n    await asyncio.sleep(0)\n    return double(2), await task",
        "(4, 'A')"),
    "one that fails among others": (
        "async def main():\n    return await asyncio.gather(fail(), meet('a', 1), return_exceptions=True)",
        "[ToolError('LookupError: no such order'), 'A']"),
    "one that takes too long among others": (
        "async def main():\n    return await asyncio.gather(slow(), meet('a', 1), return_exceptions=True)",
        "[ToolError('slow took longer than it may'), 'A']"),
    "given up by the action": (
        "async def main():\n    try:\n        await asyncio.wait_for(slow(), 0.01)\n    except asyncio.TimeoutError:\n        return 'late'",
        "'late'"),
    "left behind": (
        "async def main():\n    asyncio.create_task(meet('a', 1))\n    await asyncio.sleep(0.01)\n    return 'left'", "'left'"),
    "beyond the budget": (
        "async def main():\n    answers = await asyncio.gather(*(scarce(n) for n in range(9)), return_exceptions=True)\n"
        "    return sum(type(answer) is int for answer in answers)", "3"),
    "arguments that cannot be carried": (
        "async def main():\n    answers = await asyncio.gather(meet(object(), 1), meet('a', 1), return_exceptions=True)\n"
        "    return type(answers[0]).__name__, answers[1]", "('TypeError', 'A')"),
    "without a loop": ("async def main():\n    pass\nvalue = meet('a', 1)", "None"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "value"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_async_tools_run_at_once_and_each_is_answered(
    runtime: Runtime, meeting: Meeting, source: str, value: str
) -> None:
    meeting.most = 0
    session = runtime.session()
    observation = session.run(f"import asyncio\n{source}\nasyncio.run(main())")
    assert observation.outcome == "completed", observation.text
    assert (observation.value or "None") == value
    assert session.run("double(21)").value == "42"


def test_in_an_event_loop_they_do_the_same() -> None:
    meeting = Meeting()

    async def flow() -> None:
        async with AsyncRuntime(POLICY, tools=meeting.tools()) as runtime:
            for source, value in PROGRAMS.values():
                meeting.most = 0
                session = await runtime.session()
                observation = await session.run(f"import asyncio\n{source}\nasyncio.run(main())")
                assert observation.outcome == "completed", observation.text
                assert (observation.value or "None") == value
                assert (await session.run("double(21)")).value == "42"

    asyncio.run(flow())


def test_records_are_in_the_order_of_the_calls_whatever_order_they_end_in(runtime: Runtime, meeting: Meeting) -> None:
    meeting.most = 0
    observation = runtime.session().run(
        "import asyncio\nasync def main():\n    await asyncio.gather(*(meet(str(n), 12) for n in range(12)))\n"
        "asyncio.run(main())"
    )
    assert [call.arguments["name"] for call in observation.tool_calls] == [str(n) for n in range(12)]
    assert meeting.most == 12


def test_a_tool_that_comes_back_after_its_conversation_rings_nobody() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        background = Background(ours)
        late: Future[Any] = Future()
        background.add(late)
        background.close()
        late.set_result("late")
