"""Functions of formulas, where the policy allows them: what CPython means by them, bounded, and otherwise not there."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest
from formula_attempts import COSTS, ESCAPES
from formulas_run import FUNCTIONS, NOT_ALLOWED, POLICY, outcome, plain, run, unjudged

from safe_codeact import Outcome, Runtime
from safe_codeact.gate.check import judge
from safe_codeact.guest.interpreters.definitions import MOST_CALLS, Function
from safe_codeact.policy.effective import Isolation, Policy

ORDINARY = [
    "def net(price, rate=0.2):\n    return price * (1 - rate)\nnet(100), net(100, 0.5), net(rate=0, price=7)",
    "def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)\nfact(20)",
    "def fib(n):\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)\n[fib(i) for i in range(12)]",
    "def even(n):\n    return True if n == 0 else odd(n - 1)\ndef odd(n):\n    return False if n == 0 else even(n - 1)\neven(20)",
    "def f():\n    'a docstring'\n    x = 1\nf() is None",
    "def f():\n    return\nf() is None",
    "def first(xs, wanted):\n    for i in range(len(xs)):\n        while True:\n            if xs[i] == wanted:\n                return i\n            break\n    else:\n        return -1\nfirst([5, 6], 6), first([5], 6)",
    "def f(xs=[]):\n    xs.append(len(xs))\n    return xs\nf()\nf()\nf()",
    "x = 2\ndef f(y=x):\n    return y\nx = 3\nf()",
    "x = 1\ndef f():\n    return x\nx = 2\nf()",
    "x = 1\ndef f():\n    x = 2\n    return x\nf(), x",
    "x = 1\ndef f():\n    return x\ndef g():\n    x = 5\n    return f()\ng()",
    "x = 1\ndef f():\n    return x\n[f() for x in [5, 6]]",
    "def f(): return 0\nx = [1, 2]\n[x for x in x], x",
    "def f(x): return [[x + y for x in range(2)] for y in range(x)]\nf(3)",
    "def f(x):\n    return [x * x for x in range(x)], x\nf(3)",
    "def f(x):\n    return [x + y for y in [1, 2]], {k: x for k in 'ab'}, {x for z in [1]}\nf(3)",
    "y = 9\ndef f():\n    z = [y for y in [1, 2]]\n    return y, z\nf()",
    "x = 1\ndef f():\n    x += 1\n    return x\nf()",
    "def f():\n    if False:\n        y = 1\n    return y\nf()",
    "y = 4\ndef f():\n    z = y\n    y = 1\n    return z\nf()",
    "def f():\n    for i in []:\n        pass\n    return i\nf()",
    "def f(a, b): return a + b\nf(1)",
    "def f(a, b, c): return a\nf()",
    "def f(a, b): return a\nf()",
    "def f(): return 1\nf(1)",
    "def f(a): return 1\nf(1, 2)",
    "def f(a, b=1): return 1\nf(1, 2, 3)",
    "def f(a=1): return 1\nf(1, 2, 3)",
    "def f(a): return 1\nf(b=1)",
    "def f(a): return 1\nf(1, a=2)",
    "def f(a): return a\ng = f\ng(3)",
    "def twice(f, x): return f(f(x))\ndef inc(x): return x + 1\ntwice(inc, 3)",
    "def twice(f, x): return f(f(x))\ntwice(sqrt, 16)",
    "def pick(n): return sqrt if n else floor\nf = pick(1)\nf(9.0)",
    "def f(n):\n    def_total = 0\n    for i in range(n):\n        if i == 2:\n            continue\n        if i == 5:\n            break\n        def_total += i\n    return def_total\nf(9)",
    "def f(n):\n    n[0] = 5\n    n += [1]\n    return n\nx = [1]\nf(x), x",
    "def f(a): return 1 / a\nf(0)",
    "def f(x): return x\ndef f(x): return -x\nf(1)",
    "f(1)\ndef f(x): return x",
    "def sqrt(x): return 'mine'\nsqrt(4)",
    "def f(x):\n    print('called', x)\n    return x\nf(1) or f(0), f(0) and f(1)",
    "if 1 < 2:\n    def f(): return 'a'\nelse:\n    def f(): return 'b'\nf()",
    "for i in range(3):\n    def f(x=i): return x\nf()",
    "def f(a, b): return a, b\na, b = f(1, 2)\nb",
]
REFUSED = [
    "def f(*args): return args",
    "def f(**words): return words",
    "def f(*, a): return a",
    "def f(a, /): return a",
    "def f(a: int): return a",
    "def f() -> int: return 1",
    "@print\ndef f(): return 1",
    "async def f(): return 1",
    "def f():\n    def g(): return 1\n    return g",
    "def f():\n    if 1:\n        def f(): return 1",
    "def f(): yield 1",
    "def f():\n    global x\n    x = 1",
    "def f(): return lambda: 1",
    "def f(): import math",
    "def f(x): return x.__class__",
    "def f(x=().__class__): return x",
    "def f(x): return x.f_globals",
    "def _f(): return 1",
    "def __init__(self): return 1",
    "def f(_x): return 1",
    "def f(): return _x",
    "return 1",
    "def f(): return f.__globals__",
    "def f(x): return '{0.__class__}'.format(x)",
    "class C:\n    def f(self): return 1",
]
TOO_MUCH = {
    "without end": ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
    "two without end": ("def f(n): return g(n)\ndef g(n): return f(n)\nf(0)", "RecursionError"),
    "one deeper than allowed": (
        f"def f(n): return 0 if n == 0 else f(n - 1)\nf({MOST_CALLS})",
        "RecursionError",
    ),
    "in its default": ("def f(x): return x\ndef f(x=f(1)): return f(f)\nf()", "RecursionError"),
    "in a comprehension": ("def f(): return [f() for x in [1]]\nf()", "RecursionError"),
    "many calls": ("def f(n): return 0 if n == 0 else f(n - 1) + f(n - 1)\nf(40)", "TooMuch"),
    "a loop in a function": ("def f():\n    while True: pass\nf()", "TooMuch"),
    "definitions in a loop": (
        "while True:\n    def f(): return [" + "1," * 2000 + "]",
        "TooMuch",
    ),
    "a text that grows with each call": ("def f(x): return x + x\ny = 'x'\nwhile True: y = f(y)", "TooMuch"),
    "a list that grows with each call": ("def f(x=[]):\n    x += x + [0]\n    return x\nwhile True: f()", "TooMuch"),
    "a power in a default": ("def f(x=9 ** 9 ** 9): return x", "TooMuch"),
}


@pytest.mark.parametrize("source", ORDINARY)
def test_a_function_means_what_cpython_means(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same output, value, exception type and message as `exec`, and the same names afterwards."""
    judgement = judge(source, FUNCTIONS, ())
    assert judgement.report.findings == ()
    ours = outcome(lambda: run(judgement, FUNCTIONS), capsys)
    assert ours == outcome(lambda: plain(source), capsys)


@pytest.mark.parametrize("source", REFUSED)
def test_more_than_a_plain_function_is_refused(source: str) -> None:
    """What a formula needs no more of than it has."""
    assert not judge(source, FUNCTIONS, ()).report.allowed


@pytest.mark.parametrize("source", ORDINARY)
def test_without_the_switch_there_are_none(source: str) -> None:
    """The gate refuses them, and the interpreter alone has no code for them."""
    assert {finding.code for finding in judge(source, POLICY, ()).report.findings} == {"G106"}
    if not source.startswith(("if", "for", "f(")):
        with pytest.raises(NOT_ALLOWED):
            run(unjudged(source))


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_costs_too_much_ends_with_an_error_that_says_so(what: str) -> None:
    """At the same step on every machine."""
    source, error = TOO_MUCH[what]
    with pytest.raises(Exception, match=r".") as problem:
        run(judge(source, FUNCTIONS, ()), FUNCTIONS)
    assert type(problem.value).__name__ == error


EVERY = [source for table in (ESCAPES, COSTS) for sources in table.values() for source in sources]


@pytest.mark.parametrize("source", [source for source in EVERY if "return" not in source and "def " not in source])
def test_no_attempt_gets_further_in_a_function(source: str) -> None:
    """Every attempt on formulas, as the body of one."""
    tree = ast.parse(source)
    if isinstance(tree.body[-1], ast.Expr):
        tree.body[-1] = ast.Return(tree.body[-1].value)
    attempt = f"def attempt():\n{textwrap.indent(ast.unparse(tree), '    ')}\nattempt()"
    with pytest.raises((*NOT_ALLOWED, RecursionError)):
        run(unjudged(attempt), FUNCTIONS)
    judgement = judge(attempt, FUNCTIONS, ())
    if judgement.report.allowed:
        with pytest.raises((*NOT_ALLOWED, RecursionError)):
            run(judgement, FUNCTIONS)


def test_a_function_is_no_value_for_lists_texts_and_the_host() -> None:
    """It is called, named, returned and handed to other functions; nothing else."""
    for use in (
        "[f]",
        "{'a': f}",
        "str(f)",
        "f'{f}'",
        "print(f)",
        "f + 1",
        "f == f",
        "f[0]",
        "len(f)",
        "sorted([1], key=f)",
    ):
        with pytest.raises(NOT_ALLOWED):
            run(judge(f"def f(x): return x\nx = {use}", FUNCTIONS, ()), FUNCTIONS)


def test_a_session_keeps_them_with_their_defaults_and_sees_names_bound_later() -> None:
    """As CPython would: one list for every call, the session's names as they are now."""
    policy: Any = Policy(
        name="formulas", language=FUNCTIONS.language, limits=Policy.load("expression").limits, isolation=Isolation()
    )
    turns = (
        "def net(x, seen=[]):\n    seen.append(x)\n    return x * rate, seen\nrate = 2\nnet(1)",
        "rate = 3\nnet(2)",
        "f = net\nf(3)",
    )
    with Runtime(policy) as runtime:
        session = runtime.session()
        shown = [session.run(turn) for turn in turns]
        assert [each.value for each in shown] == ["(2, [1])", "(6, [1, 2])", "(9, [1, 2, 3])"]
        assert [each.not_kept for each in shown] == [{}, {}, {}]
        assert session.run("net").value == "<function net(x, seen)>"
        assert session.run("def net(x, y): return 1\nnet(1)").outcome is Outcome.raised


@pytest.mark.parametrize(
    "source", ["", "x = 1", "def f(): pass\nx = 1", "def f(x=1): pass", "async def f(): pass", "lambda: 1", "print(1)"]
)
def test_a_snapshot_that_says_otherwise_makes_no_function(source: str) -> None:
    """One `def`, with as many values as it has defaults."""
    with pytest.raises(ValueError, match="one `def`"):
        Function.of(source, [])
