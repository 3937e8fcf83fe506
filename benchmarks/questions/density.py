"""What does a session cost that does nothing, and what does a worker that stands by?"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Answer, Figure
from benchmarks.policies import TABLES
from safe_codeact import Runtime, Session

SESSIONS = 10_000
DESCRIPTORS = 1024


def ask(scale: float) -> Answer:
    """A host of its own, with 1,024 descriptors, holds the sessions; and a standby worker is looked at from outside."""
    answer = Answer("density", "What idle sessions and standing workers hold")
    number = max(int(SESSIONS * min(scale, 1.0)), 200)
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks.questions import density; density.main({number})"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    held = json.loads(done.stdout)
    answer.figures = [
        Figure(
            question="density", what=f"host memory per idle session ({number:,} sessions, {DESCRIPTORS:,} descriptors)",
            value=held["kib"], unit="KiB", at_most=64.0, measured="resident memory of the host, each ran one action",
        ),
        Figure(
            question="density", what="descriptors per idle session", value=held["descriptors"], unit="", at_most=0.0,
            measured=f"{held['before']} before, {held['after']} after",
        ),
        Figure(
            question="density", what="processes per idle session", value=held["processes"], unit="", at_most=0.0,
            measured="children of the zygote beyond the standby",
        ),
    ]  # fmt: skip
    with Runtime(TABLES, standby=1) as runtime:
        dirty = standby_dirty_mib(runtime)
    if dirty is not None:
        answer.figures.append(
            Figure(
                question="density", what="private dirty memory of a standby worker (numpy, pandas)", value=dirty,
                unit="MiB", at_most=5.0, measured="Private_Dirty of smaps_rollup",
            )
        )  # fmt: skip
    return answer


def standby_dirty_mib(runtime: Runtime) -> float | None:
    """Of the worker that stands by longest; None where this user may not look (only root may, into other users')."""
    launcher = runtime._core.launcher
    runtime.session().run("1 + 1")
    while not launcher._ready:
        time.sleep(0.01)
    time.sleep(0.3)  # it rehearses after it has reported
    with contextlib.suppress(PermissionError):
        for line in Path(f"/proc/{launcher._ready[0].pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) / 1024
    return None


def hold(number: int) -> dict[str, float]:
    """In a process of its own: that many sessions with a state each, and what they hold here."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with Runtime("strict") as runtime:
        keep = [_used(runtime) for _ in range(50)]
        before, memory = len(os.listdir("/proc/self/fd")), _resident_kib()
        keep += [_used(runtime) for _ in range(number)]
        launcher = runtime._core.launcher
        patience = time.monotonic() + 10
        while (alive := len(launcher._alive)) > 2 and time.monotonic() < patience:
            time.sleep(0.01)
        after = len(os.listdir("/proc/self/fd"))
        kib = (_resident_kib() - memory) / number
        assert keep[7].run("x").value == "1"
        return {
            "kib": kib, "before": before, "after": after, "descriptors": max(after - before, 0) / number,
            "processes": max(alive - 2, 0) / number,
        }  # fmt: skip


def _used(runtime: Runtime) -> Session:
    session = runtime.session()
    assert session.run("x = 1").outcome == "completed"
    return session


def _resident_kib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise RuntimeError("no VmRSS")


def main(number: int) -> None:
    """In the process of its own: the figures, as JSON."""
    print(json.dumps(hold(number)))
