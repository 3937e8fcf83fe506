"""How a judged action is run. `exec` and `eval` live here and in `guards.dynamic`, and nowhere else."""

from __future__ import annotations
