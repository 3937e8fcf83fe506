"""A program: takes on the conditions that are named, then becomes the command that follows `--`.

`user`         an ordinary user, without groups (as root; others are one already)
`capabilities` none, in no set
`container`    a filter that refuses what a container's usual profile reserves for privileged ones
"""

from __future__ import annotations

import os
import struct
import sys

from safe_codeact.kernel import process, seccomp
from safe_codeact.kernel.libc import MACHINE

# What Docker's default profile keeps from a container without privileges, by its documentation
# (https://docs.docker.com/engine/security/seccomp/), as x86_64 and aarch64 number it.
_RESERVED = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "clock_adjtime": (305, 266), "clock_settime": (227, 112),
    "delete_module": (176, 106), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fsopen": (430, 430), "fspick": (433, 433), "get_mempolicy": (239, 236), "init_module": (175, 105),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "kcmp": (312, 272),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "keyctl": (250, 219), "lookup_dcookie": (212, 18),
    "mbind": (237, 235), "mount": (165, 40), "move_mount": (429, 429), "move_pages": (279, 239),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "pivot_root": (155, 41), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218), "set_mempolicy": (238, 237),
    "setns": (308, 268), "settimeofday": (164, 170), "swapon": (167, 224), "swapoff": (168, 225), "syslog": (103, 116),
    "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282), "vhangup": (153, 58), "chroot": (161, 51),
}  # fmt: skip
_CLONE, _CLONE3 = ((56, 435), (220, 435))[MACHINE != "x86_64"]
_NAMESPACES = 0x7E020000
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026


def _instruction(code: int, true: int, false: int, k: int) -> bytes:
    return struct.pack("<HBBI", code, true, false, k)


def container_filter() -> bytes:
    """One comparison after the other; `clone` is refused when it asks for a namespace, `clone3` does not exist."""
    program = _instruction(0x20, 0, 0, 0)
    for both in _RESERVED.values():
        program += _instruction(0x15, 0, 1, both[MACHINE != "x86_64"]) + _instruction(6, 0, 0, _EPERM)
    program += _instruction(0x15, 0, 1, _CLONE3) + _instruction(6, 0, 0, _ENOSYS)
    program += _instruction(0x15, 0, 4, _CLONE) + _instruction(0x20, 0, 0, 16)
    program += _instruction(0x45, 0, 1, _NAMESPACES) + _instruction(6, 0, 0, _EPERM)
    return program + _instruction(6, 0, 0, _ALLOW) * 2


def main() -> None:
    split = sys.argv.index("--")
    conditions, command = sys.argv[1:split], sys.argv[split + 1 :]
    if "container" in conditions:
        if os.geteuid() != 0:
            process.forbid_new_privileges()
        seccomp.install(container_filter())
    if "capabilities" in conditions:
        try:
            process.drop_bounding_set()
        except OSError:
            assert os.geteuid() != 0
    if "user" in conditions and os.geteuid() == 0:
        process.become(1000, 1000)
    if "capabilities" in conditions:
        process.drop_capabilities()
        os.environ["SAFE_CODEACT_CONDITION"] = "no capabilities"
    os.execv(command[0], command)


main()
