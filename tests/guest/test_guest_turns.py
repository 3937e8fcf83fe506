"""Several turns through a real session: what one long-lived interpreter would show, with a process per turn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import Runtime

sys.path.append(str(Path(__file__).resolve().parent / "namespace"))
from programs_classes import CLASSES
from programs_data import DATA
from programs_functions import FUNCTIONS
from programs_libraries import LIBRARIES

PROGRAMS = {
    title: [turn.strip("\n") for turn in text.split("\n---\n")]
    for title, text in (FUNCTIONS | CLASSES | DATA | LIBRARIES).items()
}
# Programs about what `save` does with objects that the gate does not let an action make or look at, and one about
# figures, which end with their turn as in a notebook. What is said instead of the result is part of the claim.
SAID = {
    "defaults are shared objects": "G201",
    "keyword defaults and annotations": "G201",
    "functools.wraps": "G201",
    "super and the class cell": "G201",
    "multiple inheritance": "G201",
    "bound methods": "G201",
    "names bound inside try and for": "G202",
    "a frame subclass": "private to the library class DataFrame",
}
FIGURES = {"pyplot's current figure goes on", "a figure in a name is pyplot's current one"}

_PLAIN = """
import contextlib, io, json, sys
names, shown = {"__name__": "__main__"}, []
for index, turn in enumerate(json.load(sys.stdin)):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(turn, f"<turn {index}>", "exec"), names)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    shown.append(out.getvalue())
json.dump(shown, sys.stdout)
"""


def _in_one_interpreter(turns: list[str]) -> list[str]:
    done = subprocess.run([sys.executable, "-c", _PLAIN], input=json.dumps(turns), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime("analysis") as made:
        yield made


def _in_a_session(runtime: Runtime, turns: list[str]) -> list[str]:
    shown = []
    with runtime.session() as session:
        for turn in turns:
            observation = session.run(turn)
            said = observation.text if observation.outcome == "refused" else ""
            error = observation.error
            shown.append(observation.stdout + said + (f"{error.type}: {error.message}\n" if error else ""))
    return shown


@pytest.mark.parametrize("title", sorted(set(PROGRAMS) - set(SAID) - FIGURES))
def test_a_session_shows_what_one_interpreter_shows(runtime: Runtime, title: str) -> None:
    assert _in_a_session(runtime, PROGRAMS[title]) == _in_one_interpreter(PROGRAMS[title])


@pytest.mark.parametrize(("title", "said"), SAID.items())
def test_what_a_session_does_not_do_it_says(runtime: Runtime, title: str, said: str) -> None:
    assert said in "".join(_in_a_session(runtime, PROGRAMS[title]))


TURNS: dict[str, tuple[list[str], list[Any]]] = {
    "names of the standard library": (
        ["from math import sqrt\nfrom collections import Counter as C", "sqrt(4), C('aab').most_common(1)"],
        [None, "(2.0, [('a', 2)])"],
    ),
    "named tuples and data classes": (
        ["from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\np = P(3)", "p, isinstance(p, P), P(1) < p"],
        [None, "(P(x=3), True, True)"],
    ),
    "functions of libraries": (
        ["import numpy as np\nmean = np.mean\nfrom sympy import *\nx = symbols('x')", "mean([1, 2]) + 0, solve(x**2 - 4)"],
        [None, "(np.float64(1.5), [-2, 2])"],
    ),
    "functions that sympy generated": (
        ["from sympy import *\nx = symbols('x')\nf = lambdify(x, x**2 + sin(x))\ng = lambdify(x, gamma(x), 'math')",
         "import numpy as np\nround(float(f(2)), 3), g(5), f(np.array([0.0, 0.0])).tolist()"],
        [None, "(4.909, 24.0, [0.0, 0.0])"],
    ),
    "guards that lie in names and classes": (
        ["import sys\nkind, write = type, sys.stdout.write\nshow, join = '<{}>'.format, str.format\n"
         "class Meta(type):\n    pass\nclass C(metaclass=Meta):\n    pass",
         "write(show(1) + join('{}', 2))\nkind(3), kind == type, kind(C) is Meta"],
        [None, "(<class 'int'>, True, True)"],
    ),
    "a data class with a private field": (
        ["from dataclasses import dataclass, asdict\n@dataclass\nclass C:\n    _n: int = 1\n    def up(self):\n"
         "        self._n += 1\n        return self\nc = C(_n=4)",
         "c.up(), asdict(C().up()), C(3) == C(3)"],
        [None, "(C(_n=5), {'_n': 2}, True)"],
    ),
    "a seed goes on": (
        ["import random\nrandom.seed(1)\na = [random.random() for _ in range(4)]", "random.seed(1)\nb = random.random()",
         "[b] + [random.random() for _ in range(3)] == a"],
        [None, None, "True"],
    ),
    "filters of warnings and the recursion limit": (
        ["import sys, warnings\nwarnings.filterwarnings('ignore', message='quiet')\nsys.setrecursionlimit(2345)",
         "warnings.warn('quiet now')\nsys.getrecursionlimit()"],
        [None, "2345"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", TURNS)
def test_a_later_turn_goes_on_from_an_earlier_one(runtime: Runtime, title: str) -> None:
    turns, values = TURNS[title]
    with runtime.session() as session:
        seen = [session.run(turn) for turn in turns]
    assert [(each.outcome, each.value, each.stderr, each.not_kept) for each in seen] == [
        ("completed", value, "", {}) for value in values
    ]


def test_figures_end_with_their_turn_as_in_a_notebook_and_can_be_drawn_on_later(runtime: Runtime) -> None:
    with runtime.session() as session:
        first = session.run(
            "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nax.set_title('t')"
        )
        second = session.run("ax.plot([2, 1])\nlen(ax.lines), ax.get_title(), plt.get_fignums()")
        third = session.run("fig.savefig('again.png')")
    assert [artifact.name for artifact in first.artifacts] == ["figure-1.png"]
    assert second.value == "(2, 't', [])"
    assert [artifact.name for artifact in third.artifacts] == ["again.png"]


def test_an_action_that_swallows_its_timeout_was_out_of_time_all_the_same(runtime: Runtime) -> None:
    with runtime.session() as session:
        swallowed = session.run(
            "try:\n    for n in range(10**12): kept = n\nexcept BaseException:\n    pass\nafter = 1", timeout=0.5
        )
        assert swallowed.outcome == "timed_out"
        assert swallowed.error is not None
        assert swallowed.error.type == "ActionTimeout"
        assert session.run("kept > 0, after").value == "(True, 1)"


@pytest.mark.parametrize(
    "waiting",
    [
        "import time\ntime.sleep(60)",
        "import asyncio\nasyncio.run(asyncio.sleep(60))",
        "import time\nfor _ in range(600): time.sleep(0.1)",
    ],
)
def test_waiting_ends_with_the_actions_time_and_the_names_are_kept(runtime: Runtime, waiting: str) -> None:
    with runtime.session() as session:
        waited = session.run("x = 1\n" + waiting, timeout=0.4)
        assert waited.outcome == "timed_out"
        assert waited.usage.wall_seconds < 10
        assert session.run("x").value == "1"
