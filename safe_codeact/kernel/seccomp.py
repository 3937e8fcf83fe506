"""Installing a filter that `confine.syscalls` describes and `kernel.export` made.

The program is bytes that ship with the package: a worker neither compiles nor decides anything, and a machine without
libseccomp is confined all the same. An empty or odd-sized program is an error, never "no filter".
"""

from __future__ import annotations

import ctypes

from safe_codeact.kernel.libc import call

_SET_MODE_FILTER = 1
_GET_ACTION_AVAILABLE = 2
_KILL_PROCESS = 0x80000000
_INSTRUCTION = 8  # bytes: struct sock_filter


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def available() -> bool:
    """Whether this kernel, and whatever filter is around us, lets a process install a filter that kills."""
    action = ctypes.c_uint32(_KILL_PROCESS)
    try:
        call("seccomp", ctypes.c_uint(_GET_ACTION_AVAILABLE), ctypes.c_uint(0), ctypes.byref(action))
    except OSError:
        return False
    return True


def install(program: bytes) -> int:
    """Confine this thread for good; returns the number of instructions. Needs no_new_privs."""
    count, odd = divmod(len(program), _INSTRUCTION)
    if not count or odd:
        raise ValueError(f"a seccomp program of {len(program)} bytes is not a whole, positive number of instructions")
    prepared = _Program(count, program)
    call("seccomp", ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(0), ctypes.byref(prepared))
    return count
