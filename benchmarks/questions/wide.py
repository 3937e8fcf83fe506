"""What does the shipped `analysis`, with all that it preloads, cost actions that need pandas only?"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figures import Answer, Figure, alternate, shown
from benchmarks.policies import TABLES
from safe_codeact import Runtime

ROUNDS = 60
SOURCE = "import pandas as pd\npd.DataFrame({'a': [1, 2, 3], 'b': [4, 5, 6]}).groupby('a')['b'].sum().tolist()"


def ask(scale: float) -> Answer:
    """The same action under both, in turns."""
    answer = Answer("wide", "The same pandas action under `analysis` and with pandas only")
    started = time.perf_counter()
    with Runtime("analysis") as wide:
        first = wide.session()
        assert first.run("1 + 1").value == "2"
        began = time.perf_counter() - started
        with Runtime(TABLES) as narrow:
            one, other = wide.session(), narrow.session()
            sides = {
                "analysis": lambda: _check(one.run(SOURCE).value),
                "pandas only": lambda: _check(other.run(SOURCE).value),
            }
            answer.bars = taken = alternate(sides, max(int(ROUNDS * scale), 8), pause=0.05)
        zygote = wide._core.launcher._zygote.pid
        proportional = _status(zygote, "VmRSS:")
    a, b = taken["analysis"], taken["pandas only"]
    answer.figures = [
        Figure(
            question="wide", what="pandas action under analysis : pandas only", value=a.median / b.median, unit="×",
            at_most=1.3, measured=f"{shown(a.median)} ms ({a.spread}) : {shown(b.median)} ms ({b.spread})",
        ),
        Figure(question="wide", what="start of analysis to first result", value=began, unit="s", measured="once"),
        Figure(question="wide", what="memory of its zygote", value=proportional, unit="MiB", measured="VmRSS"),
    ]  # fmt: skip
    return answer


def _check(value: str | None) -> None:
    assert value == "[4, 5, 6]", value


def _status(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0
