"""How long until the first result, from nothing?"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks.figures import Answer, Figure, Sample, alternate, shown
from benchmarks.plain import QUIET
from benchmarks.policies import TABLES
from safe_codeact import Policy, Runtime
from safe_codeact.guest.preload import preload_names

ROUNDS = 15
_IMPORT = (
    "import importlib\nfor name in {names!r}:\n    try: importlib.import_module(name)\n    except ImportError: pass"
)
_FIRST = "from safe_codeact import Runtime\nwith Runtime('strict') as runtime: runtime.session().run('1 + 1')"


def ask(scale: float) -> Answer:
    """Processes that start, import, or run one action; and `with Runtime` in a process that has the package imported."""
    strict = Policy.load("strict")
    sides: dict[str, Callable[[], float | None]] = {
        "python -I -c pass": _process("-I", "-c", "pass"),
        "python -c pass": _process("-c", "pass"),
        "import safe_codeact": _process("-c", "import safe_codeact"),
        "safe-codeact --help": _process("-m", "safe_codeact", "--help"),
        "Runtime(strict) to first result": lambda: _first(strict),
        "bare import, strict": _process("-c", _IMPORT.format(names=preload_names(strict))),
        "Runtime(tables) to first result": lambda: _first(TABLES),
        "bare import, tables": _process("-c", _IMPORT.format(names=preload_names(TABLES))),
        "script from nothing (strict)": _process("-c", _FIRST),
    }
    answer = Answer("start", "From nothing")
    answer.bars = taken = alternate(sides, max(int(ROUNDS * scale), 5), warm=1)
    answer.figures = [
        _above(taken, "import safe_codeact", "python -c pass", 30.0),
        _above(taken, "safe-codeact --help", "python -c pass", 150.0),
        _ratio(taken, "Runtime(strict) to first result", "bare import, strict", 1.3),
        _ratio(taken, "Runtime(strict) to first result", "python -I -c pass", 10.0),
        _ratio(taken, "Runtime(tables) to first result", "bare import, tables", 1.3),
    ]
    return answer


def _ratio(taken: dict[str, Sample], name: str, of: str, at_most: float) -> Figure:
    one, other = taken[name], taken[of]
    measured = f"{shown(one.median)} ms ({one.spread}) : {shown(other.median)} ms ({other.spread})"
    value = one.median / other.median
    return Figure(question="start", what=f"{name} : {of}", value=value, unit="×", at_most=at_most, measured=measured)


def _above(taken: dict[str, Sample], name: str, of: str, at_most: float) -> Figure:
    one, other = taken[name], taken[of]
    measured = f"{shown(one.median)} ms ({one.spread}) − {shown(other.median)} ms ({other.spread})"
    value = one.median - other.median
    return Figure(
        question="start", what=f"{name} above {of}", value=value, unit="ms", at_most=at_most, measured=measured
    )


def _process(*arguments: str) -> Callable[[], None]:
    return functools.partial(_run, [sys.executable, *arguments])


def _run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, **QUIET})


def _first(policy: Policy) -> None:
    with Runtime(policy) as runtime:
        assert runtime.session().run("1 + 1").value == "2"
