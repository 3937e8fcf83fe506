"""The benchmark: every question, or those that are named; a table on stdout, JSON, Markdown and plots in a folder.

    python -m benchmarks [QUESTION…] [--scale S] [--out FOLDER]

Exit status 1 where a goal is missed. `--scale 0.2` takes a fifth of the rounds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import machine, plots, report
from benchmarks.questions import QUESTIONS


def main() -> int:
    """Ask, write, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of: {', '.join(QUESTIONS)} (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rounds (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    given = parser.parse_args()
    unknown = [name for name in given.questions if name not in QUESTIONS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no question; there are {', '.join(QUESTIONS)}")
    facts, answers = machine.describe(), []
    for name in given.questions or QUESTIONS:
        print(f"{name} …", file=sys.stderr, flush=True)
        answers.append(QUESTIONS[name](given.scale))
    report.write(given.out, facts, answers)
    plots.draw(given.out, answers)
    print(report.markdown(facts, answers))
    return int(any(figure.is_met is False for answer in answers for figure in answer.figures))


if __name__ == "__main__":
    sys.exit(main())
