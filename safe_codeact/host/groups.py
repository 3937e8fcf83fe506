"""Control groups of version 2: whether this process could limit its workers by one. Found out, and no more than that.

A group that bounds memory and processes together, page tables included, would be a better backstop than the limits per
process that are used. It takes a group that the machine's administrator handed over: its folder writable, and `memory` and
`pids` among the controllers that it may pass on (https://docs.kernel.org/admin-guide/cgroup-v2.html, Delegation). This
version uses none: a policy that requires one is refused everywhere, and `doctor` says what there would be.
"""

from __future__ import annotations

import os
from pathlib import Path

_NEEDED = ("memory", "pids")
UNUSED = "this version limits memory and processes without control groups"


def offered() -> str:
    """What there is here, in words."""
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="utf-8")
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    except OSError as error:
        return f"unknown: {error}"
    return describe(own, mounts)


def describe(own: str, mounts: str) -> str:
    """From /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5)), and from the group's folder itself."""
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    root = next(
        (fields[4] for line in mounts.splitlines() if (fields := line.split()) and "cgroup2" in _kind(fields)), None
    )
    if path is None or root is None:
        return "control groups of version 2 are not mounted here"
    folder = Path(_unescaped(root) + path)
    try:
        offers = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError as error:
        return f"this process's own group is out of its sight: {error.strerror}"
    lacking = [name for name in _NEEDED if name not in offers]
    if lacking:
        return f"no controllers are delegated here: its group offers {', '.join(offers) or 'none'}, not {' and '.join(lacking)}"
    if not os.access(folder, os.W_OK):
        return f"its group offers {', '.join(offers)}, and is not this user's to divide"
    return f"its group offers {', '.join(offers)}, and is this user's to divide"


def _kind(fields: list[str]) -> list[str]:
    """The fields after the lone dash: type, source, options."""
    return fields[fields.index("-") + 1 :][:1] if "-" in fields else []


def _unescaped(path: str) -> str:
    """The kernel writes a space as \\040, and so on."""
    return path.encode("latin-1", "replace").decode("unicode_escape") if "\\" in path else path
