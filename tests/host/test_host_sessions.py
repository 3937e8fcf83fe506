"""Sessions on the real kernel: what persists, what an action's end leaves behind, and who may still use a session."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, NotPlain, Policy, Runtime, SessionClosed, StoreError, ToolWithheld, tool


@tool
def add(left: int, right: int = 1) -> int:
    """The sum of two numbers."""
    return left + right


@tool
def fail() -> None:
    """Raises."""
    raise LookupError("no such order")


@tool
def scarce() -> str:
    """May be called twice."""
    return "here"


@tool
def unlisted() -> str:
    """No policy line allows it."""
    return "reached"


def _policy(name: str = "strict", **sections: Any) -> Policy:
    return Policy.from_dict({"version": 1, "extends": name, **sections})


_TIGHT = {
    "limits": {"wall_seconds": 1, "cpu_seconds": 5, "memory_mb": 128, "output_kb": 4, "source_kb": 4, "state_mb": 32},
    "tools": {"scarce": {"why": "counted", "max_calls": 2}, "unlisted": {"why": "withheld", "deny": True}},
}


@pytest.fixture(scope="module")
def strict() -> Iterator[Runtime]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolWithheld)
        runtime = Runtime(_policy(**_TIGHT), tools=[add, fail, scarce, unlisted])
    with runtime:
        yield runtime


@pytest.fixture(scope="module")
def unrestricted() -> Iterator[Runtime]:
    with Runtime("unrestricted") as runtime:
        yield runtime


def _ran(session: Any, source: str) -> str | None:
    observation = session.run(source)
    assert observation.outcome == "completed", observation.text
    return observation.value


# ---- what persists


def test_names_persist_between_turns(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "import math\nx = {'a': [1, 2]}")
    assert _ran(session, "x['a'].append(math.floor(3.5)); x") == "{'a': [1, 2, 3]}"


def test_functions_see_later_rebindings(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "rate = 2\ndef price(n):\n    return n * rate")
    _ran(session, "rate = 5")
    assert _ran(session, "price(3)") == "15"


def test_an_action_that_raised_keeps_what_it_did(strict: Runtime) -> None:
    session = strict.session()
    observation = session.run("done = 1\n1 / 0\nnever = 1")
    assert observation.outcome == "raised"
    assert observation.error is not None
    assert (observation.error.type, observation.error.line) == ("ZeroDivisionError", 2)
    assert _ran(session, "done") == "1"


def test_a_refused_action_changes_nothing(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "x = 1")
    observation = session.run("x = 2\nimport subprocess")
    assert observation.outcome == "refused"
    assert [finding.code for finding in observation.findings] == ["G401"]
    assert _ran(session, "x") == "1"


def test_an_action_whose_process_died_changes_nothing(unrestricted: Runtime) -> None:
    session = unrestricted.session()
    _ran(session, "x = 1")
    assert session.run("x = 2\nimport ctypes\nctypes.string_at(0)").outcome == "crashed"
    assert _ran(session, "x") == "1"


def test_an_action_that_ran_out_of_time_keeps_what_it_did(strict: Runtime) -> None:
    session = strict.session()
    assert session.run("x = 1\nwhile True:\n    x += 0").outcome == "timed_out"
    assert _ran(session, "x") == "1"


def test_an_action_that_swallows_its_timeout_ends_all_the_same(strict: Runtime) -> None:
    session = strict.session()
    source = (
        "import time\nfor _ in range(3):\n    try:\n        while True: pass\n    except BaseException: pass\ny = 1"
    )
    assert session.run(source).outcome == "timed_out"
    assert _ran(session, "2") == "2"


def test_a_memory_bomb_leaves_the_session_usable(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "x = 7")
    assert session.run("y = [0] * 10**9").outcome == "memory_exceeded"
    assert _ran(session, "x") == "7"


def test_a_session_goes_from_plain_value_to_plain_value(strict: Runtime) -> None:
    session = strict.session()
    value = {"a": [1, 2.5, None, True, "ü", b"\0"], "t": (1, 2)}
    session.set("given", value)
    _ran(session, "made = [given, 2 ** 100]\nclass Odd: pass\nodd = Odd()")
    assert session.get("made") == [value, 2**100]
    with pytest.raises(NotPlain, match="Odd"):
        session.get("odd")
    with pytest.raises(NameError):
        session.get("absent")
    with pytest.raises(NotPlain):
        session.set("bad", object())
    with pytest.raises(ValueError, match="not a name"):
        session.set("__builtins__", {})


def test_variables_lists_names_with_types(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "n = 1\ns = 'text'")
    assert [(line.name, line.type) for line in session.variables()] == [("n", "int"), ("s", "str")]


def test_restore_goes_back_to_a_checkpoint(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "x = 1")
    mark = session.checkpoint()
    _ran(session, "x = 2; y = 3")
    session.restore(mark)
    assert [line.name for line in session.variables()] == ["x"]
    assert session.get("x") == 1
    with pytest.raises(StoreError):
        session.restore("0000")


def test_checkpoints_and_forks_carry_the_files(unrestricted: Runtime) -> None:
    session = unrestricted.session()
    session.files.write("a/b.txt", b"one")
    mark, copy = session.checkpoint(), session.fork()
    _ran(session, "_ = open('a/b.txt', 'w').write('two')")
    assert (session.files.read("a/b.txt"), copy.files.read("a/b.txt")) == (b"two", b"one")
    session.restore(mark)
    assert session.files.read("a/b.txt") == b"one"


def test_a_fork_goes_its_own_way(strict: Runtime) -> None:
    session = strict.session()
    _ran(session, "x = [1]")
    copy = session.fork()
    _ran(copy, "x.append(2)")
    assert (session.get("x"), copy.get("x")) == ([1], [1, 2])


# ---- output


def test_the_last_expression_is_echoed(strict: Runtime) -> None:
    observation = strict.session().run("print('out')\n6 * 7")
    assert (observation.stdout, observation.value) == ("out\n", "42")


def test_output_is_cut_in_its_middle(strict: Runtime) -> None:
    observation = strict.session().run("print('HEAD')\nfor n in range(2000): print('filler', n)\nprint('TAIL')")
    assert observation.outcome == "completed"
    assert observation.stdout.startswith("HEAD\n")
    assert observation.stdout.endswith("TAIL\n")
    assert "left out" in observation.stdout
    assert len(observation.stdout) < 4096 + 200


def test_too_much_output_ends_the_action_where_the_policy_says_so() -> None:
    policy = _policy(limits={"output_kb": 4}, output={"on_limit": "kill"})
    with Runtime(policy, standby=0) as runtime:
        session = runtime.session()
        _ran(session, "x = 1")
        assert session.run("x = 2\nprint('y' * 100_000)").outcome == "output_exceeded"
        assert session.get("x") == 1


def test_shown_and_saved_figures_are_artifacts(unrestricted: Runtime) -> None:
    observation = unrestricted.session().run(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nplt.plot([2, 1]); plt.savefig('saved.png')\n"
        "plt.close('all')"
    )
    assert observation.outcome == "completed", observation.text
    assert "saved.png" in [artifact.name for artifact in observation.artifacts]
    assert len(observation.artifacts) == 2
    assert all(artifact.data.startswith(b"\x89PNG") for artifact in observation.artifacts)


# ---- tools


def test_tools_are_called_in_the_host(strict: Runtime) -> None:
    observation = strict.session().run("add(2, right=3) + add(1)")
    assert observation.value == "7"
    assert [(call.name, call.arguments, call.outcome) for call in observation.tool_calls] == [
        ("add", {"left": 2, "right": 3}, "returned"),
        ("add", {"left": 1}, "returned"),
    ]


@pytest.mark.parametrize(("call", "kind"), [("add()", "TypeError"), ("add('one')", "ValueError")])
def test_wrong_arguments_are_answered_with_the_signature(strict: Runtime, call: str, kind: str) -> None:
    observation = strict.session().run(call)
    assert observation.error is not None
    assert observation.error.type == kind
    assert "add(left: " in observation.error.message


def test_an_unlisted_tool_does_not_exist_and_is_named_in_a_warning() -> None:
    with pytest.warns(ToolWithheld, match="unlisted"):
        runtime = Runtime(_policy(**_TIGHT), tools=[unlisted], standby=0)
    with runtime:
        assert runtime.withheld == ("unlisted",)
        observation = runtime.session().run("unlisted()")
        assert observation.error is not None
        assert observation.error.type == "NameError"
        assert observation.tool_calls == ()


def test_a_tool_is_called_no_more_often_than_it_may_be(strict: Runtime) -> None:
    observation = strict.session().run("print(scarce(), scarce())\nscarce()")
    assert observation.stdout == "here here\n"
    assert observation.error is not None
    assert observation.error.type == "ToolError"
    assert [call.outcome for call in observation.tool_calls] == ["returned", "returned", "rejected"]


def test_what_a_tool_raised_arrives_without_a_path_of_the_host(strict: Runtime) -> None:
    observation = strict.session().run("fail()")
    assert observation.error is not None
    assert observation.error.type == "ToolError"
    assert "no such order" in observation.error.message
    assert __file__ not in str(observation.to_dict())
    assert str(Path(__file__).parents[2]) not in str(observation.to_dict())


# ---- what is refused, and who may not come in


@pytest.mark.parametrize("source", ["x = '\ud800'", "x = 1 #" + "y" * 5000], ids=["surrogate", "oversized"])
def test_a_source_that_is_no_text_or_too_long_is_refused(strict: Runtime, source: str) -> None:
    observation = strict.session().run(source)
    assert observation.outcome == "refused"
    assert [finding.code for finding in observation.findings] == ["G101"]


def test_a_closed_session_says_so(strict: Runtime) -> None:
    session = strict.session()
    session.close()
    session.close()
    for use in (lambda: session.run("1"), lambda: session.get("x"), session.variables, session.checkpoint):
        with pytest.raises(SessionClosed):
            use()


def test_closing_the_runtime_leaves_no_process() -> None:
    runtime = Runtime(_policy(**_TIGHT))
    session = runtime.session()
    _ran(session, "1")
    zygote, folder = runtime._core.launcher._zygote.pid, runtime._core.folder
    below = _descendants(zygote)
    runtime.close()
    runtime.close()
    assert below
    assert [pid for pid in [zygote, *below] if _lives(pid)] == []
    assert not folder.exists()
    with pytest.raises(SessionClosed):
        session.run("1")


def test_a_forked_copy_of_the_host_may_not_use_the_runtime(strict: Runtime) -> None:
    session = strict.session()
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of threads: the very case
        child = os.fork()
    if child == 0:
        try:
            session.run("1")
        except BaseException as error:
            os.write(write, type(error).__name__.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as answer:
        assert answer.read() == b"SessionClosed"
    assert _ran(session, "1") == "1"


_HOST = """
import os
from safe_codeact import Runtime
runtime = Runtime("strict")
runtime.session().run("1")
print(runtime._core.launcher._zygote.pid, flush=True)
runtime.session().run("while True: pass")
"""


def test_zygote_and_workers_die_with_a_host_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _HOST], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        zygote = int(host.stdout.readline())
        below = _descendants(zygote)
        watched = [os.pidfd_open(pid) for pid in [zygote, *below]]
        host.send_signal(signal.SIGKILL)
    assert below
    for descriptor in watched:
        ended, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ended, "a process outlived its host"


def _descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [found for child in children for found in (child, *_descendants(child))]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ---- the event loop


def test_an_async_session_does_the_same() -> None:
    async def flow() -> None:
        async with AsyncRuntime(_policy(**{**_TIGHT, "tools": {"*": {"why": "given"}}}), tools=[add]) as runtime:
            session = await runtime.session()
            assert (await session.run("x = add(1)\nx")).value == "2"
            assert (await session.run("1 / 0")).outcome == "raised"
            await session.set("y", [1])
            assert await session.get("y") == [1]
            assert [line.name for line in await session.variables()] == ["x", "y"]
            copy = await session.fork()
            assert (await copy.run("x + y[0]")).value == "3"
            await session.close()
            with pytest.raises(SessionClosed):
                await session.run("1")

    asyncio.run(flow())


def test_cancelling_an_action_leaves_nothing_and_the_state_as_it_was() -> None:
    async def flow() -> None:
        async with AsyncRuntime(_policy(), standby=0) as runtime:
            session = await runtime.session()
            await session.run("x = 1")
            task = asyncio.create_task(session.run("x = 2\nwhile True: pass"))
            while not runtime._core.launcher._alive:
                await asyncio.sleep(0.01)
            pids = list(runtime._core.launcher._alive)
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert [pid for pid in pids if _lives(pid)] == []
            assert await session.get("x") == 1

    asyncio.run(flow())
