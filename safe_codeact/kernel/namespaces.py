"""Namespaces: a process table, mounts, a network, IPC and a host name that hold nothing of the machine's.

Threat: what no rule on opening covers. stat and readlink by path, abstract sockets of an old kernel, signals to processes
of the same user, System V memory: where the thing is not there, no call reaches it. What still gets through: the kernel
itself, and whatever a descriptor that was open before refers to (see `guest.lockdown`, which closes them).
SAFETY: these calls change the process that makes them for good, and only it and its children. `guest.enclosure` tries
them in a child first; the host makes none of them.
Source: namespaces(7), user_namespaces(7), mount_namespaces(7), pivot_root(2), mount_setattr(2).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from safe_codeact.kernel.libc import LIBC, call, prctl
from safe_codeact.kernel.process import PR_SET_DUMPABLE

# By the names under /proc/<pid>/ns. `user` comes first: it brings the privileges that the others ask for.
FLAGS = {
    "user": 0x10000000,
    "mnt": 0x00020000,
    "net": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "pid": 0x20000000,  # of the children: the process itself stays where it is
}
_PR_GET_DUMPABLE = 3
_WELL = "+"
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_ATTRIBUTES = {"rdonly": 1, "nosuid": 2, "nodev": 4, "noexec": 8}


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("user_namespace", ctypes.c_uint64),
    )


def _checked(what: str, result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    result = LIBC.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() if options else None,
    )
    _checked(f"mount {target}", result)


def unshare() -> None:
    """Leave all six at once, all or none, and stay who we are. Raises `OSError`.

    The new user namespace knows this user and this group by their own numbers, and nobody else: files belong to whom they
    belonged. Changing groups is given up first, as the kernel asks of whoever has no privilege outside.
    """
    uid, gid = os.geteuid(), os.getegid()  # afterwards, and until they are mapped, nobody has a number
    dumpable = prctl(_PR_GET_DUMPABLE)
    _checked("unshare", LIBC.unshare(ctypes.c_int(sum(FLAGS.values()))))
    prctl(PR_SET_DUMPABLE, 1)  # a process that gave up root does not own its files in /proc
    try:
        _write("setgroups", "deny")
        _write("uid_map", f"{uid} {uid} 1\n")
        _write("gid_map", f"{gid} {gid} 1\n")
    finally:
        prctl(PR_SET_DUMPABLE, dumpable)


def _write(name: str, text: str) -> None:
    descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())  # in one call, or the kernel refuses it
    except OSError as error:
        raise OSError(error.errno, f"{name}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def why_not(attempt: Callable[[], object]) -> str:
    """Try what changes a process for good in a child; "" if it went well, else the `OSError` in words."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, _said(attempt).encode("utf-8", "replace")[:1000])
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    return said.removeprefix(_WELL) or ("" if said else "the process that tried it was killed")


def _said(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        said = error.strerror or str(error)
        return f"{error.filename}: {said}" if error.filename else said
    return _WELL


def keep_mounts_private() -> None:
    """What is mounted here or outside from now on is seen on its own side only."""
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)


def mount_memory(target: str, *, size: int, inodes: int) -> None:
    """An empty file system in memory. `size` in bytes."""
    _mount(
        "safe_codeact", target, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, f"size={size},nr_inodes={inodes},mode=755"
    )


def bind(source: str, target: str, *, with_mounts_below: bool) -> None:
    """`source` under a second name. A source that has mounts of another owner below it can only be had with them."""
    _mount(source, target, None, _MS_BIND | (_MS_REC if with_mounts_below else 0))


def make_root(folder: str) -> None:
    """The mount at `folder` becomes everything that there is: the old root is let go, with all that was mounted in it."""
    os.chdir(folder)
    call("pivot_root", ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))  # the old root lies on the new one now
    _checked("umount2", LIBC.umount2(b".", ctypes.c_int(_MNT_DETACH)))
    os.chdir("/")


def restrict_mounts(path: str) -> None:
    """Read-only, nosuid, nodev and noexec, with every mount below it."""
    _set_attributes(path, _AT_RECURSIVE, _MountAttributes(set=sum(_ATTRIBUTES.values())))


def lift(restriction: str, path: str) -> None:
    """Take one of them ("rdonly", "nodev") from one mount again. Possible only before the capabilities are dropped."""
    _set_attributes(path, 0, _MountAttributes(clear=_ATTRIBUTES[restriction]))


def _set_attributes(path: str, flags: int, attributes: _MountAttributes) -> None:
    call(
        "mount_setattr",
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.c_uint(flags),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )


def name_machine(name: str) -> None:
    """The host name and the NIS domain that uname(2) tells."""
    text = name.encode()
    _checked("sethostname", LIBC.sethostname(text, ctypes.c_size_t(len(text))))
    _checked("setdomainname", LIBC.setdomainname(text, ctypes.c_size_t(len(text))))
