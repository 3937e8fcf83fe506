"""What every attack finds: raw system calls by name, and the names of the things outside that it is after."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any, Literal

# name: (x86_64, aarch64). Source: syscall_64.tbl and asm-generic/unistd.h of Linux.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "getdents64": (217, 61), "truncate": (76, 45), "unlinkat": (263, 35), "renameat": (264, 38), "renameat2": (316, 276),
    "linkat": (265, 37), "symlinkat": (266, 36), "mkdirat": (258, 34), "mknodat": (259, 33), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "fchownat": (260, 54), "utimensat": (280, 88), "setxattr": (188, 5), "setxattrat": (463, 463),
    "removexattr": (197, 14), "file_setattr": (469, 469), "chdir": (80, 49), "fchdir": (81, 50), "readlinkat": (267, 78),
    "fallocate": (285, 47), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "acct": (163, 89),
    "quotactl": (179, 60), "swapon": (167, 224), "swapoff": (168, 225), "inotify_init1": (294, 26),
    "fanotify_init": (300, 262), "splice": (275, 76), "vmsplice": (278, 75), "tee": (276, 77), "sync": (162, 81),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "get_robust_list": (274, 100), "move_pages": (279, 239), "migrate_pages": (256, 238),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "ioprio_set": (251, 30), "setpriority": (141, 140),
    "prlimit64": (302, 261), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203),
    "bind": (49, 200), "listen": (50, 201), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211),
    "shutdown": (48, 210), "getsockopt": (55, 209), "setsockopt": (54, 208), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "mseal": (462, 462), "pkey_alloc": (330, 289),
    "pkey_mprotect": (329, 288), "remap_file_pages": (216, 234), "mlock": (149, 228), "mlockall": (151, 230),
    "mincore": (27, 232), "cachestat": (451, 451), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "map_shadow_stack": (453, 453), "mmap": (9, 222), "mprotect": (10, 226), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214), "munmap": (11, 215), "futex": (202, 98), "futex_waitv": (449, 449),
    "clone": (56, 220), "clone3": (435, 435), "fork": (57, None), "vfork": (58, None), "execve": (59, 221),
    "execveat": (322, 281), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "fsopen": (430, 430), "open_tree": (428, 428), "move_mount": (429, 429), "mount_setattr": (442, 442),
    "statmount": (457, 457), "listmount": (458, 458), "unshare": (272, 97), "setns": (308, 268), "setuid": (105, 146),
    "setresuid": (117, 147), "setreuid": (113, 145), "setfsuid": (122, 151), "setgroups": (116, 159), "capset": (126, 91),
    "prctl": (157, 167), "arch_prctl": (158, None), "personality": (135, 92), "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444), "lsm_set_self_attr": (460, 460), "ioctl": (16, 29), "fcntl": (72, 25),
    "flock": (73, 32), "dup3": (292, 24), "pipe2": (293, 59), "eventfd2": (290, 19), "epoll_create1": (291, 20),
    "signalfd4": (289, 74), "timerfd_create": (283, 85), "timer_create": (222, 107), "setitimer": (38, 103),
    "alarm": (37, None), "clock_settime": (227, 112), "settimeofday": (164, 170), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116),
    "reboot": (169, 142), "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18), "vhangup": (153, 58), "setsid": (112, 157), "setpgid": (109, 154),
    "set_mempolicy": (238, 237), "sched_setaffinity": (203, 122), "getpid": (39, 172), "set_robust_list": (273, 99),
    "rt_sigtimedwait": (128, 137), "uprobe": (336, None), "restart_syscall": (219, 128), "ustat": (136, None),
    "sysfs": (139, None), "_sysctl": (156, None), "quotactl_fd": (443, 443), "rseq": (334, 293),
}  # fmt: skip

Ends = Literal["denied", "killed"]
Control = Literal["breaches", "as root", "if offered", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attempt. Its source binds `got` to what it believes it obtained; nobody trusts it.

    `ends`: the kernel answers with an error, or kills (then the wait status is the evidence). `control`: what the same
    source does in a plain process: the outside sees a breach; the same, if that process is root; it succeeds by its own
    word where this machine offers the call at all; or it is not tried, because it would harm the machine.
    """

    kind: str
    name: str
    source: str
    ends: Ends = "denied"
    control: Control = "breaches"


_CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(which, *arguments):
    'The result, or minus the errno.'
    number = NUMBERS[which] if isinstance(which, str) else which
    given = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) if isinstance(a, bytes) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *given)
    return result if result >= 0 else -ctypes.get_errno()
def fds_of(*results):
    'Those that are descriptors.'
    return [each for each in results if each >= 0]
AT = -100
got, why = None, ''
"""

_ENDING = """
try:
    exec(compile(ATTACK, '<attack>', 'exec'), globals())
except Exception as refused:
    got, why = None, f'#{refused!r}'
look(repr(got) + why)
"""


def prelude(world: dict[str, Any]) -> str:
    """The names of `world`, and the calls."""
    column = 0 if platform.machine() == "x86_64" else 1
    numbers = {name: both[column] for name, both in NUMBERS.items() if both[column] is not None}
    bound = "\n".join(f"{name} = {value!r}" for name, value in world.items())
    return f"NUMBERS = {numbers!r}\n{bound}\n{_CALLS}"


def program(attack: Attack, world: dict[str, Any]) -> str:
    """The whole text of one attack, for a worker or for a plain process."""
    return f"{prelude(world)}\nATTACK = {attack.source!r}\n{_ENDING}"


def exists_here(attack: Attack) -> bool:
    """Whether the call has a number on this machine: some are x86_64's alone."""
    column = 0 if platform.machine() == "x86_64" else 1
    return not any(both[column] is None and f"call('{name}'" in attack.source for name, both in NUMBERS.items())
