"""What the gate costs: judging against plain `compile()`, running what passed against plain `exec`. Ratios of one run.

python benchmarks/gate.py            the table; exit status 1 where a bar is missed
"""

from __future__ import annotations

import builtins
import importlib
import math
import statistics
import sys
import timeit
from typing import Any

from RestrictedPython import compile_restricted_exec

from safe_codeact.gate.check import judge
from safe_codeact.guest.guards import guarded_builtins, install
from safe_codeact.guest.interpreters.compiled import run
from safe_codeact.policy.effective import ImportRule, Language, Policy

JUDGING_BAR, MEAN_BAR, WORST_BAR = 6.0, 1.10, 1.3
POLICY = Policy(language=Language(imports=tuple(ImportRule(module=name) for name in ("math", "collections", "numpy"))))

ACTION = '''
import math
from collections import Counter, defaultdict

data = [
    {"name": "Ann", "region": "north", "amount": 120.5, "tags": ["a", "b"]},
    {"name": "Bob", "region": "south", "amount": 80.25, "tags": ["b"]},
    {"name": "Cy", "region": "north", "amount": 45.0, "tags": []},
]

totals = defaultdict(float)
for row in data:
    totals[row["region"]] += row["amount"]

def growth(old, new):
    """Relative growth, or None."""
    if old == 0:
        return None
    return (new - old) / old

class Report:
    def __init__(self, rows):
        self._rows = list(rows)
        self.counts = Counter(tag for row in rows for tag in row["tags"])

    def best(self, key="amount"):
        return max(self._rows, key=lambda row: row[key])

report = Report(data)
print(f"best: {report.best()['name']} of {len(data)} rows, {math.sqrt(totals['north']):.2f}")
for tag, count in sorted(report.counts.items(), key=lambda pair: -pair[1]):
    print("{}: {}".format(tag, count))
growth(totals["south"], totals["north"])
'''

RUNNING = {
    "nested integer loops": """
def go():
    t = 0
    for i in range(400):
        for j in range(400):
            t += i ^ j
    return t
""",
    "recursive function": """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def go():
    return fib(20)
""",
    "dict and str word count": """
text = 'the quick brown fox jumps over the lazy dog ' * 800
def go():
    c = {}
    for w in text.split():
        c[w.upper()] = c.get(w.upper(), 0) + 1
    return c
""",
    "class with attributes and methods": """
class P:
    def __init__(self, x): self.x = x; self.n = 0
    def step(self, d): self.x += d; self.n += 1; return self.x
def go():
    p = P(0)
    for i in range(20000): p.step(i)
    return p.x
""",
    "comprehension and sort with key": """
rows = [{'k': (i * 7919) % 1000, 'v': i} for i in range(10000)]
def go():
    return sorted([r for r in rows if r['v'] % 2], key=lambda r: r['k'])
""",
    "numpy vector work": """
import numpy as np
a = np.arange(200000.0)
def go():
    return (np.sqrt(a) * 2 + a[::-1]).sum()
""",
    "class with private attributes": """
class P:
    def __init__(self): self._n = 0; self.__m = 1
    def _bump(self, d): self._n += d; self.__m ^= self._n; return self._n
def go():
    p = P()
    for i in range(20000): p._bump(i)
    return p._n
""",
    "str.format in a loop": """
def go():
    return ["{}: {:.2f}".format(i, i / 3) for i in range(10000)]
""",
}
NOT_IN_THE_MEAN = frozenset({"str.format in a loop"})


def _best(function: Any, number: int, repeat: int = 9) -> float:
    return min(timeit.repeat(function, number=number, repeat=repeat)) / number


def _importer(name: str, *rest: Any) -> Any:
    return importlib.import_module(name)


def _gated(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    names["__builtins__"] = guarded_builtins(POLICY, _importer, namespace=names)
    run(judge(source, POLICY, ()), names)
    return names


def _plain(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": vars(builtins)}
    exec(compile(source, "<action>", "exec", dont_inherit=True), names)
    return names


def _ratio(source: str) -> float:
    """The median over rounds in which both ways take turns: a busy machine slows both."""
    plain, gated = _plain(source)["go"], _gated(source)["go"]
    once = max(_best(plain, 1, 3), 1e-6)
    number = max(1, round(0.01 / once))
    rounds = [_best(gated, number, 3) / _best(plain, number, 3) for _ in range(7)]
    return statistics.median(rounds)


def main() -> int:
    install()
    plain = _best(lambda: compile(ACTION, "<action>", "exec", dont_inherit=True), 50)
    judged = _best(lambda: judge(ACTION, POLICY, ()), 50)
    restricted = _best(lambda: compile_restricted_exec(ACTION), 50)
    judging = judged / plain
    print(f"gate and compile of a 30-line action   {judging:5.2f}x of compile() (bar {JUDGING_BAR}x)")
    print(f"RestrictedPython's own transform       {restricted / plain:5.2f}x")
    ratios = {name: _ratio(source) for name, source in RUNNING.items()}
    for name, ratio in ratios.items():
        print(f"{name:<38} {ratio:5.2f}x of exec")
    counted = [ratio for name, ratio in ratios.items() if name not in NOT_IN_THE_MEAN]
    mean = math.exp(statistics.fmean(map(math.log, counted)))
    print(f"geometric mean of the seven            {mean:5.2f}x (bar {MEAN_BAR}x, worst {WORST_BAR}x)")
    return int(judging > JUDGING_BAR or mean > MEAN_BAR or max(counted) > WORST_BAR)


if __name__ == "__main__":
    sys.exit(main())
