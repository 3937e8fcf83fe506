"""Names that an action does not mention wait in their segments, and no program can tell.

Each program runs turn by turn in a session, and in one interpreter; what the last expressions show must agree.
"""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import Runtime
from safe_codeact.guest.namespace import FileSegment
from safe_codeact.guest.namespace.layout import Group, Place, parse

_MADE = "x = 1\ny = [x, 2]\nd = {'k': y}\ndef f():\n    return x, y\nclass C:\n    def g(self):\n        return d"

PROGRAMS = {
    "eval of a text put together": [_MADE, "eval('x' + ' + y[1]')"],
    "eval of a text of an earlier action": [_MADE + "\nq = 'len(' + 'd)'", "eval(q)"],
    "exec that binds": [_MADE, "exec('x' + ' = 5')\nt = 1", "x, f()"],
    "a global by its name": [_MADE, "globals()['x'], 'y' in globals(), 'nosuch' in globals()"],
    "all globals": [_MADE, "sorted(name for name in globals() if name in ('x', 'y', 'd', 'f', 'C'))"],
    "locals of the module": [_MADE, "locals()['d'], len([k for k in locals() if k in 'xyd'])"],
    "vars without an argument": [_MADE, "vars()['x']"],
    "dir without an argument": [_MADE, "[name for name in dir() if name in ('x', 'y')]"],
    "a function of an earlier action": [_MADE, "z = 0", "f()"],
    "a function that calls a function": [_MADE, "def h():\n    return f()", "z = 0", "h()"],
    "a method that uses a global": [_MADE, "c = C()", "z = 0", "c.g()"],
    "an instance alone": [_MADE + "\nc = C()", "type(c).__name__, c.g()['k'] is y"],
    "a global in a nested function": [_MADE + "\ndef outer():\n    def inner():\n        return d\n    return inner", "i = outer()", "i()"],
    "a global in a lambda's default": [_MADE + "\ng = lambda a=x: a + x", "x = 10", "g()"],
    "a global in a comprehension": [_MADE + "\ndef g():\n    return [x + i for i in y]", "g()"],
    "a global in an f-string": [_MADE, "f'{x} {y[0]:>{x}}'"],
    "a global in a text that a function evaluates": [_MADE + "\ndef g():\n    return eval('x' '+ y[1]')", "g()"],
    "a name bound anew": [_MADE, "x = 9", "f()", "x"],
    "a name bound anew by a star import": ["sqrt = 5\npi = 3\nkept = 1", "from math import *", "sqrt(4), round(pi, 2), kept"],
    "a name bound anew by a loop": [_MADE, "for x in range(3): pass", "x, f()"],
    "a name bound by global": [_MADE + "\ndef set_x():\n    global x, new\n    x = new = 7", "set_x()", "x, new, f()"],
    "a name deleted": [_MADE, "del x", "try:\n    f()\nexcept NameError as error:\n    m = str(error)\nm"],
    "a name that may not be there": ["a = 1", "try:\n    b\nexcept NameError:\n    b = 2\na + b"],
    "one list under two names, in turns": [_MADE, "y.append(3)", "d['k'].append(4)", "y, y is d['k']"],
    "two names made apart and joined later": ["a = [1]", "b = [2]", "a.append(b)", "b.append(3)", "a, a[1] is b"],
    "three actions that touch one each": ["a = [1]\nb = a\nc = {'a': a}", "a.append(2)", "b.append(3)", "c['a'].append(4)", "a, b is c['a']"],
    "a class and its child, apart": ["class A:\n    n = 1", "class B(A):\n    pass", "z = 0", "b = B()", "isinstance(b, A), b.n", "A.n = 5", "b.n, B.n"],
    "an Enum's member and its class": ["import enum\nclass E(enum.Enum):\n    A = 1", "e = E.A", "z = 0", "e is E.A"],
    "a dataclass and its instances": ["from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int", "p = P(1)", "p == P(1), isinstance(p, P)"],
    "a generator function": [_MADE + "\ndef gen():\n    yield x\n    yield y", "list(gen())"],
    "a closure over a cell": ["def make():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    def get():\n        return n\n    return up, get\nup, get = make()", "up()", "up()", "get()"],
    "a recursive function": ["def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)", "z = 0", "fact(10)"],
    "a decorator of an earlier action": ["def twice(f):\n    return lambda *a: f(f(*a))", "@twice\ndef inc(n):\n    return n + 1", "inc(3)"],
    "type hints that are texts": [_MADE + "\ndef typed(a: 'C') -> 'list[C]': ...", "import typing\ntyping.get_type_hints(typed)['a'] is C"],
    "type hints of a class": [_MADE + "\nclass T:\n    a: 'C'", "import typing\ntyping.get_type_hints(T)['a'] is C"],
    "an identifier in another form": ["ﬁrst = 1\nµ = 2", "first + μ", "z = 1", "ﬁrst + µ"],
    "a name that only a class spells": ["class A:\n    def f(self):\n        return __hidden\n_A__hidden = 5", "z = 0", "A().f()"],
    "a module under another name": ["import math as m\nimport statistics", "m.floor(statistics.mean([2, 3]))"],
    "a match over a class": ["class P:\n    __match_args__ = ('a',)\n    def __init__(self, a):\n        self.a = a", "match P(3):\n    case P(a):\n        got = a\ngot"],
    "a query with a name of the session": ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nlimit = 2", "q = 'a > @lim' + 'it'", "df.query(q).a.tolist()"],
    "a query inside a function": ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nlimit = 1\ndef over():\n    return df.query('a > @limit').a.tolist()", "over()"],
    "views of one array": ["import numpy as np\na = np.zeros(4)\nv = a[1:3]", "v[0] = 5", "a[2] = 6", "a.tolist(), v.tolist()"],
    "a random state": ["import random\nrandom.seed(4)\na = random.random()", "z = 0", "b = random.random()\nrandom.seed(4)\n(a, b) == (random.random(), random.random())"],
    "a counter in a default": ["def count(seen=[]):\n    seen.append(1)\n    return len(seen)", "count()", "z = 0", "count()"],
    "a partial of a function": ["import functools\nfactor = 3\ndef mul(a, b):\n    return a * b * factor\np = functools.partial(mul, 2)", "z = 0", "p(5)"],
    "a property that uses a global": ["rate = 2\nclass A:\n    @property\n    def r(self):\n        return rate", "a = A()", "rate = 3", "a.r"],
    "many small names": ["\n".join(f"n{i} = {i}" for i in range(500)), "n7 + n499", "n7 = 0", "sum(v for k, v in list(globals().items()) if k[0] == 'n' and k[1:].isdigit())"],
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime("analysis") as made:
        yield made


def shown_in_one_interpreter(turns: list[str]) -> list[str | None]:
    """What the last expression of each turn shows; a name that is not there is the last turn's business."""
    module = sys.modules["one_interpreter"] = types.ModuleType("one_interpreter")
    names = vars(module)
    shown: list[str | None] = []
    for turn in turns:
        tree = ast.parse(turn)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<action>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<action>", "eval"), names) if last is not None else None
        shown.append(None if value is None else repr(value))
    return shown


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_program_sees_every_name_that_it_would_see(title: str, runtime: Runtime) -> None:
    session = runtime.session()
    observations = [session.run(turn) for turn in PROGRAMS[title]]
    assert [each.text for each in observations if each.outcome.value != "completed"] == []
    assert [each.value for each in observations] == shown_in_one_interpreter(PROGRAMS[title])
    assert [each.not_kept for each in observations] == [{}] * len(observations)
    session.close()


def groups(session: Any) -> list[Group]:
    """The session's groups of names, as its segments say."""
    vault = session._state.core.vault
    descriptors = [vault.open(name) for name in session._state._saved.names]
    try:
        return list(parse([FileSegment(each) for each in descriptors]).groups)
    finally:
        for each in descriptors:
            os.close(each)


def where(session: Any, name: str) -> tuple[str, Place]:
    """The file that holds a name's stream, and where in it."""
    [group] = [group for group in groups(session) if name in group.names.apart()]
    return session._state._saved.names[group.stream.segment], group.stream._replace(segment=0)


def test_a_group_that_is_not_mentioned_is_not_loaded_and_stays_where_it_is(runtime: Runtime) -> None:
    session = runtime.session()
    session.run("big = [object() for _ in range(1000)]\nsmall = 1")
    place = where(session, "big")
    for turn in ("other = {}", "other['a'] = 1", "small + 1", "undefined", "def", "other"):
        session.run(turn)
        assert where(session, "big") == place
    session.run("len(big)")
    assert where(session, "big") != place


def test_a_value_from_outside_takes_the_name_from_the_group_that_has_it(runtime: Runtime) -> None:
    session = runtime.session()
    session.run("a = [1]\nb = a\nn = 1")
    session.run("other = []")
    session.set("n", 5)
    session.set("a", [7])
    assert (session.get("n"), session.get("a"), session.get("b"), session.get("other")) == (5, [7], [1], [])
    assert session.run("a, b, n").value == "([7], [1], 5)"
    assert {each.name for each in session.variables()} == {"a", "b", "n", "other"}


def test_an_action_that_looks_around_after_a_time_out_finds_everything(runtime: Runtime) -> None:
    session = runtime.session()
    session.run("a = [1]\nn = 1")
    assert session.run("b = 1\nwhile True: pass", timeout=0.3).outcome.value == "timed_out"
    assert session.run("sorted(name for name in globals() if len(name) == 1)").value == "['a', 'b', 'n']"


def test_a_misspelt_name_is_answered_with_one_that_waits(runtime: Runtime) -> None:
    session = runtime.session()
    session.run("revenue = [1]")
    assert "revenue" in session.run("print(revenu)").text
