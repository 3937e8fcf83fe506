"""`max_workers` and `max_memory_mb`: past them actions wait in the order in which they were asked, and none waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, Policy, Runtime, tool
from safe_codeact.host.admission import Admission, places
from safe_codeact.host.launcher import Launcher

_PLAIN: dict[str, Any] = {"version": 1, "extends": "strict", "limits": {"memory_mb": 128}}
POLICY = Policy.from_dict(_PLAIN)
EACH_MB = 128 + 32 + 64  # limits.memory_mb, a quarter of it, and what saves the state


class Door:
    """A tool behind which actions stay until it is opened; it counts who is inside."""

    def __init__(self) -> None:
        self.open, self.entered = threading.Event(), threading.Semaphore(0)
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def tools(self) -> list[Any]:
        @tool
        def stay() -> int:
            """Comes back when the door is open."""
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            self.entered.release()
            self.open.wait(60)
            with self._lock:
                self.inside -= 1
            return 1

        return [stay]


def waiting_in_line(runtime: Runtime | AsyncRuntime, number: int) -> None:
    """Come back when so many stand in the runtime's line."""
    line = runtime._core._admission._line
    while len(line) != number:
        threading.Event().wait(0.005)


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.open.set()


def test_a_hundred_sessions_that_ask_at_once_all_get_their_answer_from_two_workers() -> None:
    with Runtime(POLICY, max_workers=2) as runtime:
        sessions = [runtime.session() for _ in range(100)]
        with ThreadPoolExecutor(len(sessions)) as pool:
            seen = list(pool.map(lambda session: session.run("1 + 1"), sessions))
        assert [observation.value for observation in seen] == ["2"] * 100
        assert len(runtime._core.launcher._alive) <= 2
        assert runtime._core._admission._line == type(runtime._core._admission._line)()


def test_no_more_actions_run_at_once_than_max_workers(door: Door) -> None:
    with Runtime(POLICY, tools=door.tools(), max_workers=2) as runtime, ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(runtime.session().run, "stay()") for _ in range(6)]
        waiting_in_line(runtime, 4)
        assert door.entered.acquire(timeout=60)
        assert door.entered.acquire(timeout=60)
        assert len(runtime._core.launcher._alive) == door.inside == 2
        door.open.set()
        assert [future.result().value for future in asked] == ["1"] * 6
        assert door.most == 2


def test_memory_bounds_them_as_well(door: Door) -> None:
    with Runtime(POLICY, tools=door.tools(), max_memory_mb=3 * EACH_MB - 1) as runtime, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(runtime.session().run, "stay()") for _ in range(3)]
        waiting_in_line(runtime, 1)
        door.open.set()
        assert [future.result().value for future in asked] == ["1"] * 3
        assert door.most <= 2


def test_who_asked_first_is_served_first_and_the_wait_is_in_the_usage(door: Door) -> None:
    with Runtime(POLICY, tools=door.tools(), max_workers=1) as runtime, ThreadPoolExecutor(4) as pool:
        first = pool.submit(runtime.session().run, "stay()")
        assert door.entered.acquire(timeout=60)
        asked = []
        for place in range(3):
            asked.append(pool.submit(runtime.session().run, "1"))
            waiting_in_line(runtime, place + 1)
        door.open.set()
        queued = [future.result().usage.queued_seconds for future in asked]
        assert queued == sorted(queued)
        assert queued[0] < queued[-1]
        assert first.result().value == "1"


def test_sessions_with_a_zygote_each_stand_in_one_line(door: Door) -> None:
    apart = Policy.from_dict({**_PLAIN, "isolation": {"zygote": "session"}})
    with Runtime(apart, tools=door.tools(), max_workers=1) as runtime, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(runtime.session().run, "stay()") for _ in range(2)]
        waiting_in_line(runtime, 1)
        door.open.set()
        assert [future.result().value for future in asked] == ["1", "1"]
        assert door.most == 1


def test_who_gives_up_waiting_gives_his_place_away(door: Door) -> None:
    async def main() -> str | None:
        async with AsyncRuntime(POLICY, tools=door.tools(), max_workers=1) as runtime:
            one, other, third = [await runtime.session() for _ in range(3)]
            holding = asyncio.create_task(one.run("stay()"))
            await asyncio.to_thread(door.entered.acquire)
            given_up = asyncio.create_task(other.run("1"))
            await asyncio.to_thread(waiting_in_line, runtime, 1)
            after = asyncio.create_task(third.run("2"))
            await asyncio.to_thread(waiting_in_line, runtime, 2)
            given_up.cancel()
            door.open.set()
            await holding
            return (await after).value

    assert asyncio.run(main()) == "2"


def test_a_runtime_that_closes_tells_everybody_in_line(door: Door) -> None:
    runtime = Runtime(POLICY, tools=door.tools(), max_workers=1)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(runtime.session().run, "stay()") for _ in range(4)]
        assert door.entered.acquire(timeout=60)
        waiting_in_line(runtime, 3)
        runtime.close()
        door.open.set()
        assert {type(future.exception()).__name__ for future in asked} == {"SessionClosed"}


def test_too_little_memory_for_one_action_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="max_memory_mb") as raised:
        Runtime(POLICY, max_memory_mb=EACH_MB - 1)
    assert str(raised.value) == (
        f"max_memory_mb={EACH_MB - 1} must be at least {EACH_MB}: that much one action may use under this policy. "
        "Lower limits.memory_mb, or allow more."
    )


@pytest.mark.parametrize(
    ("max_workers", "max_memory_mb", "expected"),
    [(None, None, 64), (5, None, 5), (5, 300, 3), (2, 300, 2), (None, 100, 1)],
)
def test_the_smaller_of_both_limits_counts(max_workers: int | None, max_memory_mb: int | None, expected: int) -> None:
    assert places(max_workers, max_memory_mb, 100 << 20) == expected


def test_a_place_that_nobody_in_line_wants_any_more_is_free_again() -> None:
    admission, served = Admission(1), []
    admission.enter(lambda: served.append("first") is None)
    for name in ("gone", "second"):
        admission.enter(lambda name=name: served.append(name) is None and name != "gone")
    assert served == ["first"]
    admission.leave()
    assert served == ["first", "gone", "second"]
    admission.leave()
    admission.enter(lambda: served.append("third") is None)
    assert served[-1] == "third"


def test_a_launcher_is_given_the_runtime_s_own_line() -> None:
    with Runtime(POLICY, standby=0, max_workers=3) as runtime:
        launcher = runtime._core.launcher
        assert isinstance(launcher, Launcher)
        assert launcher._admission is runtime._core._admission
