"""`python tests/escapes`: the layer ablation, as a table. Exit status 1 when a layer alone contains less than it claims."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import ablation

KERNEL_OFF_AT_LEAST = 0.99


def main() -> int:
    rows = ablation.table()
    print(f"{'contained':<14}{'attacks':>9}{'all on':>16}{'gate off':>16}{'kernel off':>16}")
    for row in rows:
        shares = [f"{count} ({count / row.attacks:.1%})" for count in (row.all_on, row.gate_off, row.kernel_off)]
        print(f"{row.corpus:<14}{row.attacks:>9}" + "".join(f"{share:>16}" for share in shares))
    whole = all(row.all_on == row.gate_off == row.attacks for row in rows)
    return 0 if whole and all(row.kernel_off >= KERNEL_OFF_AT_LEAST * row.attacks for row in rows) else 1


sys.exit(main())
