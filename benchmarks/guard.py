"""Has an action become more expensive? Counted, not timed: what is counted is the same on a busy machine.

    python -m benchmarks.guard             compare with benchmarks/recorded.json; exit status 1 where something has doubled
    python -m benchmarks.guard --record    write it anew, for this minor version of Python

Function calls of the host per action, function calls and copied pages of the worker from the request to its last word, and
modules that are imported: each is what a time is made of, and none depends on who else uses the machine. Library versions
move them a little, so only a gross loss fails; every figure is printed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import phases
from benchmarks.policies import TABLES
from safe_codeact import Runtime

RECORDED = Path(__file__).with_name("recorded.json")
GROSS = 2.0
SLACK = 100  # pages, calls, modules: the smallest figures move by a few
ROUNDS = 7
_MODULES = "import sys; before = set(sys.modules); import {what}; print(len(set(sys.modules) - before))"


def count() -> dict[str, float]:
    """All figures, by name."""
    found: dict[str, float] = {"host: function calls per action": _host_calls()}
    for name, source in phases.SOURCES.items():
        table = phases.measure(TABLES, source, ROUNDS)
        found[f"worker: pages copied, {name}"] = sum(
            pages for phase, (_, pages) in table.items() if not phase.startswith("(")
        )
        found.setdefault(
            "worker: private dirty KiB standing by", next(p for n, (_, p) in table.items() if "dirty" in n)
        )
        found[f"worker: function calls, {name}"] = phases.calls(TABLES, source)
    for what in ("safe_codeact", "safe_codeact.runtime", "safe_codeact.guest.zygote", "safe_codeact.cli.app"):
        found[f"modules of `import {what}`"] = _modules(what)
    return found


def _host_calls() -> float:
    """Of the thread that calls `session.run`."""
    calls = 0

    def profile(_frame: Any, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with Runtime("strict") as runtime:
        session = runtime.session()
        counted = []
        for _ in range(ROUNDS):
            calls = 0
            sys.setprofile(profile)
            try:
                assert session.run("1 + 1").value == "2"
            finally:
                sys.setprofile(None)
            counted.append(calls)
    return statistics.median(counted)


def _modules(what: str) -> int:
    command = [sys.executable, "-c", _MODULES.format(what=what)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ}).stdout)


def main() -> int:
    """Record, or compare."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    found = count()
    if "--record" in sys.argv[1:]:
        recorded[version] = found
        RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    before = recorded.get(version)
    if before is None:
        print(f"nothing is recorded for Python {version}: python -m benchmarks.guard --record", file=sys.stderr)
        before = found
    worse = []
    for name, value in found.items():
        ratio = value / before[name] if before.get(name) else 1.0
        worse += [name] if ratio >= GROSS and value - before.get(name, value) >= SLACK else []
        print(f"{name:60} {value:8,.0f}  recorded {before.get(name, value):8,.0f}  {ratio:5.2f}×")
    for name in worse:
        print(f"gross loss: {name}", file=sys.stderr)
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
