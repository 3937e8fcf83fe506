"""Is the worker held as planned?

The receipt is the worker's word; `/proc/<pid>/status` is the kernel's. Both must agree with the plan before a worker is
handed anything to read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from safe_codeact.confine.protections import NAMESPACES, Plan
from safe_codeact.confine.receipt import faults_of_links, faults_of_receipt, faults_of_status, fields_of


def faults(receipt: Mapping[str, Any], plan: Plan, pid: int) -> list[str]:
    """Everything wrong with a worker that says it is ready; an empty list means it is held as planned."""
    found = faults_of_receipt(receipt, plan)
    enclosed = bool(receipt.get("namespaces"))
    try:
        status = _status(pid)
        fields = fields_of(status)
        parent = _status(int(fields.get("PPid", "0")))
    except (OSError, ValueError) as error:
        return [*found, f"/proc/{pid}/status, or its parent's, cannot be read: {error}"]
    if str(receipt.get("pid")) != fields.get("NSpid", str(pid)).split()[-1]:  # its own word for itself: the innermost
        found.append("the receipt names another process")
    if enclosed:
        found += _faults_of_namespaces(fields, plan, pid)
    return found + faults_of_status(status, plan, parent, enclosed=enclosed)


def _faults_of_namespaces(fields: Mapping[str, str], plan: Plan, pid: int) -> list[str]:
    """The kernel's word for the namespaces that a worker says it has entered.

    A host without privileges may read the links of its own user's processes, root those of all. Between the two is root
    in a container, without CAP_SYS_PTRACE: there the count of its pids is all that the kernel says.
    """
    if len(fields.get("NSpid", "").split()) < 2:
        return ["/proc says that its pid namespace is the host's"]
    try:
        theirs = {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMESPACES}
    except PermissionError as error:
        if plan.namespaces == "required":
            return [f"its namespaces are required, and this process may not look at them (CAP_SYS_PTRACE): {error}"]
        return []
    except (FileNotFoundError, ProcessLookupError):
        return []  # it has ended
    return faults_of_links(theirs, {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES})


def _status(pid: int) -> str:
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        return file.read()
