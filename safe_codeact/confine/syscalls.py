"""Which system calls a locked-down worker may make, with which arguments, and who needs them.

Threat: whoever owns the interpreter can make any call with any argument. Deny-lists lose (every kernel brings new
calls), so everything that no line below allows kills the process, and calls that ordinary code or libraries reach and
can live without get an errno. Arguments that are pointers cannot be judged by a filter: paths are Landlock's part.

Two profiles: `computation` (a policy without a workspace: nothing can be written anywhere) and `workspace`.

Each profile becomes two programs that the kernel runs one after the other, the stricter answer winning: `known` kills
what no line names; `judged` allows what a line allows and answers everything else with an errno. A filter compiler cannot
say both at once: it drops the conditions of a call for which it also has a general answer.

A death tells nobody which call it was. So there is a second pair for machines where somebody outside the worker can
listen: `told` is both programs in one, with a notification in place of the death (an errno is stricter than a
notification, so the two cannot stay apart), and what hands the listener out still allowed; `closed` takes that back.
Together they answer as the first pair does, call by call. Whoever listens kills, and never lets a call go on.
"""

from __future__ import annotations

import errno
from typing import Literal

from safe_codeact.frozen import dataclass

Profile = Literal["computation", "workspace"]
PROFILES: tuple[Profile, ...] = ("computation", "workspace")
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_* of include/uapi/linux/audit.h

OTHER_ARGUMENTS = errno.EACCES
STAGES = ("known", "judged")
LISTENED_STAGES = ("told", "closed")  # as many: /proc counts filters, and the plan knows one figure
_LOW = 0xFFFFFFFF  # the kernel reads int arguments from the low half of the register


@dataclass(frozen=True, slots=True)
class Masked:
    """`argument & mask == value`."""

    argument: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """One call. `cases` are alternatives, each of which must hold wholly; none means any arguments.

    Other arguments answer `OTHER_ARGUMENTS`.
    """

    name: str
    x86_64: int | None
    aarch64: int | None
    reason: str
    cases: tuple[tuple[Masked, ...], ...] = ()

    def number(self, machine: str) -> int | None:
        return self.x86_64 if machine == "x86_64" else self.aarch64


@dataclass(frozen=True, slots=True)
class Denied:
    """One call that answers with an errno instead of killing, because ordinary code or a library tries it.

    0 answers success and does nothing: for calls whose effect nobody inside can see.
    """

    name: str
    x86_64: int | None
    aarch64: int | None
    errno: int
    reason: str

    def number(self, machine: str) -> int | None:
        return self.x86_64 if machine == "x86_64" else self.aarch64


_PROT_EXEC = 4
_MAP_TYPE = 0x0F  # MAP_SHARED 1, MAP_PRIVATE 2, MAP_SHARED_VALIDATE 3
_MAP_PRIVATE = 2
# MAP_GROWSDOWN: a stack mapping, which RLIMIT_DATA does not count. MAP_LOCKED, MAP_HUGETLB: pages that nobody can reclaim.
_MAP_SPECIAL = 0x100 | 0x2000 | 0x40000
_PROT_GROWS = 0x01000000 | 0x02000000  # PROT_GROWSDOWN, PROT_GROWSUP: the protection runs on to the mapping's end
_O_WRITES = 0o3 | 0o100 | 0o1000 | 0o20000000  # O_ACCMODE, O_CREAT, O_TRUNC, __O_TMPFILE
_O_ACCMODE, _O_TRUNC = 0o3, 0o1000
_O_PATH = 0o10000000  # Landlock lets any path be opened so: a handle to ask questions with
# S_ISUID, S_ISGID, S_ISVTX: a worker that stays uid 0 would leave a program in its workspace that runs as root.
_MODE_BITS = 0o7000
_RLIMIT_DATA, _RLIMIT_NOFILE = 2, 7
# FUTEX_WAIT, WAKE, WAIT_BITSET and WAKE_BITSET, each with FUTEX_PRIVATE_FLAG. A shared one on a page of a library's file is
# a semaphore between sessions; requeueing and priority inheritance are needed by no lock of CPython or glibc.
_FUTEX_PRIVATE = 128
_FUTEX_OPERATIONS = (0, 1, 9, 10)
_FUTEX_CLOCK_REALTIME = 256


def _is(argument: int, value: int) -> tuple[Masked, ...]:
    return (Masked(argument, _LOW, value),)


def _is_mode(value: int) -> tuple[Masked, ...]:
    return (Masked(2, _O_ACCMODE | _O_PATH, value), *_without_bits(3))


def _without_bits(argument: int) -> tuple[Masked, ...]:
    return (Masked(argument, _MODE_BITS, 0),)


BASE: tuple[Allowed, ...] = (
    Allowed("read", 0, 63, "reading host frames, the snapshot and library files"),
    Allowed("write", 1, 64, "frames to the host, the new snapshot, workspace files"),
    Allowed("close", 3, 57, "every file object's end"),
    Allowed("fstat", 5, 80, "CPython's FileIO and mmap look at what they opened"),
    Allowed("newfstatat", 262, 79, "glibc's fstat; the import system asks whether a library file is there"),
    Allowed("lseek", 8, 62, "CPython's buffered files"),
    Allowed("pread64", 17, 67, "reading a snapshot without moving its offset"),
    Allowed("recvmsg", 47, 212, "the frame that brings an action, with its descriptors"),
    Allowed("mmap", 9, 222, "the allocator, and snapshots mapped copy-on-write: private and never executable",
            ((Masked(2, _PROT_EXEC, 0), Masked(3, _MAP_TYPE | _MAP_SPECIAL, _MAP_PRIVATE)),)),
    Allowed("munmap", 11, 215, "the allocator gives memory back"),
    Allowed("mremap", 25, 216, "realloc of large blocks: in place, or wherever there is room (MREMAP_MAYMOVE)",
            ((Masked(3, _LOW ^ 1, 0),),)),
    Allowed("mprotect", 10, 226, "the allocator's arenas: never executable", ((Masked(2, _PROT_EXEC | _PROT_GROWS, 0),),)),
    Allowed("madvise", 28, 233, "the allocator returns pages, numpy asks for huge ones",
            (_is(2, 4), _is(2, 8), _is(2, 14), _is(2, 15))),
    Allowed("brk", 12, 214, "glibc's heap"),
    Allowed("rt_sigaction", 13, 134, "CPython's signal module and numpy's floating-point handling"),
    Allowed("rt_sigprocmask", 14, 135, "signals are masked while a frame is written and a snapshot saved"),
    Allowed("rt_sigreturn", 15, 139, "the end of every signal handler, the soft deadline's among them"),
    Allowed("setitimer", 38, 103, "the soft deadline (ITIMER_REAL only)", (_is(0, 0),)),
    Allowed("clock_gettime", 228, 113, "time, where the vDSO cannot answer"),
    Allowed("clock_nanosleep", 230, 115, "time.sleep within the deadline"),
    Allowed("getpid", 39, 172, "CPython's random and tempfile modules check for forks"),
    Allowed("futex", 202, 98, "CPython's lock and condition primitives, from the first import on: private to the process",
            tuple((Masked(1, _LOW ^ _FUTEX_CLOCK_REALTIME, _FUTEX_PRIVATE | operation),) for operation in _FUTEX_OPERATIONS)),
    Allowed("poll", 7, None, "waiting for the host's answer; the guest's event loop"),
    Allowed("ppoll", 271, 73, "poll where the machine has no other"),
    Allowed("getrandom", 318, 278, "os.urandom, random's seed, uuid4, secrets"),
    Allowed("exit", 60, 93, "the end of a thread, as glibc spells it"),
    Allowed("exit_group", 231, 94, "the end of the worker"),
    Allowed("prlimit64", 302, 261, "RLIMIT_DATA of its own: the reserve up to the hard limit belongs to the save",
            ((Masked(0, _LOW, 0), Masked(1, _LOW, _RLIMIT_DATA)),)),
    Allowed("ftruncate", 77, 46, "the new snapshot's final length; truncating an open workspace file"),
    Allowed("getcwd", 79, 17, "relative paths are resolved against it"),
    Allowed("sched_yield", 24, 124, "OpenBLAS and CPython's lock hand-over"),
    Allowed("getdents64", 217, 61, "listing a folder: the import system's cache, os.listdir"),
)  # fmt: skip

# F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC.
_FCNTL_BASE = tuple(_is(1, command) for command in (1, 2, 3, 1030))
_F_SETLK = 6  # not F_GETLK, which would tell of locks that another session's worker holds on a library's file

COMPUTATION: tuple[Allowed, ...] = (
    Allowed("fcntl", 72, 25, "the close-on-exec flag, the mode of a descriptor, and the copy that CPython's mmap takes of one",
            _FCNTL_BASE),
    Allowed("openat", 257, 56, "library and time-zone files, read-only; Landlock says which",
            ((Masked(2, _O_WRITES | _O_PATH, 0),),)),
)  # fmt: skip

WORKSPACE: tuple[Allowed, ...] = (
    Allowed("fcntl", 72, 25, "as for computation; and SQLite locks its file, which it may only write-lock where it may write",
            (*_FCNTL_BASE, _is(1, _F_SETLK))),
    # Reading and truncating at once, and the access mode 3, ask Landlock for no right to write before its ABI 3.
    Allowed("openat", 257, 56, "library files and the workspace; Landlock says which and how",
            ((Masked(2, _O_ACCMODE | _O_TRUNC | _O_PATH, 0), *_without_bits(3)), _is_mode(1), _is_mode(2))),
    Allowed("chdir", 80, 49, "into the workspace, once the host has moved it into the slot"),
    Allowed("pwrite64", 18, 68, "zip and image writers seek and patch"),
    Allowed("writev", 20, 66, "glibc's stdio, as C libraries use it"),
    Allowed("mkdir", 83, None, "os.makedirs; Landlock says where", (_without_bits(1),)),
    Allowed("mkdirat", 258, 34, "os.makedirs; Landlock says where", (_without_bits(2),)),
    Allowed("unlink", 87, None, "os.remove; Landlock says where"),
    Allowed("unlinkat", 263, 35, "os.remove; Landlock says where"),
    Allowed("rmdir", 84, None, "os.rmdir; Landlock says where"),
    Allowed("rename", 82, None, "atomic writes: a temporary file takes its final name; Landlock says where"),
    Allowed("renameat", 264, 38, "atomic writes: a temporary file takes its final name; Landlock says where"),
    Allowed("renameat2", 316, 276, "renameat without flags, as newer C libraries spell it", (_is(4, 0),)),
    Allowed("readlink", 89, None, "os.path.realpath, before a path is judged"),
    Allowed("readlinkat", 267, 78, "os.path.realpath, before a path is judged"),
    Allowed("lstat", 6, None, "os.path.realpath, before a path is judged"),
    Allowed("stat", 4, None, "os.stat as older C libraries spell it"),
    Allowed("access", 21, None, "os.access, tempfile"),
    Allowed("faccessat", 269, 48, "os.access, tempfile"),
)  # fmt: skip

_PERM = errno.EPERM
_ACCES = errno.EACCES
_NOSYS = errno.ENOSYS

# Tried by ordinary code or by libraries that do without: the exception they raise is a better observation than a death.
DENIED: tuple[Denied, ...] = (
    Denied("clone", 56, 220, _PERM, "threading and subprocess: RuntimeError and PermissionError, not a death"),
    Denied("clone3", 435, 435, _NOSYS, "glibc then falls back to clone"),
    Denied("fork", 57, None, _PERM, "os.fork"),
    Denied("vfork", 58, None, _PERM, "subprocess"),
    Denied("execve", 59, 221, _PERM, "os.exec*"),
    Denied("execveat", 322, 281, _PERM, "os.exec* by descriptor"),
    Denied("socket", 41, 198, _PERM, "every network library"),
    Denied("socketpair", 53, 199, _PERM, "asyncio's own loops"),
    Denied("connect", 42, 203, _PERM, "network libraries"),
    Denied("bind", 49, 200, _PERM, "network libraries"),
    Denied("listen", 50, 201, _PERM, "network libraries"),
    Denied("accept", 43, 202, _PERM, "network libraries"),
    Denied("accept4", 288, 242, _PERM, "network libraries"),
    Denied("sendto", 44, 206, _PERM, "socket.send"),
    Denied("sendmsg", 46, 211, _PERM, "passing a descriptor to anybody"),
    Denied("sendmmsg", 307, 269, _PERM, "passing descriptors to anybody"),
    Denied("recvfrom", 45, 207, _PERM, "socket.recv"),
    Denied("shutdown", 48, 210, _PERM, "socket.shutdown"),
    Denied("setsockopt", 54, 208, _PERM, "network libraries"),
    Denied("getsockopt", 55, 209, _PERM, "socket.socket(fileno=…) asks for the family"),
    Denied("getsockname", 51, 204, _PERM, "socket.socket(fileno=…) asks for the family"),
    Denied("getpeername", 52, 205, _PERM, "network libraries"),
    Denied("ioctl", 16, 29, errno.ENOTTY, "isatty on every opened file: no terminal"),
    Denied("prctl", 157, 167, _PERM, "libraries that name their threads; taking back a death signal"),
    Denied("open", 2, None, _ACCES, "older C libraries"),
    Denied("creat", 85, None, _ACCES, "older C libraries"),
    Denied("openat2", 437, 437, _NOSYS, "callers then use openat"),
    Denied("statx", 332, 291, _NOSYS, "callers then use newfstatat"),
    Denied("access", 21, None, _ACCES, "os.access without a workspace"),
    Denied("faccessat", 269, 48, _ACCES, "os.access without a workspace"),
    Denied("faccessat2", 439, 439, _NOSYS, "glibc then uses faccessat"),
    Denied("readlink", 89, None, _ACCES, "os.path.realpath then takes the path as it is"),
    Denied("readlinkat", 267, 78, _ACCES, "os.path.realpath then takes the path as it is"),
    Denied("lstat", 6, None, _ACCES, "os.lstat as older C libraries spell it"),
    Denied("stat", 4, None, _ACCES, "os.stat as older C libraries spell it"),
    Denied("chdir", 80, 49, _ACCES, "os.chdir without a workspace"),
    Denied("fchdir", 81, 50, _ACCES, "shutil.rmtree's older form"),
    Denied("mkdir", 83, None, _ACCES, "os.mkdir without a workspace"),
    Denied("mkdirat", 258, 34, _ACCES, "os.mkdir without a workspace"),
    Denied("unlink", 87, None, _ACCES, "os.remove without a workspace"),
    Denied("unlinkat", 263, 35, _ACCES, "os.remove without a workspace"),
    Denied("rmdir", 84, None, _ACCES, "os.rmdir without a workspace"),
    Denied("rename", 82, None, _ACCES, "os.rename without a workspace"),
    Denied("renameat", 264, 38, _ACCES, "os.rename without a workspace"),
    Denied("renameat2", 316, 276, _ACCES, "os.rename without a workspace; exchanging names"),
    Denied("link", 86, None, _PERM, "os.link: two names would share one file across versions"),
    Denied("linkat", 265, 37, _PERM, "os.link"),
    Denied("symlink", 88, None, _PERM, "os.symlink: the host walks what is left behind"),
    Denied("symlinkat", 266, 36, _PERM, "os.symlink"),
    Denied("mknod", 133, None, _PERM, "os.mkfifo"),
    Denied("mknodat", 259, 33, _PERM, "os.mkfifo"),
    Denied("chmod", 90, None, _PERM, "shutil.copy keeps going; Landlock has no right for it"),
    Denied("fchmod", 91, 52, _PERM, "shutil.copy keeps going"),
    Denied("fchmodat", 268, 53, _PERM, "shutil.copy keeps going"),
    Denied("fchmodat2", 452, 452, _NOSYS, "glibc then uses fchmodat"),
    Denied("chown", 92, None, _PERM, "os.chown"),
    Denied("fchown", 93, 55, _PERM, "os.fchown"),
    Denied("lchown", 94, None, _PERM, "os.lchown"),
    Denied("fchownat", 260, 54, _PERM, "os.chown"),
    Denied("utimensat", 280, 88, _PERM, "shutil.copystat keeps going"),
    Denied("truncate", 76, 45, _PERM, "os.truncate by path"),
    Denied("fallocate", 285, 47, errno.EOPNOTSUPP, "os.posix_fallocate: space without writing it"),
    Denied("copy_file_range", 326, 285, errno.EXDEV, "shutil then copies by read and write"),
    Denied("sendfile", 40, 71, errno.EINVAL, "shutil then copies by read and write"),
    Denied("fsync", 74, 82, 0, "answered as done: the host decides what is durable, and SQLite takes a refusal for a broken disk"),
    Denied("fdatasync", 75, 83, 0, "answered as done, as fsync"),
    Denied("flock", 73, 32, _PERM, "file locks between sessions would be a channel"),
    Denied("statfs", 137, 43, _PERM, "shutil.disk_usage"),
    Denied("fstatfs", 138, 44, _PERM, "os.statvfs"),
    Denied("getxattr", 191, 8, errno.EOPNOTSUPP, "shutil.copystat keeps going"),
    Denied("listxattr", 194, 11, errno.EOPNOTSUPP, "shutil.copystat keeps going"),
    Denied("llistxattr", 195, 12, errno.EOPNOTSUPP, "shutil.copystat keeps going"),
    Denied("setxattr", 188, 5, errno.EOPNOTSUPP, "shutil.copystat keeps going"),
    Denied("umask", 95, 166, _PERM, "os.umask"),
    Denied("dup", 32, 23, _PERM, "os.dup"),
    Denied("dup2", 33, None, _PERM, "os.dup2"),
    Denied("dup3", 292, 24, _PERM, "os.dup2"),
    Denied("pipe", 22, None, _PERM, "os.pipe"),
    Denied("pipe2", 293, 59, _PERM, "subprocess, multiprocessing"),
    Denied("eventfd2", 290, 19, _PERM, "event loops"),
    Denied("epoll_create1", 291, 20, _PERM, "asyncio's own loops"),
    Denied("memfd_create", 319, 279, _PERM, "os.memfd_create"),
    Denied("inotify_init1", 294, 26, _PERM, "file watchers"),
    Denied("shmget", 29, 194, _PERM, "shared memory between processes"),
    Denied("semget", 64, 190, _PERM, "semaphores between processes"),
    Denied("kill", 62, 129, _PERM, "os.kill"),
    Denied("tkill", 200, 130, _PERM, "signal.raise_signal on older C libraries"),
    Denied("tgkill", 234, 131, _PERM, "signal.raise_signal, abort: a trap follows and the worker ends"),
    Denied("wait4", 61, 260, errno.ECHILD, "os.wait: there are no children"),
    Denied("waitid", 247, 95, errno.ECHILD, "os.waitid: there are no children"),
    Denied("setrlimit", 160, 164, _PERM, "resource.setrlimit"),
    Denied("getrlimit", 97, 163, _PERM, "resource.getrlimit on older C libraries"),
    Denied("getrusage", 98, 165, _PERM, "resource.getrusage"),
    Denied("times", 100, 153, _PERM, "os.times"),
    Denied("sysinfo", 99, 179, _PERM, "the machine's memory is nobody's business; qsort asks, and does without"),
    Denied("uname", 63, 160, _PERM, "platform.uname asks again after the fork; answers from the zygote's cache"),
    Denied("sched_getaffinity", 204, 123, _PERM, "os.cpu_count falls back"),
    Denied("sched_setaffinity", 203, 122, _PERM, "BLAS libraries pin threads"),
    Denied("setpriority", 141, 140, _PERM, "os.nice"),
    Denied("getpriority", 140, 141, _PERM, "os.nice"),
    Denied("getppid", 110, 173, _PERM, "os.getppid"),
    Denied("getuid", 102, 174, _PERM, "os.getuid, os.path.expanduser"),
    Denied("geteuid", 107, 175, _PERM, "os.geteuid"),
    Denied("getgid", 104, 176, _PERM, "os.getgid"),
    Denied("getegid", 108, 177, _PERM, "os.getegid"),
    Denied("gettid", 186, 178, _PERM, "threading.get_native_id"),
    Denied("getpgrp", 111, None, _PERM, "os.getpgrp"),
    Denied("getpgid", 121, 155, _PERM, "os.getpgid"),
    Denied("getsid", 124, 156, _PERM, "os.getsid"),
    Denied("setsid", 112, 157, _PERM, "os.setsid"),
    Denied("setuid", 105, 146, _PERM, "os.setuid"),
    Denied("setgid", 106, 144, _PERM, "os.setgid"),
    Denied("setpgid", 109, 154, _PERM, "os.setpgid"),
    Denied("membarrier", 324, 283, _NOSYS, "newer runtimes fall back"),
    Denied("get_mempolicy", 239, 236, _NOSYS, "BLAS libraries ask for NUMA and do without"),
    Denied("mbind", 237, 235, _NOSYS, "BLAS libraries ask for NUMA and do without"),
    Denied("rseq", 334, 293, _NOSYS, "glibc's restartable sequences: registered before the lockdown"),
    Denied("sigaltstack", 131, 132, _PERM, "faulthandler"),
    Denied("timer_create", 222, 107, _PERM, "signal.setitimer's newer form"),
    Denied("pidfd_open", 434, 434, _PERM, "os.pidfd_open"),
    Denied("unshare", 272, 97, _PERM, "os.unshare"),
    Denied("setns", 308, 268, _PERM, "os.setns"),
    Denied("mount", 165, 40, _PERM, "a mount program's first call"),
    Denied("chroot", 161, 51, _PERM, "os.chroot"),
    Denied("seccomp", 317, 277, _PERM, "the second program is installed while the first already holds"),
    Denied("personality", 135, 92, _PERM, "turning address randomisation off, or read into execute"),
)  # fmt: skip


# What the worker still does between `told` and `closed`: its own lines of the lockdown, before it has read a byte.
HANDOVER: tuple[Allowed, ...] = (
    Allowed("sendmsg", 46, 211, "the listener goes to the zygote"),
    Allowed("seccomp", 317, 277, "the program that takes these back"),
    Allowed("prlimit64", 302, 261, "RLIMIT_NOFILE comes last: the kernel lets nobody send a descriptor while his user has more "
            "than that many on their way", ((Masked(0, _LOW, 0), Masked(1, _LOW, _RLIMIT_NOFILE)),)),
)  # fmt: skip


def allowed(profile: Profile) -> tuple[Allowed, ...]:
    """The whole table of a profile."""
    return BASE + (WORKSPACE if profile == "workspace" else COMPUTATION)


def denied(profile: Profile) -> tuple[Denied, ...]:
    """The calls of `DENIED` that the profile does not allow."""
    granted = {line.name for line in allowed(profile)}
    return tuple(line for line in DENIED if line.name not in granted)


def program_names(profile: Profile, machine: str, stages: tuple[str, ...] = STAGES) -> tuple[str, ...]:
    """The files under `programs/` that hold the filters, in the order in which they are installed."""
    return tuple(f"{profile}.{machine}.{stage}.bpf" for stage in stages)
