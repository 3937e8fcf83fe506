"""Attacks by way of memory that is executed or shared, and of calls that open the kernel's back doors."""

from __future__ import annotations

from kernel_attacks_files import _made
from kernel_prelude import Attack

_CODE = "libc.mmap.restype = ctypes.c_void_p\n"

EXECUTABLE = _made(
    "memory that is executed",
    {
        "written and executed": "got = call('mmap', 0, 4096, 7, 0x22, -1, 0) > 0",
        "executed": "got = call('mmap', 0, 4096, 5, 0x22, -1, 0) > 0",
        "only executed": "got = call('mmap', 0, 4096, 4, 0x22, -1, 0) > 0",
        "made executable afterwards": "at = call('mmap', 0, 4096, 3, 0x22, -1, 0)\ngot = call('mprotect', at, 4096, 5) == 0",
        "the heap": "at = call('brk', 0)\nat = call('brk', at + 8192) - 8192\ngot = call('mprotect', at & ~4095, 4096, 7) == 0",
        "the stack, down to its end": "here = ctypes.addressof(ctypes.c_int())\nstack = [line.split('-')[0] for line in open('/proc/self/maps') if '[stack]' in line] if 0 else None\n"
        "environ = ctypes.c_void_p.in_dll(libc, 'environ').value\ngot = [flags for flags in (7, 7 | 0x01000000) for at in (environ, libc.environ and environ - 4096)"
        " if call('mprotect', at & ~4095, 4096, flags) == 0]",
        "a file of its own": "fd = os.open('code', 66)\nos.ftruncate(fd, 4096)\ngot = call('mmap', 0, 4096, 5, 2, fd, 0) > 0",
        "a library of its own": "import shutil, glob, json\nsource = [p for folder in sys.path for p in glob.glob(folder + '/lib-dynload/*.so') + glob.glob(folder + '/*.so')][:1]\n"
        "shutil.copyfile(source[0], 'own.so')\ngot = bool(ctypes.CDLL('./own.so'))".replace("sys.path", "__import__('sys').path"),
        "moved over code": "at = call('mmap', 0, 4096, 5, 0x22, -1, 0)\ngot = at > 0 and call('mremap', at, 4096, 8192, 1) > 0",
        "in a file without a name": "fd = call('memfd_create', b'x', 0)\nos.ftruncate(fd, 4096)\ngot = call('mmap', 0, 4096, 5, 2, fd, 0) > 0",
        "shared and executed": "got = call('mmap', 0, 4096, 7, 0x21, -1, 0) > 0",
        "executed by personality": "got = call('personality', 0x0400000) == 0",
    },
) + _made(
    "memory that is executed",
    {
        "pages in another order": "at = call('mmap', 0, 8192, 3, 0x22, -1, 0)\ngot = call('remap_file_pages', at, 4096, 0, 0, 0) == 0",
        "a key for pages": "got = call('pkey_alloc', 0, 0) >= 0",
        "protected by a key": "at = call('mmap', 0, 4096, 3, 0x22, -1, 0)\ngot = call('pkey_mprotect', at, 4096, 5, -1) == 0",
        "a shadow stack": "got = call('map_shadow_stack', 0, 4096, 0) > 0",
        "system v, executed": "got = call('shmget', 0, 4096, 0o1700) if 0 else call('mseal', 0, 0, 0) == 0",
    },
    "killed",
    "if offered",
)  # fmt: skip

SHARED = _made(
    "memory that is shared, pinned or uncounted",
    {
        "shared": "got = call('mmap', 0, 4096, 3, 0x21, -1, 0) > 0",
        "shared, checked": "fd = os.open('own', 66)\nos.ftruncate(fd, 4096)\ngot = call('mmap', 0, 4096, 3, 3, fd, 0) > 0",
        "a file without a name": "got = call('memfd_create', b'x', 0) >= 0",
        "system v": "got = call('shmget', 0x5afe, 4096, 0o1600) >= 0",
        "system v semaphores": "got = call('semget', 0x5afe, 1, 0o1600) >= 0",
        "posix": "from multiprocessing import shared_memory\ngot = shared_memory.SharedMemory(create=True, size=4096).name",
    },
) + _made(
    "memory that is shared, pinned or uncounted",
    {
        "a stack that grows": "got = call('mmap', 0, 1 << 20, 3, 0x122, -1, 0) > 0",
        "pinned": "got = call('mmap', 0, 4096, 3, 0x2022, -1, 0) > 0",
        "huge pages of the machine": "got = call('mmap', 0, 1 << 21, 3, 0x40022, -1, 0) > 0",
        "left behind by a move": "at = call('mmap', 0, 4096, 3, 0x22, -1, 0)\ngot = call('mremap', at, 4096, 4096, 5, 0) > 0",
        "a semaphore on a library's page": "code = ctypes.cast(libc.getpid, ctypes.c_void_p).value & ~4095\ngot = call('futex', code, 1, 1, 0, 0, 0) >= 0",
        "a lock with priority": "word = ctypes.c_uint32(0)\ngot = call('futex', ctypes.addressof(word), 6 | 128, 0, 0, 0, 0) == 0",
        "requeued to a lock with priority": "a, b = ctypes.c_uint32(0), ctypes.c_uint32(0)\ngot = call('futex', ctypes.addressof(a), 12 | 128, 1, 0, ctypes.addressof(b), 0) >= 0",
    },
    "denied",
    "if offered",
) + _made(
    "memory that is shared, pinned or uncounted",
    {
        "secret": "got = call('memfd_secret', 0) >= 0",
        "locked": "got = call('mlock', ctypes.addressof(ctypes.c_int()) & ~4095, 4096) == 0",
        "all locked": "got = call('mlockall', 2) == 0",
        "sealed": "at = call('mmap', 0, 4096, 3, 0x22, -1, 0)\ngot = call('mseal', at, 4096, 0) == 0",
        "a queue, system v": "got = call('msgget', 0x5afe, 0o1600) >= 0",
        "a queue, posix": "got = call('mq_open', b'safe-codeact-x', 0o101, 0o600, 0) >= 0",
        "a pipe's pages": "got = call('vmsplice', 3, 0, 0, 0) >= 0",
        "which pages are cached": "at = call('mmap', 0, 4096, 3, 0x22, -1, 0)\ngot = call('mincore', at, 4096, ctypes.create_string_buffer(1)) == 0",
        "which pages of a file are cached": "got = call('cachestat', 0, (ctypes.c_uint64 * 2)(), (ctypes.c_uint64 * 5)(), 0) >= 0",
        "waiting for many": "got = call('futex_waitv', 0, 0, 0, 0, 0) >= 0",
    },
    "killed",
    "if offered",
)  # fmt: skip

_BEHIND = {
    "io_uring": "got = call('io_uring_setup', 4, (ctypes.c_uint32 * 30)()) >= 0",
    "bpf": "got = call('bpf', 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128) >= 0",
    "userfaultfd": "got = call('userfaultfd', 1) >= 0",
    "perf events": "got = call('perf_event_open', (ctypes.c_uint32 * 30)(1, 112), 0, -1, -1, 0) >= 0",
    "a file watched by signals": "mask = ctypes.c_uint64(0)\ngot = call('signalfd4', -1, ctypes.byref(mask), 8, 0) >= 0",
    "a clock as a file": "got = call('timerfd_create', 1, 0) >= 0",
}
_BEHIND_BY_WORD = {
    "io_uring, another's": "got = call('io_uring_enter', 3, 1, 0, 0, 0, 0) >= 0",
    "io_uring, registering": "got = call('io_uring_register', 3, 0, 0, 0) >= 0",
    "a key": "got = call('add_key', b'user', b'safe-codeact', b'x', 1, -1) > 0",
    "a key asked for": "got = call('request_key', b'user', b'safe-codeact', 0, -1) > 0",
    "keys listed": "got = call('keyctl', 0, -3, 0) >= 0",
    "a file moved in pipes": "got = call('splice', 3, 0, 3, 0, 1, 0) >= 0",
    "a module by descriptor": "got = call('finit_module', 3, b'', 0) == 0",
    "a ruleset": "got = call('landlock_create_ruleset', 0, 0, 1) > 0",
    "its own label": "got = call('lsm_set_self_attr', 100, 0, 0, 0) == 0",
    "mounts described": "got = call('listmount', 0, 0, 0, 0) >= 0",
    "mounts described one by one": "got = call('statmount', 0, 0, 0, 0) >= 0",
    "the kernel's log": "got = call('syslog', 10, 0, 0) > 0",
    "where memory is taken from": "got = call('set_mempolicy', 0, 0, 0) == 0",
    "the ports of the machine": "got = call('iopl', 0) == 0",
    "a port of the machine": "got = call('ioperm', 0x80, 1, 0) == 0",
    "descriptors of segments": "got = call('modify_ldt', 0, ctypes.create_string_buffer(16), 16) >= 0",
    "the thread's base": "got = call('arch_prctl', 0x1004, ctypes.byref(ctypes.c_long())) == 0",
    "a mount's new interface": "got = call('fsopen', b'tmpfs', 0) >= 0",
    "a tree of files": "got = call('open_tree', AT, b'/', 0) >= 0",
    "an alarm that the host did not set": "got = call('alarm', 0) >= 0",
    "where the kernel put its own lock list": "got = call('set_robust_list', 0, 24) == 0",
}
_BEHIND_NEVER = {
    "a module": "got = call('init_module', 0, 0, b'') == 0",
    "a module taken away": "got = call('delete_module', b'none', 0) == 0",
    "another kernel": "got = call('kexec_load', 0, 0, 0, 0) == 0",
    "the machine restarted": "got = call('reboot', 0, 0, 0, 0) == 0",
    "the machine's name": "got = call('sethostname', b'taken', 5) == 0",
    "the machine's domain": "got = call('setdomainname', b'taken', 5) == 0",
    "the machine's clock": "got = call('clock_settime', 0, (ctypes.c_long * 2)(1, 0)) == 0",
    "the machine's clock, the older call": "got = call('settimeofday', (ctypes.c_long * 2)(1, 0), 0) == 0",
    "the clock's speed": "got = call('adjtimex', (ctypes.c_long * 32)(0x4000)) >= 0",
    "swapping turned off": "got = call('swapoff', b'/none') == 0",
    "the terminal hung up": "got = call('vhangup') == 0",
    "a mount taken away": "got = call('umount2', b'/proc', 2) == 0",
    "a mount moved": "got = call('move_mount', AT, b'/proc', AT, b'/tmp', 0) == 0",
    "a mount's attributes": "got = call('mount_setattr', AT, b'/', 0, (ctypes.c_uint64 * 4)(), 32) == 0",
    "another root": "got = call('pivot_root', b'.', b'.') == 0",
    "by a handle": "got = call('open_by_handle_at', AT, (ctypes.c_uint32 * 40)(128), 0) >= 0",
    "a number that no call has": "got = call(600) >= 0",
    "a number that is none": "got = call(-1) >= 0",
    "one past the last": "got = call(512) >= 0 or call(547) >= 0",
    "a restart of nothing": "got = call('restart_syscall') >= 0",
}
_X86 = 0x40000000
_OTHER = {
    f"{name} of x32": f"got = call({_X86} | {number}, {arguments}) >= 0"
    for name, number, arguments in (
        ("getpid", 39, "0"), ("open", 2, "SECRET, 0"), ("openat", 257, "AT, SECRET, 0"), ("kill", 62, "HOST, 10"),
        ("socket", 41, "2, 1, 0"), ("execve", 520, "b'/bin/sh', 0, 0"), ("ptrace", 521, "0, 0, 0, 0"), ("fork", 57, "0"),
        ("mmap", 9, "0, 4096, 7, 0x22, -1, 0"), ("process_vm_readv", 539, "HOST, 0, 0, 0, 0, 0"),
    )
}  # fmt: skip
KERNEL = (
    _made("back doors of the kernel", _BEHIND, "killed", "if offered")
    + _made("back doors of the kernel", _BEHIND_BY_WORD, "killed", "if offered")
    + _made("back doors of the kernel", _BEHIND_NEVER, "killed", "never")
    + _made("calls of another architecture", _OTHER, "killed", "never")
)

IDENTITY = _made(
    "mounts, namespaces and identity",
    {
        "a user namespace": "got = call('unshare', 0x10000000) == 0",
        "the namespaces of somebody": "fd = os.open('/proc/%d/ns/net' % VICTIM, 0)\ngot = call('setns', fd, 0) == 0",
        "another personality": "got = call('personality', 0x0040000) == 0",
        "a filter of its own": "got = call('seccomp', 2, 0, ctypes.byref(ctypes.c_uint32(0x7fff0000))) == 0",
    },
    "denied",
    "if offered",
) + _made(
    "mounts, namespaces and identity",
    {
        "a mount namespace": "got = call('unshare', 0x00020000) == 0",
        "another root": "got = call('chroot', FOLDER) == 0",
        "another user": "got = call('setuid', 12345) == 0",
    },
    "denied",
    "as root",
) + _made(
    "mounts, namespaces and identity",
    {"a mount": "got = call('mount', b'none', FOLDER, b'tmpfs', 0, 0) == 0"},
    "denied",
    "never",
) + _made(
    "mounts, namespaces and identity",
    {
        "all three users": "got = call('setresuid', 12345, 12345, 12345) == 0",
        "other groups": "got = call('setgroups', 1, (ctypes.c_uint32 * 1)(12345)) == 0",
        "capabilities taken away": "got = call('capset', (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0",
    },
    "killed",
    "as root",
) + _made(
    "mounts, namespaces and identity",
    {"capabilities": "got = call('capset', (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)) == 0"},
    "killed",
    "never",
)  # fmt: skip

_IOCTLS = {
    "TIOCSTI": ("b'x'", 0x5412), "TIOCLINUX": ("b'\\x03'", 0x541C), "FIONREAD": ("ctypes.byref(ctypes.c_int())", 0x541B),
    "FIOASYNC": ("ctypes.byref(ctypes.c_int(1))", 0x5452), "FIONBIO": ("ctypes.byref(ctypes.c_int(0))", 0x5421),
    "TUNSETIFF": ("ctypes.create_string_buffer(64)", 0x400454CA), "SIOCGIFCONF": ("ctypes.create_string_buffer(64)", 0x8912),
    "TIOCNOTTY": ("0", 0x5422),
}  # fmt: skip
_FCNTLS = {
    "F_DUPFD": (0, 9), "F_SETFL": (4, 0o20000), "F_GETLK": (5, 0), "F_SETLKW": (7, 0), "F_SETOWN": (8, 1), "F_SETSIG": (10, 9),
    "F_SETOWN_EX": (15, 0), "F_OFD_SETLK": (37, 0), "F_SETLEASE": (1024, 0), "F_NOTIFY": (1026, 0x80000001),
    "F_SETPIPE_SZ": (1031, 1 << 20), "F_ADD_SEALS": (1033, 1), "F_SET_RW_HINT": (1036, 0),
}  # fmt: skip
_PRCTLS = {
    "PR_SET_PDEATHSIG": (1, 0), "PR_SET_DUMPABLE": (4, 0), "PR_SET_KEEPCAPS": (8, 1), "PR_SET_NAME": (15, 0),
    "PR_SET_SECCOMP": (22, 1), "PR_CAPBSET_DROP": (24, 1), "PR_SET_TSC": (26, 2), "PR_SET_TIMERSLACK": (29, 1),
    "PR_SET_MM": (35, 1), "PR_SET_CHILD_SUBREAPER": (36, 1), "PR_SET_NO_NEW_PRIVS": (38, 0), "PR_SET_THP_DISABLE": (41, 1),
    "PR_CAP_AMBIENT": (47, 2), "PR_SET_SPECULATION_CTRL": (53, 0), "PR_SET_IO_FLUSHER": (57, 1),
    "PR_SET_SYSCALL_USER_DISPATCH": (59, 0), "PR_SCHED_CORE": (62, 1), "PR_SET_PTRACER": (0x59616D61, -1),
}  # fmt: skip
_ADVICES = {
    "MADV_REMOVE": 9, "MADV_DONTFORK": 10, "MADV_MERGEABLE": 12, "MADV_DONTDUMP": 16, "MADV_WIPEONFORK": 18,
    "MADV_COLD": 20, "MADV_PAGEOUT": 21, "MADV_POPULATE_WRITE": 23, "MADV_COLLAPSE": 25, "MADV_HWPOISON": 100,
    "MADV_SOFT_OFFLINE": 101, "MADV_GUARD_INSTALL": 102,
}  # fmt: skip


def _by_argument() -> list[Attack]:
    kind = "calls allowed or denied by argument"
    ioctls = {
        f"ioctl {name}": f"got = [fd for fd in (0, 1, 2, 3) if call('ioctl', fd, {number}, {argument}) >= 0]"
        for name, (argument, number) in _IOCTLS.items()
    }
    fcntls = {
        f"fcntl {name}": f"got = [fd for fd in (3, os.open('own', 66)) if call('fcntl', fd, {command}, {argument}) >= 0]"
        for name, (command, argument) in _FCNTLS.items()
    }
    prctls = {
        f"prctl {name}": f"got = call('prctl', {option}, {argument}, 0, 0, 0) >= 0"
        for name, (option, argument) in _PRCTLS.items()
    }
    advices = {
        f"madvise {name}": f"at = call('mmap', 0, 4096, 3, 0x22, -1, 0)\ngot = call('madvise', at, 4096, {advice}) == 0"
        for name, advice in _ADVICES.items()
    }
    more = {
        "setitimer ITIMER_VIRTUAL": "got = call('setitimer', 1, (ctypes.c_long * 4)(0, 0, 100, 0), 0) == 0",
        "setitimer ITIMER_PROF": "got = call('setitimer', 2, (ctypes.c_long * 4)(0, 0, 100, 0), 0) == 0",
        "timer_create": "identifier = ctypes.c_int()\ngot = call('timer_create', 1, 0, ctypes.byref(identifier)) == 0",
        "flock": "got = call('flock', os.open('own', 66), 2) == 0",
        "pipe2": "got = call('pipe2', (ctypes.c_int * 2)(), 0) == 0",
        "eventfd2": "got = call('eventfd2', 0, 0) >= 0",
        "epoll_create1": "got = call('epoll_create1', 0) >= 0",
        "dup3": "got = call('dup3', 3, 60, 0) >= 0",
        "sched_setaffinity": "got = call('sched_setaffinity', 0, 8, ctypes.byref(ctypes.c_uint64(1))) >= 0",
    }
    return (
        _made(kind, ioctls | fcntls | prctls | more, "denied", "if offered")
        + _made(
            kind,
            {name: text for name, text in advices.items() if "POISON" not in name and "OFFLINE" not in name},
            "denied",
            "if offered",
        )
        + _made(
            kind,
            {name: text for name, text in advices.items() if "POISON" in name or "OFFLINE" in name},
            "denied",
            "never",
        )
    )


ATTACKS = EXECUTABLE + SHARED + KERNEL + IDENTITY + _by_argument()
