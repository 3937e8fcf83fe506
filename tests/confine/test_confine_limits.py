"""Limits as an action meets them, gate and all: each ends as an observation, and the session goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import Policy, Runtime

_LIMITS = {"wall_seconds": 3, "cpu_seconds": 1, "memory_mb": 96, "output_kb": 32, "state_mb": 160}


def _policy(**limits: int) -> Policy:
    return Policy.from_dict({
        "version": 1, "name": "tight", "extends": "strict", "limits": {**_LIMITS, **limits},
        "language": {"imports": [{"module": "numpy", "why": "loops in C"}]},
    })  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(_policy()) as made:
        yield made


@pytest.fixture(scope="module")
def runtime_with_time() -> Iterator[Runtime]:
    """A state that fills the memory may load slowly, and loading is part of the CPU time."""
    with Runtime(_policy(wall_seconds=20, cpu_seconds=20)) as made:
        yield made


def _used(runtime: Runtime) -> Iterator[Any]:
    made = runtime.session()
    assert made.run("kept = [1, 2, 3]").outcome == "completed"
    yield made
    assert made.run("kept").value == "[1, 2, 3]", "the session is not usable afterwards"
    made.close()


@pytest.fixture
def session(runtime: Runtime) -> Iterator[Any]:
    yield from _used(runtime)


@pytest.fixture
def session_with_time(runtime_with_time: Runtime) -> Iterator[Any]:
    yield from _used(runtime_with_time)


@pytest.mark.parametrize(
    "bomb",
    [
        "x = bytearray(10**9)",
        "x = []\nwhile True: x.append('a' * 10**6)",
        "x = 'a'\nwhile True: x += x",
        "x = {}\nfor n in range(10**9): x[n] = n",
        "x = [0]\nwhile True: x += x",
        "import numpy\nx = numpy.ones((10**5, 10**4))",
        "x = list(range(10**8))",
    ],
)  # fmt: skip
def test_memory_ends_as_an_exception_of_the_action(session_with_time: Any, bomb: str) -> None:
    """The outcome says so; names bound before it stay, as after any exception."""
    observation = session_with_time.run("before = 'kept, too'\n" + bomb)
    assert observation.outcome == "memory_exceeded", observation.text
    assert observation.error.type == "MemoryError"
    assert session_with_time.run("before").value == "'kept, too'"


@pytest.mark.parametrize("many", ["[0.5] * 5_000_000", "{n: n for n in range(1_300_000)}"])
def test_a_state_that_fills_the_memory_loads_again(session_with_time: Any, many: str) -> None:
    """Its references to one number are one object again: as many numbers as references would not fit."""
    assert session_with_time.run(f"many = {many}").outcome == "completed"
    assert session_with_time.run("many[7] = 7.5").outcome == "completed"
    assert session_with_time.run("(many[7], len(many) > 10**6)").value == "(7.5, True)"
    assert session_with_time.run("del many").outcome == "completed"


def test_a_caught_memory_error_keeps_the_state_with_memory_still_full(session_with_time: Any) -> None:
    """The reserve between the soft limit and the hard one belongs to the save; what filled it can be let go afterwards."""
    observation = session_with_time.run(
        "full = []\ntry:\n    while True: full.append(bytes(10**5))\nexcept MemoryError: pass\n"
        "while len(full) > 200: full.pop()\nblocks = len(full)"
    )
    assert observation.outcome == "completed", observation.text
    assert session_with_time.run("(blocks, len(full))").value == "(200, 200)"
    full = session_with_time.run(
        "rest = []\ntry:\n    while True: rest.append(1.5)\nexcept MemoryError: kept_going = True\nrest = kept_going"
    )
    assert full.outcome == "completed", full.text
    assert session_with_time.run("kept_going").value == "True"


@pytest.mark.parametrize(
    "loop",
    [
        "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
        "sum(range(10**12))",
        "import numpy\nfor _ in range(10**9): numpy.sort(numpy.arange(10**6)[::-1])",
        "10 ** 10 ** 8",
        "max(range(10**12))",
        "'a' * 10**6 in 'b' * 10**7 + 'a'\nx = [0] * 10**6\nwhile True: x.sort()",
    ],
)
def test_work_in_c_that_does_not_come_back_is_ended_by_the_cpu_limit(session: Any, loop: str) -> None:
    """A signal's handler waits for the interpreter; the kernel's hard limit waits for nobody."""
    observation = session.run(loop)
    assert observation.outcome == "timed_out", observation.text
    assert observation.usage.cpu_seconds < _LIMITS["cpu_seconds"] + 3


def test_python_that_does_not_end_is_ended_by_the_soft_limit_and_keeps_its_names(session: Any) -> None:
    """CPU time or wall time, whichever comes first."""
    observation = session.run("n = 0\nwhile True: n += 1")
    assert observation.outcome == "timed_out", observation.text
    assert observation.error.type == "ActionTimeout"
    assert session.run("n > 1000").value == "True"
    assert (
        session.run("m = 1\nwhile True: m = 1", timeout=0.3).error.message == "the action ran longer than 0.3 seconds"
    )
    assert session.run("m").value == "1"


@pytest.mark.parametrize("net", ["except:", "except BaseException:", "finally:"])
def test_an_action_that_catches_everything_ends_all_the_same(session: Any, net: str) -> None:
    """The exception comes again and again; then comes the hard limit."""
    body = "continue" if net == "finally:" else "pass"
    observation = session.run(f"n = 0\nwhile True:\n    try:\n        while True: n += 1\n    {net}\n        {body}")
    assert observation.outcome in ("timed_out", "refused"), observation.text


def test_output_is_cut_and_the_action_goes_on(session: Any) -> None:
    """Head and tail within the limit, what is missing is said, and the work is done."""
    observation = session.run("print('head')\nfor n in range(2 * 10**4): print('line', n)\nprint('tail')\ndone = True")
    assert observation.outcome == "completed", observation.text
    assert observation.stdout.startswith("head\nline 0\n")
    assert len(observation.stdout.encode()) < 4 * _LIMITS["output_kb"] * 1024
    assert session.run("done").value == "True"


@pytest.mark.parametrize(
    "depth",
    [
        "def f(n): return f(n + 1)\nf(0)",
        "f = lambda n: f(n + 1) + 1\nf(0)",
        "class C:\n    def __eq__(self, other): return self == other\nC() == C()",
        "class C:\n    def __str__(self): return str(self)\nstr(C())",
        "x = []\nfor _ in range(10**5): x = [x]\nrepr(x)",
        "x = []\nfor _ in range(10**5): x = [x]\nx == [x]",
        "x = ()\nfor _ in range(10**5): x = (x,)\nhash(x)",
        "import json\njson.loads('[' * 10**5)",
        "import json\nx = []\nfor _ in range(10**5): x = [x]\njson.dumps(x)",
        "import re\nre.compile('(' * 10**4 + ')' * 10**4)",
        "import copy\nx = []\nfor _ in range(10**5): x = [x]\ncopy.deepcopy(x)",
        "x = []\nfor _ in range(10**6): x = [x]\nx",
        "from functools import reduce\nf = reduce(lambda g, _: (lambda: g()), range(10**5), lambda: 1)\nf()",
    ],
)
def test_deep_recursion_in_python_or_c_ends_as_an_observation(session: Any, depth: str) -> None:
    """A RecursionError, a MemoryError, or the end of one worker."""
    observation = session.run(depth)
    assert observation.outcome in ("raised", "memory_exceeded", "crashed", "completed", "refused"), observation.text
