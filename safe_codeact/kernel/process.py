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


def die_before_others() -> None:
    """When the machine runs out of memory, this process ends first, and not the host or somebody's database.

    Anybody may raise the figure. Where /proc is not there, the kernel chooses by size alone.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def close_descriptors_above(highest: int) -> None:
    """Close every descriptor greater than `highest`, whatever it is."""
    call("close_range", ctypes.c_uint(highest + 1), ctypes.c_uint(0xFFFFFFFF), ctypes.c_uint(0))


def set_limits(limits: dict[str, tuple[int, int]]) -> None:
    """Each limit's soft and hard value, in bytes, seconds or counts (setrlimit(2))."""
    for name, (soft, hard) in limits.items():
        resource.setrlimit(LIMITS[name], (soft, hard))


def read_limits() -> dict[str, list[int]]:
    """What getrlimit(2) says now, for the receipt."""
    return {name: list(resource.getrlimit(number)) for name, number in LIMITS.items()}


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
