"""The one door to system calls that CPython has no function for.

SAFETY: a wrong argument here corrupts the zygote or the worker, never the host: the host does not import this package
(a house test keeps it so). Every number below is fixed by the kernel's ABI and never changes.
"""

from __future__ import annotations

import ctypes
import os
import platform

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

# Source: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
_NUMBERS = {
    "x86_64": {"seccomp": 317, "capset": 126, "close_range": 436, "landlock_create_ruleset": 444,
               "landlock_add_rule": 445, "landlock_restrict_self": 446, "mount_setattr": 442, "pivot_root": 155},
    "aarch64": {"seccomp": 277, "capset": 91, "close_range": 436, "landlock_create_ruleset": 444,
                "landlock_add_rule": 445, "landlock_restrict_self": 446, "mount_setattr": 442, "pivot_root": 41},
}  # fmt: skip

MACHINE = platform.machine()


def call(name: str, *arguments: object) -> int:
    """One system call by name. Raises `OSError` with its errno, or for a machine without a table."""
    if MACHINE not in _NUMBERS:
        raise OSError(f"machine {MACHINE!r} is not supported: expected one of {', '.join(sorted(_NUMBERS))}")
    result: int = LIBC.syscall(ctypes.c_long(_NUMBERS[MACHINE][name]), *arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def prctl(option: int, second: int = 0, third: int = 0, fourth: int = 0, fifth: int = 0) -> int:
    """prctl(2). Raises `OSError`."""
    result: int = LIBC.prctl(
        ctypes.c_int(option),
        ctypes.c_ulong(second),
        ctypes.c_ulong(third),
        ctypes.c_ulong(fourth),
        ctypes.c_ulong(fifth),
    )
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
    return result


def forget_attributes(cls: type) -> None:
    """CPython keeps what it looked up in a type; after its dict was changed from outside, that is no longer true."""
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))
