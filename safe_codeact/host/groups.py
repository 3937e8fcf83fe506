"""A control group of version 2 around a runtime's zygotes and workers, where the machine's administrator has handed one over.

Threat        The limits of a worker are its own: many workers together, page tables, the kernel's memory for their sockets and
              files are counted by none of them.
What we do    One group for each runtime; its zygotes are taken in before they have read anything. `memory.max` (without swap)
              is the runtime's `max_memory_mb`, `pids.max` what it may start. What is left at its end, one write kills.
What fails    Dividing a group that processes live in: the kernel refuses (no internal processes), unless it is the root. So
              our groups are made beside this process, in a folder that is ours to divide: under systemd
              `Delegate=memory pids` with `DelegateSubgroup=host`, in a container a writable /sys/fs/cgroup and an
              entry point that has moved itself into a group of its own.
Gets through  What a zygote imported before it is taken in (some 30 MB) is not in the bill. There is no bound on processor
              time: workers are single-threaded, and each has a limit of its own.

https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Final

from safe_codeact.errors import ConfinementFailed, ConfinementUnavailable
from safe_codeact.policy.effective import Policy

MIB: Final = 1 << 20
_NEEDED: Final = ("memory", "pids")
_NAME: Final = "safe_codeact-"
_OTHERS: Final = 8  # the zygote, the first of its table, those that try what can be had here; each ends or is one
_EMPTY_SECONDS: Final = 10.0


class Group:
    """A folder below /sys/fs/cgroup. None: no limit of that kind."""

    def __init__(self, folder: Path, memory_mb: int | None, processes: int | None) -> None:
        folder.mkdir(mode=0o755)
        self.folder = folder
        try:
            if processes is not None:
                self._limit("pids.max", str(processes))
            if memory_mb is not None:
                self._limit("memory.max", str(memory_mb * MIB))
                if (folder / "memory.swap.max").exists():
                    self._limit("memory.swap.max", "0")
        except OSError:
            folder.rmdir()
            raise

    def _limit(self, name: str, value: str) -> None:
        (self.folder / name).write_text(value, encoding="ascii")

    def take_in(self, pid: int) -> None:
        """This process, and what it forks from now on. Raises `ConfinementFailed`."""
        try:
            self._limit("cgroup.procs", str(pid))
        except OSError as error:
            raise ConfinementFailed(f"the control group {self.folder} takes no process in: {error.strerror}") from None

    def end(self) -> None:
        """Kill what is left in it and remove it. What cannot be removed now, the next runtime of this machine removes."""
        with contextlib.suppress(OSError):  # Linux before 5.14 has no such file: then each was killed by itself before
            self._limit("cgroup.kill", "1")
        deadline = time.monotonic() + _EMPTY_SECONDS
        while time.monotonic() < deadline:
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:  # a killed process leaves its group when it is reaped
                time.sleep(0.005)
            else:
                return


def make(policy: Policy, memory_mb: int | None, workers: int) -> Group | None:
    """A group for so many workers, and `memory_mb` for all of them and their zygotes. None where there is none to be had,
    or the policy says `off`. Raises `ConfinementUnavailable` where it is required."""
    if policy.isolation.cgroup == "off":
        return None
    folder, problem = place()
    if not problem:
        _remove_left(folder)
        processes = None if policy.isolation.zygote == "session" else workers + _OTHERS  # sessions are not counted
        try:
            return Group(folder / f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}", memory_mb, processes)
        except OSError as error:
            problem = f"{error.filename or folder}: {error.strerror}"
    if policy.isolation.cgroup == "required":
        raise ConfinementUnavailable(
            f"isolation.cgroup: required, and not to be had here: {problem}. Under systemd: `Delegate=memory pids` and "
            "`DelegateSubgroup=host` in the unit; elsewhere a folder below /sys/fs/cgroup that is this user's; or say "
            "`preferred`. `safe-codeact doctor` says what this machine offers."
        )
    return None


def place() -> tuple[Path, str]:
    """The folder that our groups are made in, able to pass both controllers on; or what is in the way, in words."""
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="utf-8")
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    except OSError as error:
        return Path(), f"unknown: {error}"
    return find(own, mounts)


def find(own: str, mounts: str) -> tuple[Path, str]:
    """From /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5)): this process's own group where that is the
    root, and else the one above."""
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    root = next(
        (fields[4] for line in mounts.splitlines() if (fields := line.split()) and "cgroup2" in _kind(fields)), None
    )
    if path is None or root is None:
        return Path(), "control groups of version 2 are not mounted here"
    top = Path(_unescaped(root))
    folder = top / path.lstrip("/")
    if folder != top:
        folder = folder.parent
    return folder, _why_not(folder)


def _why_not(folder: Path) -> str:
    """ "" for a folder that can be divided; it can from then on."""
    try:
        offers = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
        passed = (folder / "cgroup.subtree_control").read_text(encoding="ascii").split()
    except OSError as error:
        return f"the group {folder} is out of sight: {error.strerror}"
    lacking = [name for name in _NEEDED if name not in offers]
    if lacking:
        return f"no controllers are delegated here: {folder} offers {', '.join(offers) or 'none'}, not {' and '.join(lacking)}"
    if not os.access(folder, os.W_OK):
        return f"{folder} offers {', '.join(offers)}, and is not this user's to divide"
    if set(_NEEDED) <= set(passed):
        return ""
    try:
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in _NEEDED), encoding="ascii")
    except OSError as error:
        return f"{folder} offers {', '.join(offers)}, and does not pass them on: {error.strerror}"
    return ""


def _remove_left(folder: Path) -> None:
    """The groups of hosts that were killed: nothing lives in them, and the process in their name is gone."""
    for left in folder.glob(f"{_NAME}*-*"):
        host = left.name.removeprefix(_NAME).partition("-")[0]
        if host.isdecimal() and not Path(f"/proc/{host}").exists():
            with contextlib.suppress(OSError):
                left.rmdir()


def _kind(fields: list[str]) -> list[str]:
    """The fields after the lone dash: type, source, options."""
    return fields[fields.index("-") + 1 :][:1] if "-" in fields else []


def _unescaped(path: str) -> str:
    """The kernel writes a space as \\040, and so on."""
    return path.encode("latin-1", "replace").decode("unicode_escape") if "\\" in path else path
