"""Installing a filter that `confine.syscalls` describes and `kernel.export` made.

The program is bytes that ship with the package: a worker neither compiles nor decides anything, and a machine without
libseccomp is confined all the same. An empty or odd-sized program is an error, never "no filter".
"""

from __future__ import annotations

import ctypes

from safe_codeact.kernel.libc import call

_SET_MODE_FILTER = 1
_GET_ACTION_AVAILABLE = 2
_NEW_LISTENER = 1 << 3
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
    count = _whole(program)
    _install(program, 0)
    return count


def install_listened(program: bytes) -> int:
    """The same, and returns the descriptor on which the program's notifications arrive (seccomp_unotify(2)).

    Raises `OSError`: EBUSY where a filter around us has a listener already, EINVAL before Linux 5.0.
    """
    _whole(program)
    return _install(program, _NEW_LISTENER)


def _whole(program: bytes) -> int:
    count, odd = divmod(len(program), _INSTRUCTION)
    if not count or odd:
        raise ValueError(f"a seccomp program of {len(program)} bytes is not a whole, positive number of instructions")
    return count


def _install(program: bytes, flags: int) -> int:
    prepared = _Program(len(program) // _INSTRUCTION, program)
    return call("seccomp", ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(flags), ctypes.byref(prepared))
