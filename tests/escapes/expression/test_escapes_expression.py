"""Formulas: what tries to get out is refused, by the gate and by the interpreter alone; what costs too much ends, and where."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from formula_attempts import COSTS, ESCAPES
from formulas_run import NOT_ALLOWED, POLICY, outcome, plain, run, unjudged

from safe_codeact.gate.check import judge
from safe_codeact.guest.interpreters import dispatch, expression, functions

EVERY = [(kind, source) for table in (ESCAPES, COSTS) for kind, sources in table.items() for source in sources]


def test_there_are_attempts_enough_and_no_two_are_the_same() -> None:
    """At least 100 distinct attempts."""
    assert len({source for _, source in EVERY}) == len(EVERY) >= 100


@pytest.mark.parametrize("source", [source for sources in ESCAPES.values() for source in sources])
def test_what_tries_to_get_out_is_refused_by_the_gate_or_ends_in_an_error(source: str) -> None:
    """No attempt has a value."""
    judgement = judge(source, POLICY, ())
    if judgement.report.allowed:
        with pytest.raises(NOT_ALLOWED):
            run(judgement)


@pytest.mark.parametrize(
    "source", [source for sources in ESCAPES.values() for source in sources if "return" not in source]
)
def test_the_interpreter_alone_refuses_it_as_well(source: str) -> None:
    """With the gate imagined away: there is no handler, no function, no attribute."""
    with pytest.raises(NOT_ALLOWED):
        run(unjudged(source))


@pytest.mark.parametrize("source", [source for sources in COSTS.values() for source in sources])
def test_what_costs_too_much_ends_with_an_error_that_says_so(source: str) -> None:
    """Numbers decide, not the clock: the same formula ends at the same step everywhere."""
    judgement = judge(source, POLICY, ())
    assert judgement.report.allowed
    with pytest.raises(NOT_ALLOWED):
        run(judgement)


def test_the_same_formula_takes_the_same_number_of_steps() -> None:
    """The bound is on what is evaluated, and nothing of it is measured in time."""
    source = "x = [i * 2 for i in range(100)]\nsum(x) + len(str(x))"
    taken = []
    for _ in range(2):
        formula = expression.Formula(dict(functions.FUNCTIONS), functions.FUNCTIONS)
        for statement in ast.parse(source).body:
            formula.run(statement)
        taken.append(formula._steps)
    assert taken[0] == taken[1] > 300


ORDINARY = [
    "1 + 2 * 3 - 4 / 5 // 1 % 7 ** 2",
    "x = 3\nx += 4\nx -= 1\nx *= 2\nx //= 5\nx",
    "a, b = 1, 2\na, b = b, a\n[a, b], (a, b), {a, b}, {a: b}",
    "[a, (b, c)] = 1, (2, 3)\na + b + c",
    "1 < 2 < 3, 1 < 2 > 3, not 1, 1 and 0 or 2, None is None, 2 in [1, 2], 'a' not in 'bc'",
    "x = 5\n'big' if x > 3 else 'small'",
    "t = 0\nfor i in range(10):\n    if i % 2:\n        continue\n    if i > 6:\n        break\n    t += i\nelse:\n    t = -1\nt",
    "n = 27\nsteps = 0\nwhile n != 1:\n    n = n // 2 if n % 2 == 0 else 3 * n + 1\n    steps += 1\nelse:\n    steps = -steps\nsteps",
    "n = 0\nwhile n < 10:\n    n += 1\n    if n % 2:\n        continue\n    if n == 8:\n        break\nn",
    "for i in [1, 2]:\n    for j in [1, 2, 3]:\n        if j == 2:\n            break\n    else:\n        i = 0\n(i, j)",
    "[x * y for x in range(4) if x % 2 for y in range(3)]",
    "{k: v for k, v in zip('abc', [1, 2, 3])}",
    "{len(w) for w in 'a bb cc'.split()}",
    "x = 1\n[x for x in [5, 6]]\nx",
    "d = {'a': 1}\nd['b'] = 2\nd['a'] += 5\nd.update({'c': 3})\nsorted(d.items()), d.get('z', 0), list(d), len(d)",
    "x = [1, 2]\ny = x\nx += [3]\nx.append(4)\ny",
    "x = {1}\ny = x\nx |= {2}\ny",
    "x = (1,)\ny = x\nx += (2,)\nx, y",
    "s = 'Hello, World'\ns.upper(), s[::-1], s[7:], s.replace('l', 'L'), s.split(', '), s.startswith('He'), s.find('o')",
    "f\"{3.14159:.2f}|{'x':>5}|{42:05d}|{1e6:,}|{'q'!r}|{5:{3}}\"",
    "max(3, 1), min([4, 2]), sum([1, 2.5]), abs(-3), round(2.567, 1), divmod(7, 3), pow(2, 10), sorted([3, 1], reverse=True)",
    "sqrt(16), floor(2.7), ceil(2.1), log(e), pi, comb(5, 2), factorial(10), gcd(12, 18), hypot(3, 4)",
    "max(['aa', 'b'], key=len), sorted(['b', 'AA'], key=len)",
    "list(enumerate('ab')), list(reversed([1, 2])), list(zip([1], [2])), all([1]), any([])",
    "print('total', 3, sep='=')\nprint(1, end='')",
    "1 / 0",
    "[1][5]",
    "{'a': 1}['b']",
    "a, b = 1, 2, 3",
    "a, b, c = 1, 2",
    "'a' + 1",
    "int('x')",
    "unknown + 1",
    "for i in 5: pass",
    "[] < 1",
    "sum = 5\nsum + 1",
    "if []:\n    1\nelif 0:\n    2\nelse:\n    x = 3\nx",
    "1_000, 0xff, 1e3, 2j, True, None, 'a' 'b'",
    "x = [[1, 2], [3, 4]]\nx[1][0] = 9\nx, [row[0] for row in x], x[-1:]",
]


@pytest.mark.parametrize("source", ORDINARY)
def test_a_formula_means_what_cpython_means(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same output, value, exception type and message as `exec`, and the same names afterwards."""
    ours = outcome(lambda: run(judge(source, POLICY, ())), capsys)
    assert ours == outcome(lambda: plain(source), capsys)


def test_names_stay_from_one_formula_to_the_next_also_after_an_error() -> None:
    """A notebook's behaviour."""
    names: dict[str, Any] = {"__name__": "__main__"}
    names["__builtins__"] = dispatch.builtins_for(POLICY, None, names, {})  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        dispatch.run(judge("x = 41\ny = 1 / 0", POLICY, ()), names)
    assert dispatch.run(judge("x + 1", POLICY, ()), names) == 42
    assert set(names) == {"__name__", "__builtins__", "x"}


def test_a_tool_is_called_by_its_name_and_its_result_is_a_value() -> None:
    """What the host hands over."""
    names: dict[str, Any] = {"__name__": "__main__"}
    tools = {"rate": lambda currency: {"EUR": 1.1}[currency]}
    names["__builtins__"] = dispatch.builtins_for(POLICY, None, names, tools)  # type: ignore[arg-type]
    judgement = judge("100 * rate('EUR')", POLICY, ("rate",))
    assert judgement.report.tools == ("rate",)
    assert dispatch.run(judgement, names) == pytest.approx(110)
