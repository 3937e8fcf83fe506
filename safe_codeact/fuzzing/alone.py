"""One property as a program: `python fuzz/gate.py --seconds 60 --seed 1 --policy my.yaml`."""

from __future__ import annotations

import sys

from safe_codeact import cli


def main(target: str) -> None:
    """`safe-codeact fuzz` for this target, with the process's own arguments. Ends the process."""
    sys.argv[1:1] = ["fuzz", "--target", target]
    cli.main()
