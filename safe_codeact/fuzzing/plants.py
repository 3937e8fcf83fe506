"""Is the fuzzer any good? Holes that are made on purpose, and whether the property that must find each one does.

    python -m safe_codeact.fuzzing.plants [NAME ...] [--seed S] [--jobs N] [--out fuzz/PLANTED.md]

Each hole gets a process of its own, in which it is made before the product starts, by exchanging what is used in memory;
nothing of that is in the product, and no file is changed. A hole counts as found when its target raises `Escape` within the
budget of examples. The table (hole, property, examples needed) is written by this command. Exit status 1: one was not found.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from safe_codeact.fuzzing import planted
from safe_codeact.fuzzing.holes import Hole, Side

# Modules below safe_codeact.fuzzing, each with a tuple HOLES.
MODULES: Final = ("plants_gate", "plants_guest", "plants_host", "plants_layers", "plants_rules")
SEED: Final = 20_260_101
_SECONDS = 600.0  # of one hole, at most
# The zygote's bootstrap in a process with a hole: as the product's, and the hole first.
_BOOTSTRAP: Final = (
    "import sys; sys.path.append({{root!r}}); from safe_codeact.fuzzing.plants import plant; plant({name!r}, 'guest'); "
    "from safe_codeact.guest.zygote import main; main({{fd}})"
)


def holes() -> dict[str, Hole]:
    """All of them, by name."""
    found: dict[str, Hole] = {}
    for module in MODULES:
        for hole in importlib.import_module(f"safe_codeact.fuzzing.{module}").HOLES:
            if hole.name in found:
                raise ValueError(f"two holes are called {hole.name!r}")
            found[hole.name] = hole
    return found


def plant(name: str, side: Side) -> None:
    """Make the hole in this process, for good."""
    hole = holes()[name]
    planted.enter(name)
    if side in hole.sides:
        hole.make()
    if side == "host":
        from safe_codeact.host import zygote  # the host's side only: a guest loads none of it

        zygote._BOOTSTRAP = _BOOTSTRAP.format(name=name)


def look_for(name: str, seed: int = SEED) -> dict[str, Any]:
    """Fuzz with this hole, in a process of its own, until it is found or its budget is used up."""
    command = [sys.executable, "-W", "ignore", "-m", "safe_codeact.fuzzing.plants", "--one", name, "--seed", str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        return {"found": False, "examples": 0, "seconds": _SECONDS, "claim": "", "seen": "it took too long"}
    if done.returncode not in (0, 1) or not done.stdout.strip():
        return {"found": False, "examples": 0, "seconds": 0.0, "claim": "", "seen": done.stderr.strip()[-400:]}
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _one(name: str, seed: int) -> dict[str, Any]:
    """In the process that has the hole."""
    plant(name, "host")
    from safe_codeact import Policy  # after the hole was made
    from safe_codeact.fuzzing import Setting, targets
    from safe_codeact.fuzzing.runner import explore

    hole = holes()[name]
    tally = explore(
        targets.load(hole.target),
        Setting(Policy.load(hole.policy)),
        seed=seed,
        examples=hole.examples,
        stop_at_first=True,
        shrink_seconds=0.0,
    )
    first = tally.findings[0] if tally.findings else None
    return {
        "found": first is not None,
        "examples": tally.examples_to_first or tally.examples,
        "seconds": round(tally.seconds, 1),
        "claim": first.claim if first else "",
        "seen": first.seen[:200] if first else "",
    }


def table(names: Sequence[str], seed: int, jobs: int) -> tuple[list[str], bool]:
    """Lines of Markdown, and whether all were found. `jobs` holes are looked for at a time."""
    lines = ["| hole | property | examples | seconds | what it saw |", "|---|---|---|---|---|"]
    whole = True
    every = holes()
    with ThreadPoolExecutor(jobs) as pool:
        for name, answer in zip(names, pool.map(functools.partial(look_for, seed=seed), names), strict=True):
            whole = whole and answer["found"]
            examples = str(answer["examples"]) if answer["found"] else f"not in {answer['examples']}"
            seen = answer["seen"].replace("|", "\\|").replace("\n", " ")[:90]
            lines.append(f"| {name} | {every[name].target} | {examples} | {answer['seconds']:.0f} | {seen} |")
            sys.stderr.write(lines[-1] + "\n")
    return lines, whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m safe_codeact.fuzzing.plants")
    parser.add_argument("names", nargs="*", help="holes to look for; all where none is given")
    parser.add_argument("--seed", type=int, default=SEED)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, help="holes at a time; as many as there are cores here")
    parser.add_argument("--out", type=Path, help="write the table into this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        answer = _one(asked.one, asked.seed)
        print(json.dumps(answer))
        return 0 if answer["found"] else 1
    names = asked.names or list(holes())
    unknown = sorted(set(names) - set(holes()))
    if unknown:
        parser.error(f"there is no hole {unknown[0]!r}; there are: {', '.join(holes())}")
    lines, whole = table(names, asked.seed, asked.jobs)
    if asked.out:
        asked.out.write_text(
            _PAGE.format(seed=asked.seed, count=len(names)) + "\n".join(lines) + "\n", encoding="utf-8"
        )
    return 0 if whole else 1


_PAGE: Final = """# Planted holes

Made by `make fuzz-plants` (seed {seed}; {count} holes): each hole is made in memory in a process of its own, and the property
beside it must find it. Examples: how many were tried until then, each time from a fresh process.

"""

if __name__ == "__main__":
    sys.exit(main())
