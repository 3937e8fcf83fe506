"""Starts the driver once for a whole table of programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_DRIVER = Path(__file__).with_name("turns_driver.py")


def run_jobs(jobs: list[dict[str, Any]], hash_seed: str = "0") -> list[Any]:
    """The driver's answers, in the order of `jobs`."""
    done = subprocess.run(
        [sys.executable, "-s", str(_DRIVER)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers
