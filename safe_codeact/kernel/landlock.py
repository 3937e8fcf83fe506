"""Landlock: which files, sockets and signals a process may reach, decided by the kernel.

Threat: an interpreter that the guest owns opens paths by itself. We give the kernel a list of directories and files,
each with what may be done beneath it; everything else that Landlock handles is refused. What still gets through:
stat, readlink, chmod, chown, utime and xattr calls by path (no Landlock access right exists for them; see SECURITY.md),
and descriptors that were opened before (which is why they are closed first).
Source: https://docs.kernel.org/userspace-api/landlock.html, ABI 1 to 7.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from safe_codeact.kernel.libc import call

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

FS = {
    "execute": 1 << 0,
    "write_file": 1 << 1,
    "read_file": 1 << 2,
    "read_dir": 1 << 3,
    "remove_dir": 1 << 4,
    "remove_file": 1 << 5,
    "make_char": 1 << 6,
    "make_dir": 1 << 7,
    "make_reg": 1 << 8,
    "make_sock": 1 << 9,
    "make_fifo": 1 << 10,
    "make_block": 1 << 11,
    "make_sym": 1 << 12,
    "refer": 1 << 13,
    "truncate": 1 << 14,
    "ioctl_dev": 1 << 15,
}
_FS_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many of the bits above each ABI knows
_NET_ALL = 0b11  # bind and connect TCP, ABI 4
_SCOPE_ALL = 0b11  # abstract unix sockets and signals, ABI 6
_FILE_RIGHTS = FS["execute"] | FS["write_file"] | FS["read_file"] | FS["truncate"] | FS["ioctl_dev"]

READ = FS["read_file"] | FS["read_dir"]
# No devices, sockets or FIFOs, and no symbolic links: what the host walks afterwards is files and folders.
WRITE = (
    READ | FS["write_file"] | FS["truncate"] | FS["make_reg"] | FS["make_dir"] | FS["remove_file"] | FS["remove_dir"]
)
# Renaming between folders of the same slot needs "refer" (ABI 2).
WRITE |= FS["refer"]


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The Landlock ABI of this kernel; 0 when it has none or a filter around us forbids it."""
    try:
        return call(
            "landlock_create_ruleset", ctypes.c_void_p(None), ctypes.c_size_t(0), ctypes.c_uint(_CREATE_RULESET_VERSION)
        )
    except OSError:
        return 0


def handled_rights(version: int) -> int:
    """All file-system rights that the ABI knows: what is not granted beneath some path is then refused."""
    known = _FS_RIGHTS_BY_ABI[min(version, max(_FS_RIGHTS_BY_ABI))]
    return (1 << known) - 1


def open_rule(path: str, *, writable: bool) -> tuple[int, int]:
    """A descriptor (O_PATH) for `path` and the rights beneath it. Raises `OSError` when it does not exist."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rights = WRITE if writable else READ
    if not os.path.isdir(path):
        rights &= _FILE_RIGHTS
    return descriptor, rights


def restrict(rules: Iterable[tuple[int, int]], version: int) -> None:
    """Confine this thread for good. `rules` are descriptors with the rights beneath them; closes none of them."""
    handled = handled_rights(version)
    attributes = _RulesetAttributes(handled, _NET_ALL if version >= 4 else 0, _SCOPE_ALL if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = call("landlock_create_ruleset", ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint(0))
    try:
        for descriptor, rights in rules:
            beneath = _PathBeneath(rights & handled, descriptor)
            call(
                "landlock_add_rule",
                ctypes.c_int(ruleset),
                ctypes.c_int(_RULE_PATH_BENEATH),
                ctypes.byref(beneath),
                ctypes.c_uint(0),
            )
        call("landlock_restrict_self", ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)
