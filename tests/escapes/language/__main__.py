"""`python tests/escapes/language`: both tables of the language layer, with counts, also without RestrictedPython."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "gate")]

from attempts import AGAINST_THE_GATE, ATTEMPTS  # noqa: E402
from attempts_deeper import DEEPER, DEEPER_AGAINST_THE_GATE  # noqa: E402
from gated_runs import run_all  # noqa: E402
from test_gate_corpus import PROGRAMS  # noqa: E402


def main() -> None:
    plain = run_all(list(PROGRAMS.values()), "plain")
    for mode in ("gated", "without-restrictedpython"):
        print(f"\n{mode}\n{'attempts':<62}{'all':>5}{'gate':>6}{'guard':>6}{'harmless':>9}{'escaped':>8}")
        totals = [0, 0, 0, 0, 0]
        for kind, sources in {**ATTEMPTS, **DEEPER, **AGAINST_THE_GATE, **DEEPER_AGAINST_THE_GATE}.items():
            results = run_all(sources, mode)
            escaped = sum(result["loot"] for result in results)
            gate = sum(bool(result["refused"]) for result in results)
            guard = sum((result["error"] or [""])[0] == "ActionRefused" and not result["loot"] for result in results)
            row = [len(sources), gate, guard, len(sources) - gate - guard - escaped, escaped]
            totals = [total + count for total, count in zip(totals, row, strict=True)]
            print(f"{kind:<62}{row[0]:>5}{row[1]:>6}{row[2]:>6}{row[3]:>9}{row[4]:>8}")
        print(f"{'in all':<62}{totals[0]:>5}{totals[1]:>6}{totals[2]:>6}{totals[3]:>9}{totals[4]:>8}")
        gated = run_all(list(PROGRAMS.values()), mode)
        same = sum({**a, "loot": 0} == {**b, "loot": 0} for a, b in zip(plain, gated, strict=True))
        print(f"ordinary programs with CPython's result: {same} of {len(PROGRAMS)}")


main()
