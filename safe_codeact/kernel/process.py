"""What a process gives up: privileges, descriptors, resources.

Threat: a worker that keeps a capability, a descriptor of the zygote or a limit it may raise has a way out that neither
Landlock (which does not cover open descriptors) nor seccomp (which allows read and write) would close.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal

from safe_codeact.kernel.libc import call, prctl

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_DESCRIPTOR = 0xFFFFFFFF

LIMITS = {
    "as": resource.RLIMIT_AS,
    "data": resource.RLIMIT_DATA,
    "cpu": resource.RLIMIT_CPU,
    "fsize": resource.RLIMIT_FSIZE,
    "nofile": resource.RLIMIT_NOFILE,
    "nproc": resource.RLIMIT_NPROC,
    "core": resource.RLIMIT_CORE,
    "stack": resource.RLIMIT_STACK,
    "memlock": resource.RLIMIT_MEMLOCK,
    "msgqueue": resource.RLIMIT_MSGQUEUE,
}


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def forbid_new_privileges() -> None:
    """No execve will ever add privileges; also what lets an unprivileged process install a filter."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(parent: int) -> None:
    """SIGKILL when the parent's thread that forked us ends. The parent may be gone already: then we end now.

    Sound only below a single-threaded parent (the zygote asserts that it is one).
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def open_proc() -> int:
    """A handle on /proc, for whoever is about to lose sight of it; what is opened through it is about the opener."""
    return os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def read_proc(proc: int, path: str) -> str:
    """The text of a file below /proc, by the handle. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    with open(descriptor, encoding="ascii") as file:
        return file.read()


def count_threads(proc: int) -> int:
    """Of this process."""
    tasks = os.open("self/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
    try:
        return len(os.listdir(tasks))
    finally:
        os.close(tasks)


def die_before_others(proc: int) -> None:
    """When the machine runs out of memory, this process ends first, and not the host or somebody's database.

    `proc` is a handle on /proc. Anybody may raise the figure. Where it cannot be had, the kernel chooses by size alone.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open("self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
        try:
            os.write(descriptor, b"1000")
        finally:
            os.close(descriptor)


def open_pagemap(proc: int) -> int:
    """A descriptor of this process's own page map, or -1: for which of its pages were written to (proc(5)). `proc` is a
    handle on /proc.

    A process that gave up root is nobody's to look into, its own included: it is made somebody's for the moment.
    """
    try:
        return os.open("self/pagemap", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        prctl(PR_SET_DUMPABLE, 1)
    try:
        return os.open("self/pagemap", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return -1
    finally:
        prctl(PR_SET_DUMPABLE, 0)


def close_descriptors_above(highest: int, keep: int | None = None) -> None:
    """Close every descriptor greater than `highest`, whatever it is, but `keep`, which is greater as well."""
    ranges = [(highest + 1, _LAST_DESCRIPTOR)]
    if keep is not None:
        ranges = [(highest + 1, keep - 1), (keep + 1, _LAST_DESCRIPTOR)]
    for first, last in ranges:
        if first <= last:
            call("close_range", ctypes.c_uint(first), ctypes.c_uint(last), ctypes.c_uint(0))


def take_descriptors_up_to(highest: int) -> None:
    """Leave no number up to `highest` free: what is opened later is not in the way of what is put there."""
    while (taken := os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)) <= highest:
        pass
    os.close(taken)


def set_limits(limits: dict[str, tuple[int, int]]) -> None:
    """Each limit's soft and hard value, in bytes, seconds or counts (prlimit(2))."""
    for name, (soft, hard) in limits.items():
        resource.prlimit(0, LIMITS[name], (soft, hard))  # the one call for it that a filter of ours knows


def read_limits(*names: str) -> dict[str, list[int]]:
    """What the kernel says now of these limits, or of all, for the receipt."""
    return {name: list(resource.prlimit(0, LIMITS[name])) for name in names or LIMITS}


def drop_bounding_set() -> None:
    """Empty the capability bounding set and the ambient set. Needs CAP_SETPCAP; without it there is nothing to drop."""
    number = 0
    while True:
        try:
            held = prctl(PR_CAPBSET_READ, number)
        except OSError:
            break  # past the last capability that this kernel knows
        if held:
            prctl(PR_CAPBSET_DROP, number)
        number += 1
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets of this thread. Always allowed."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    nothing = (_CapabilityData * 2)()
    call("capset", ctypes.byref(header), ctypes.byref(nothing))


def become(uid: int, gid: int) -> None:
    """Give up root for good: groups first, because afterwards we may no longer drop them."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
