"""An action waits for a person, its process goes away, and with the answer it goes on: also in another host."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import suspend_programs
from suspend_programs import EXTRA, KEY, PROGRAMS, Counter, later, policy, tools

from safe_codeact import (
    ActionPending,
    AsyncRuntime,
    Decision,
    MemoryStore,
    Runtime,
    Session,
    SQLiteStore,
    StoreError,
)

YES = Decision(approved=True)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with Runtime(policy(), tools=tools(Counter(tmp_path_factory.mktemp("made") / "made")), approve=later) as made:
        yield made


def _host(store: Path, made: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, suspend_programs.__file__, str(store), str(made), *arguments],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr[-3000:]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, Counter]]:
    """The sessions of a host that was killed, in this one."""
    folder = tmp_path_factory.mktemp("suspended")
    made = Counter(folder / "made")
    _host(folder / "sessions.db", folder / "made", "killed")
    with (
        SQLiteStore(folder / "sessions.db", key=KEY) as store,
        Runtime(policy(sorted(EXTRA)), tools=tools(made), store=store, approve=later) as runtime,
    ):
        yield runtime, made


@pytest.mark.parametrize("number", range(len(PROGRAMS)), ids=list(PROGRAMS))
def test_an_action_goes_on_in_another_host(resumed: tuple[Runtime, Counter], number: int) -> None:
    """It pays once, what it would have paid in the first one; what it asked before is not asked again."""
    runtime, made = resumed
    session = runtime.session(f"s{number}")
    (pending,) = session.pending()
    assert (pending.state, pending.name) == ("suspended", "pay")
    before = made.lines()
    observation = session.resume(pending.id, YES)
    assert observation.outcome == "completed", observation.text
    (paid,) = made.lines()[len(before) :]
    assert paid == f"pay {pending.arguments['amount']} {pending.key}"
    assert observation.tool_calls[-1].arguments == dict(pending.arguments)
    assert observation.value is not None
    assert f"paid {pending.arguments['amount']}" in observation.value
    assert session.pending() == []
    assert session.run("numbers").outcome == "completed"


# ---- in one host


@pytest.fixture
def session(runtime: Runtime) -> Iterator[Session]:
    with runtime.session() as made:
        made.run("x = 1")
        yield made


def test_a_suspended_action_has_changed_nothing(session: Session) -> None:
    session.files.write("a.txt", b"before")
    observation = session.run("x = 2\nopen('a.txt', 'w').write('after')\nprint('so far')\npay(3)\nx = 4")
    assert (observation.outcome, observation.stdout.strip()) == ("suspended", "so far")
    assert "pay(3) waits for a person's answer" in observation.text
    assert session.get("x") == 1
    assert session.files.read("a.txt") == b"before"
    (pending,) = session.pending()
    assert (pending.name, dict(pending.arguments), pending.state) == ("pay", {"amount": 3}, "suspended")
    assert session.resume(pending.id, YES).outcome == "completed"
    assert session.get("x") == 4
    assert session.files.read("a.txt") == b"after"


def test_a_rejection_is_an_exception_in_the_action(session: Session) -> None:
    session.run("try:\n    pay(3)\nexcept ToolError as error:\n    x = str(error)")
    (pending,) = session.pending()
    observation = session.resume(pending.id, Decision(approved=False, reason="too dear"))
    assert observation.outcome == "completed"
    assert "too dear" in session.get("x")


def test_an_answer_may_be_later_again_and_every_call_is_asked_about(session: Session) -> None:
    session.run("x = [pay(1), pay(2)]")
    (pending,) = session.pending()
    assert session.resume(pending.id, Decision(approved=False, later=True)).outcome == "suspended"
    (pending,) = session.pending()
    assert dict(pending.arguments) == {"amount": 1}
    assert session.resume(pending.id, YES).outcome == "suspended"
    (pending,) = session.pending()
    assert dict(pending.arguments) == {"amount": 2}
    observation = session.resume(pending.id, YES)
    assert observation.outcome == "completed"
    assert [record.outcome for record in observation.tool_calls] == ["returned", "returned"]
    assert session.get("x") == ["paid 1", "paid 2"]


@pytest.mark.parametrize(
    "does",
    [
        lambda session: session.run("1"),
        lambda session: session.set("x", 5),
        lambda session: session.files.write("b.txt", b""),
        lambda session: session.files.delete("b.txt"),
    ],
    ids=["run", "set", "write", "delete"],
)
def test_a_session_that_waits_does_not_go_on_without_it(session: Session, does: Any) -> None:
    session.run("pay(1)")
    with pytest.raises(ActionPending, match=r"suspended: pay.*resume\(.*discard\("):
        does(session)
    assert session.get("x") == 1, "looking is allowed"


def test_what_waits_can_be_given_up(session: Session) -> None:
    checkpoint = session.checkpoint()
    session.run("pay(1)")
    session.discard(session.pending()[0].id)
    assert session.pending() == []
    assert session.run("x").value == "1"
    session.run("pay(1)")
    session.restore(checkpoint)
    assert session.pending() == []


def test_a_fork_does_not_wait(session: Session) -> None:
    session.run("pay(1)")
    with session.fork() as copy:
        assert copy.pending() == []
        assert copy.run("x").value == "1"
    assert len(session.pending()) == 1


@pytest.mark.parametrize("given", [None, True, "yes"])
def test_a_missing_decision_is_said(session: Session, given: Any) -> None:
    session.run("pay(1)")
    (pending,) = session.pending()
    with pytest.raises(ValueError, match=r"expected a Decision, such as Decision\(approved=True\)"):
        session.resume(pending.id, given)
    with pytest.raises(StoreError, match="'0000' is not pending"):
        session.resume("0000", YES)
    assert session.pending() == [pending]


def test_an_action_that_comes_to_something_else_is_stopped(tmp_path: Path) -> None:
    """numpy reads the clock in C, where nobody records it."""
    made = Counter(tmp_path / "made")
    with Runtime(policy(["numpy"]), tools=tools(made), approve=later) as runtime:
        session = runtime.session()
        session.run("x = 1")
        assert session.run("import numpy as np\nx = str(np.datetime64('now'))\npay(x)").outcome == "suspended"
        (pending,) = session.pending()
        time.sleep(1.1)  # that clock tells whole seconds
        observation = session.resume(pending.id, YES)
        assert observation.outcome == "diverged"
        assert "call 1 was pay(" in observation.text
        assert session.get("x") == 1
        assert session.pending() == [pending], "it can still be given up, or tried again"
    assert made.lines() == []


def test_an_action_that_read_the_clock_too_often_is_not_put_aside(session: Session) -> None:
    observation = session.run("import time\nfor n in range(11_000): time.time()\npay(1)")
    assert observation.outcome == "raised"
    assert "cannot be put aside" in observation.error.message


def test_what_reads_a_clock_is_kept_between_turns_like_any_function(session: Session) -> None:
    session.run(
        "from datetime import datetime, date\nfrom time import time\nimport random\n"
        "class Day(datetime):\n    def extra(self): return 7\n"
        "reads = [datetime.now, datetime.utcnow, date.today, Day.now, time, random.random]"
    )
    observation = session.run("[type(read()).__name__ for read in reads], Day.now().extra(), time is reads[4]")
    names = ["datetime", "datetime", "date", "Day", "float", "float"]
    assert observation.value == repr((names, 7, True)), observation.text


def test_an_async_session_waits_as_well(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncRuntime(policy(), tools=tools(Counter(tmp_path / "made")), approve=later) as runtime:
            session = await runtime.session()
            assert (await session.run("x = pay(1)")).outcome == "suspended"
            (pending,) = await session.pending()
            with pytest.raises(ActionPending):
                await session.run("1")
            assert (await session.resume(pending.id, YES)).outcome == "completed"
            assert await session.get("x") == "paid 1"
            source = PROGRAMS["tools side by side"]
            assert (await session.run(source)).outcome == "suspended"
            (pending,) = await session.pending()
            observation = await session.resume(pending.id, YES)
            assert observation.outcome == "completed", observation.text
            await session.run("pay(2)")
            await session.discard((await session.pending())[0].id)
            assert await session.pending() == []

    asyncio.run(main())
    made = Counter(tmp_path / "made").lines()
    assert len([line for line in made if line.startswith("fetch")]) == 6, "each was fetched once"
    assert len([line for line in made if line.startswith("pay")]) == 2


# ---- a host that dies


def test_a_call_that_may_have_happened_is_not_made_again(tmp_path: Path) -> None:
    """The host is killed while the tool runs: a person says whether it happened."""
    made = Counter(tmp_path / "made")
    for name, source in {
        "a": "y = book('die')",
        "b": "y = book('tea')\nz = book('die')",
        "c": "y = book('die')",
    }.items():
        _host(tmp_path / "sessions.db", tmp_path / "made", "dying", name, source)
    before = made.lines()
    assert before == ["book die", "book tea", "book die", "book die"]
    with (
        SQLiteStore(tmp_path / "sessions.db", key=KEY) as store,
        Runtime(policy(), tools=tools(made), store=store, approve=later) as runtime,
    ):
        first = runtime.session("a")
        (pending,) = first.pending()
        assert (pending.state, pending.name, dict(pending.arguments)) == ("indeterminate", "book", {"item": "die"})
        with pytest.raises(ActionPending, match="indeterminate: book"):
            first.run("1")
        assert first.resume(pending.id, Decision(approved=True, result="it was booked")).outcome == "completed"
        assert first.get("y") == "it was booked"
        second = runtime.session("b")
        (pending,) = second.pending()
        assert pending.state == "indeterminate"
        assert second.resume(pending.id, Decision(approved=False, reason="it was not")).outcome == "raised"
        assert second.get("y") == "booked tea", "the first call's result is known, and it is not made again"
        third = runtime.session("c")
        third.discard(third.pending()[0].id)
        assert third.run("x").value == "1"
        assert made.lines() == before


def test_a_host_that_dies_between_two_calls_goes_on_without_the_first(tmp_path: Path) -> None:
    """What only reads may be called again; what was done is not."""
    made = Counter(tmp_path / "made")
    _host(tmp_path / "sessions.db", tmp_path / "made", "dying", "a", "y = book('tea')\nz = quote('die')\nx = 2")
    with (
        SQLiteStore(tmp_path / "sessions.db", key=KEY) as store,
        Runtime(policy(), tools=tools(made), store=store, approve=later) as runtime,
    ):
        session = runtime.session("a")
        (pending,) = session.pending()
        assert (pending.state, pending.name) == ("interrupted", "")
        assert session.resume(pending.id).outcome == "completed"
        assert (session.get("x"), session.get("y")) == (2, "booked tea")
    assert made.lines() == ["book tea", "quote die", "quote die"]


def test_without_a_store_nothing_is_written_down_before_a_call(tmp_path: Path) -> None:
    """And with one in memory, the journal of an action that ended is gone."""
    with MemoryStore() as store, Runtime(policy(), tools=tools(Counter(tmp_path / "made")), store=store) as runtime:
        session = runtime.session("a")
        assert session.run("y = [book('x'), book('y')]").outcome == "completed"
        assert session.pending() == []
        assert session.run("pay(1)").outcome == "raised", "nobody to ask is a refusal, not a suspension"
        assert session.pending() == []
