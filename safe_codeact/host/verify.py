"""Is the worker held as planned?

The receipt is the worker's word; `/proc/<pid>/status` is the kernel's. Both must agree with the plan before a worker is
handed anything to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_codeact.confine.protections import Plan
from safe_codeact.confine.receipt import faults_of_receipt, faults_of_status, fields_of


def faults(receipt: Mapping[str, Any], plan: Plan, pid: int) -> list[str]:
    """Everything wrong with a worker that says it is ready; an empty list means it is held as planned."""
    found = faults_of_receipt(receipt, plan)
    if receipt.get("pid") != pid:
        found.append("the receipt names another process")
    try:
        status = _status(pid)
        parent = _status(int(fields_of(status).get("PPid", "0")))
    except (OSError, ValueError) as error:
        return [*found, f"/proc/{pid}/status, or its parent's, cannot be read: {error}"]
    return found + faults_of_status(status, plan, parent)


def _status(pid: int) -> str:
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        return file.read()
