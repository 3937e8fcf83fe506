"""Hearing which system call a filter stopped, from outside the process that made it.

Threat: a listener that answers may let a call go on, and then the caller changes what its pointers point to (the man
page says why a notification is no way to judge). So there is no answer in this module: whoever hears of a call kills.
Nor does the kernel let a call go on by itself: with the listener gone, it fails with ENOSYS.
What still gets through: a signal of its own takes a caller out of its wait before anybody has read the notification.
The call was not made then, and nobody hears of it.

SAFETY: the buffer has the size that the kernel itself names; a shorter one would let it write past the end.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket

from safe_codeact.frozen import dataclass
from safe_codeact.kernel import process, seccomp
from safe_codeact.kernel.libc import LIBC, call

_GET_NOTIF_SIZES = 3
_RECEIVE = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV: _IOWR('!', 0, struct seccomp_notif), of 80 bytes
_PATIENCE_SECONDS = 5.0
_NO_CALL = 600  # no kernel has one of this number


class _Notification(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64),
        ("pid", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("number", ctypes.c_int),
        ("architecture", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


class _Sizes(ctypes.Structure):
    _fields_ = (("notification", ctypes.c_uint16), ("response", ctypes.c_uint16), ("data", ctypes.c_uint16))


@dataclass(frozen=True, slots=True)
class Call:
    """What was stopped. `number` is None where the caller was gone, or interrupted, before it could be read."""

    number: int | None
    architecture: int  # AUDIT_ARCH_* of include/uapi/linux/audit.h


_GONE = Call(None, 0)


def receive(listener: int) -> Call:
    """The call that waits at a listener that poll(2) found readable. Never blocks."""
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    if not any(events & select.POLLIN for _listener, events in poller.poll(0)):
        return _GONE  # the ioctl would wait for the next one
    buffer = ctypes.create_string_buffer(max(_sizes().notification, ctypes.sizeof(_Notification)))
    if LIBC.ioctl(ctypes.c_int(listener), ctypes.c_ulong(_RECEIVE), buffer) != 0:
        return _GONE
    heard = _Notification.from_buffer(buffer)
    return Call(heard.number, heard.architecture)


def _sizes() -> _Sizes:
    sizes = _Sizes()
    call("seccomp", ctypes.c_uint(_GET_NOTIF_SIZES), ctypes.c_uint(0), ctypes.byref(sizes))
    return sizes


def works(program: bytes) -> bool:
    """Whether a worker's listener will be heard here: tried with the worker's own program, in a throwaway child.

    Forks: for a process with one thread. A filter around us may have a listener already, or refuse one of the calls.
    """
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _stop_at_a_call(program, theirs, parent)
    theirs.close()
    try:
        return _hears(ours)
    except OSError:
        return False
    finally:
        ours.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _stop_at_a_call(program: bytes, handover: socket.socket, parent: int) -> None:
    """In the child: never comes back, and by the filter's word never gets past its call either."""
    try:
        process.die_with_parent(parent)
        process.forbid_new_privileges()
        socket.send_fds(handover, [b"\0"], [seccomp.install_listened(program)])
        LIBC.syscall(ctypes.c_long(_NO_CALL))
    finally:
        os._exit(1)


def _hears(handover: socket.socket) -> bool:
    handover.settimeout(_PATIENCE_SECONDS)
    _data, descriptors, _flags, _address = socket.recv_fds(handover, 1, 1)
    for listener in descriptors:
        poller = select.poll()
        poller.register(listener, select.POLLIN)
        poller.poll(_PATIENCE_SECONDS * 1000)
        heard = receive(listener)
        os.close(listener)
        return heard.number == _NO_CALL
    return False
