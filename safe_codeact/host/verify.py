"""Is the worker held as planned? And, for `doctor`: what does this machine offer?

The receipt is the worker's word; `/proc/<pid>/status` is the kernel's. Both must agree with the plan before a worker is
handed anything to read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from safe_codeact.confine.protections import Plan
from safe_codeact.confine.receipt import faults_of_receipt, faults_of_status
from safe_codeact.errors import SafeCodeActError
from safe_codeact.policy.effective import Policy


def faults(receipt: Mapping[str, Any], plan: Plan, pid: int) -> list[str]:
    """Everything wrong with a worker that says it is ready; an empty list means it is held as planned."""
    found = faults_of_receipt(receipt, plan)
    if receipt.get("pid") != pid:
        found.append("the receipt names another process")
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            found += faults_of_status(file.read(), plan)
    except OSError as error:
        found.append(f"/proc/{pid}/status cannot be read: {error.strerror}")
    return found


def survey(policy: Policy) -> list[tuple[str, str, str]]:
    """For `doctor`: (protection, "held" | "missing" | "not required", detail), each line tried on this very machine.

    The kernel is asked in a child process (the host never loads `ctypes`), and a real worker of the policy is made.
    """
    asked = subprocess.run(
        [sys.executable, "-s", "-P", "-m", "safe_codeact.kernel.probe"], capture_output=True, text=True, timeout=60
    )
    if asked.returncode != 0:
        last = asked.stderr.strip().splitlines()[-1:] or ["no word"]
        return [("kernel probe", "missing", f"it ended with status {asked.returncode}: {last[0]}")]
    offers = json.loads(asked.stdout)
    lines = [
        ("kernel", "held", f"Linux {offers['kernel']} on {offers['machine']}, CPython {offers['python']}"),
        *(
            _line(name, bool(offers[name]), getattr(policy.isolation, name), detail)
            for name, detail in (
                ("seccomp", "filters can be installed" if offers["seccomp"] else "seccomp(2) is refused here"),
                (
                    "landlock",
                    f"ABI {offers['landlock']}"
                    if offers["landlock"]
                    else "no Landlock: Linux 5.13 or newer with landlock among its security modules",
                ),
            )
        ),
        (
            "namespaces, cgroup",
            "not required" if "required" not in (policy.isolation.namespaces, policy.isolation.cgroup) else "missing",
            "not used by this version",
        ),
    ]
    lines.append(_try_worker(policy))
    return lines


def _line(name: str, there: bool, requirement: str, detail: str) -> tuple[str, str, str]:
    if there and requirement != "off":
        return name, "held", detail
    return name, "missing" if requirement == "required" else "not required", detail


def _try_worker(policy: Policy) -> tuple[str, str, str]:
    from safe_codeact.runtime import Runtime  # `runtime` imports this module

    try:
        with Runtime(policy, standby=1) as runtime, runtime.session() as session:
            observation = session.run("6 * 7")
            uid = runtime.worker_uid
    except SafeCodeActError as error:
        return "worker", "missing", str(error)
    if observation.value != "42":
        return "worker", "missing", f"an action ended as {observation.outcome}: {observation.text}"
    as_root = " without any capability: its interpreter lies where no other user may read" if uid == 0 else ""
    return "worker", "held", f"made, verified against its plan, and ran an action as uid {uid}{as_root}"
