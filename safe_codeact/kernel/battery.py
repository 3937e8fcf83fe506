"""Hostile calls for `safe-codeact doctor --attack`: what native code in a worker would try, one function each.

They run in throwaway children that `guest.siege` confines by one layer alone, by all, or not at all. What a child says
of itself decides nothing where the parent can look: files, listeners and the victim are its own.
`by` names the layers of which each, alone, must hold the attack; all that are required together must in any case.
What namespaces hold goes by kinds (`held_by_namespaces`): where they can be had, they are one layer more.
SAFETY: every attack is aimed at things that the siege made for the purpose (a folder, a listener, a sleeping child), so
that a machine on which it succeeds is not harmed by it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
from collections.abc import Callable
from typing import Literal

from safe_codeact.frozen import dataclass
from safe_codeact.kernel.libc import LIBC, MACHINE

Layer = Literal["seccomp", "landlock", "limits", "descriptors", "namespaces"]
LAYERS: tuple[Layer, ...] = ("seccomp", "landlock", "limits", "descriptors", "namespaces")

# Source: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
_NUMBERS = {
    "io_uring_setup": (425, 425), "bpf": (321, 280), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
    "add_key": (248, 217), "memfd_create": (319, 279), "unshare": (272, 97), "mount": (165, 40), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "pidfd_open": (434, 434), "mmap": (9, 222), "mprotect": (10, 226),
    "futex": (202, 98), "clone": (56, 220), "prctl": (157, 167), "fcntl": (72, 25), "kcmp": (312, 272),
    "truncate": (76, 45), "fchmodat": (268, 53), "openat": (257, 56), "shmget": (29, 194), "sethostname": (170, 161),
}  # fmt: skip
_AT_FDCWD = -100
_RW, _RWX = 3, 7
_PRIVATE, _SHARED = 0x22, 0x21  # with MAP_ANONYMOUS
_X32 = 0x40000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the siege made, for the attacks to go for."""

    folder: str  # anybody may write in it
    secret: str  # a file in it
    canary: str  # another
    port: int  # TCP on 127.0.0.1
    path_socket: str
    abstract: bytes
    victim: int  # a process that sleeps
    left_open: int  # a descriptor of `secret` that was open before the lockdown
    writable_slot: bool
    memory: int  # bytes: the hard limit, and more than the address space has room for
    file_size: int


Attack = Callable[[Outside], bytes | bool | None]  # loot, or whether it worked; `OSError`: it did not


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attack. `by_abi`: Landlock alone holds it from that ABI on."""

    kind: str
    name: str
    run: Attack
    by: tuple[Layer, ...]
    by_abi: int = 0
    workspace_by: tuple[Layer, ...] | None = None  # in the workspace profile, where it differs


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_uint32]) -> int:
    """One raw system call. Raises `OSError`."""
    number = _NUMBERS[name][0 if MACHINE == "x86_64" else 1]
    return _raw(number, *arguments)


def _raw(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_uint32]) -> int:
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = LIBC.syscall(ctypes.c_long(number), *given)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# ---- files


def _read_secret(outside: Outside) -> bytes:
    return os.read(os.open(outside.secret, os.O_RDONLY), 100)


def _read_left_open(outside: Outside) -> bytes:
    return os.pread(outside.left_open, 100, 0)


def _list_folder(outside: Outside) -> bool:
    return bool(os.listdir(outside.folder))


def _write_canary(outside: Outside) -> bool:
    return os.write(os.open(outside.canary, os.O_WRONLY), b"x") == 1


def _truncate_while_reading(outside: Outside) -> bool:
    return call("openat", _AT_FDCWD, os.fsencode(outside.canary), os.O_RDONLY | os.O_TRUNC) >= 0


def _truncate_by_name(outside: Outside) -> bool:
    return call("truncate", os.fsencode(outside.canary), 0) == 0


def _remove_canary(outside: Outside) -> bool:
    os.unlink(outside.canary)
    return True


def _make_file(outside: Outside) -> bool:
    return os.open(f"{outside.folder}/made", os.O_WRONLY | os.O_CREAT, 0o600) >= 0


def _change_mode(outside: Outside) -> bool:
    return call("fchmodat", _AT_FDCWD, os.fsencode(outside.canary), 0o400) == 0


def _link_inside(outside: Outside) -> bytes:
    os.link(outside.secret, "second")
    return os.read(os.open("second", os.O_RDONLY), 100)


# ---- network


def _tcp(outside: Outside) -> bool:
    socket.socket().connect(("127.0.0.1", outside.port))
    return True


def _unix(outside: Outside) -> bool:
    socket.socket(socket.AF_UNIX).connect(outside.path_socket)
    return True


def _abstract(outside: Outside) -> bool:
    socket.socket(socket.AF_UNIX).connect(outside.abstract)
    return True


def _udp(_outside: Outside) -> bool:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)) == 1


def _netlink(_outside: Outside) -> bool:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno() >= 0


# ---- other processes


def _kill(outside: Outside) -> bool:
    os.kill(outside.victim, signal.SIGKILL)
    return True


def _seize(outside: Outside) -> bool:
    return call("ptrace", 0x4206, outside.victim, 0, 0) == 0  # PTRACE_SEIZE


def _read_memory(outside: Outside) -> bool:
    """An address that cannot be read answers EFAULT; one that may not, EPERM or ESRCH."""
    spans = (ctypes.c_uint32 * 4)(16, 0, 8, 0)
    try:
        call("process_vm_readv", outside.victim, spans, 1, spans, 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise
    return True


def _read_environment(outside: Outside) -> bool:
    return os.open(f"/proc/{outside.victim}/environ", os.O_RDONLY) >= 0


def _handle(outside: Outside) -> bool:
    return call("pidfd_open", outside.victim, 0) >= 0


def _compare(outside: Outside) -> bool:
    return call("kcmp", os.getpid(), outside.victim, 0, 0, 0) >= 0


# ---- new processes


def _fork(_outside: Outside) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def _thread(_outside: Outside) -> bool:
    identifier = ctypes.c_long()
    sleep = ctypes.cast(LIBC.sleep, ctypes.c_void_p)
    if LIBC.pthread_create(ctypes.byref(identifier), None, sleep, ctypes.c_void_p(1)):
        raise OSError(errno.EAGAIN, "no thread")
    return True


def _program(outside: Outside) -> bool:
    os.execv("/bin/sh", ["sh", "-c", f"echo x > {outside.folder}/ran"])  # noqa: S606 - the attack itself
    return True


# ---- memory


def _executable(_outside: Outside) -> bool:
    return call("mmap", 0, 4096, _RWX, _PRIVATE, -1, 0) > 0


def _made_executable(_outside: Outside) -> bool:
    return call("mprotect", call("mmap", 0, 4096, _RW, _PRIVATE, -1, 0), 4096, 5) == 0


def _shared_memory(_outside: Outside) -> bool:
    return call("mmap", 0, 4096, _RW, _SHARED, -1, 0) > 0


def _more_memory(outside: Outside) -> bool:
    return call("mmap", 0, outside.memory, _RW, _PRIVATE | 0x4000, -1, 0) > 0


def _page_tables(_outside: Outside) -> bool:
    return call("mmap", 0, 200 << 30, 1, _PRIVATE | 0x4000, -1, 0) > 0


def _system_v(_outside: Outside) -> bool:
    segment = call("shmget", 0, 4096, 0o1600)
    LIBC.shmctl(segment, 0, None)  # IPC_RMID: a machine on which this works keeps nothing of it
    return True


def _shared_lock(_outside: Outside) -> bool:
    """FUTEX_WAKE without FUTEX_PRIVATE_FLAG, on a page of the C library: a signal to every process that maps it."""
    code = ctypes.cast(LIBC.getpid, ctypes.c_void_p).value or 0
    return call("futex", code & ~4095, 1, 1, 0, 0, 0) >= 0


# ---- resources


def _many_files(_outside: Outside) -> bool:
    return len([os.open(".", os.O_RDONLY) for _ in range(100)]) == 100


def _large_file(outside: Outside) -> bool:
    descriptor = os.open("large", os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, outside.file_size + 1)
    return True


# ---- the kernel's back doors


def _door(name: str, *arguments: int | bytes | Callable[[], ctypes.Array[ctypes.c_uint32]]) -> Attack:
    def attack(_outside: Outside) -> bool:
        return call(name, *(each() if callable(each) else each for each in arguments)) >= 0

    return attack


def _words(*values: int, room: int = 32) -> Callable[[], ctypes.Array[ctypes.c_uint32]]:
    return lambda: (ctypes.c_uint32 * room)(*values)


def _x32(_outside: Outside) -> bool:
    return _raw(_X32 | 39) > 0  # getpid, as x32 numbers it


def _keep_from_dying(_outside: Outside) -> bool:
    return call("prctl", 1, 0, 0, 0, 0) == 0  # PR_SET_PDEATHSIG


def _own_a_signal(_outside: Outside) -> bool:
    return call("fcntl", os.open(".", os.O_RDONLY), 1026, 0x80000001) == 0  # F_NOTIFY


_S: tuple[Layer, ...] = ("seccomp",)
_L: tuple[Layer, ...] = ("landlock",)
_BOTH: tuple[Layer, ...] = ("seccomp", "landlock")
_FILES, _NET, _OTHERS = "files outside", "network", "other processes"
_NEW, _MEMORY, _DOORS, _MUCH = "new processes", "memory", "back doors", "resources"

BATTERY: tuple[Attempt, ...] = (
    Attempt(_FILES, "reading one", _read_secret, _L),
    Attempt(_FILES, "reading one that was left open", _read_left_open, ("descriptors",)),
    Attempt(_FILES, "listing a folder", _list_folder, _L),
    Attempt(_FILES, "writing one", _write_canary, _BOTH, workspace_by=_L),
    Attempt(_FILES, "truncating one opened for reading", _truncate_while_reading, _S, by_abi=3),
    Attempt(_FILES, "truncating one by name", _truncate_by_name, _S, by_abi=3),
    Attempt(_FILES, "removing one", _remove_canary, _BOTH, workspace_by=_L),
    Attempt(_FILES, "making one", _make_file, _BOTH, workspace_by=_L),
    Attempt(_FILES, "changing its mode", _change_mode, _S),
    Attempt(_FILES, "linking one into the slot", _link_inside, _BOTH),
    Attempt(_NET, "tcp", _tcp, _S, by_abi=4),
    Attempt(_NET, "a unix socket", _unix, _S),
    Attempt(_NET, "an abstract unix socket", _abstract, _S, by_abi=6),
    Attempt(_NET, "udp", _udp, _S),
    Attempt(_NET, "netlink", _netlink, _S),
    Attempt(_OTHERS, "killing", _kill, _S, by_abi=6),
    Attempt(_OTHERS, "tracing", _seize, _BOTH),
    Attempt(_OTHERS, "reading memory", _read_memory, _BOTH),
    Attempt(_OTHERS, "reading the environment", _read_environment, _L),
    Attempt(_OTHERS, "a handle", _handle, _S),
    Attempt(_OTHERS, "comparing", _compare, _BOTH),
    Attempt(_NEW, "fork", _fork, _S),
    Attempt(_NEW, "a thread", _thread, _S),
    Attempt(_NEW, "a program", _program, _BOTH),
    Attempt(_MEMORY, "written and executed", _executable, _S),
    Attempt(_MEMORY, "made executable", _made_executable, _S),
    Attempt(_MEMORY, "shared", _shared_memory, _S),
    Attempt(_MEMORY, "shared, system v", _system_v, _S),
    Attempt(_MEMORY, "a lock between processes", _shared_lock, _S),
    Attempt(_MEMORY, "a file without a name", _door("memfd_create", b"x", 0), _S),
    Attempt(_MUCH, "memory past the limit", _more_memory, ("limits",)),
    Attempt(_MUCH, "page tables for 200 GiB", _page_tables, ("limits",)),
    Attempt(_MUCH, "a hundred descriptors", _many_files, ("limits",)),
    Attempt(_MUCH, "a file past the limit", _large_file, (*_BOTH, "limits"), workspace_by=("limits",)),
    Attempt(_DOORS, "io_uring", _door("io_uring_setup", 4, _words(room=30)), _S),
    Attempt(_DOORS, "bpf", _door("bpf", 0, _words(2, 4, 4, 1), 128), _S),
    Attempt(_DOORS, "userfaultfd", _door("userfaultfd", 1), _S),
    Attempt(_DOORS, "perf events", _door("perf_event_open", _words(1, 112), 0, -1, -1, 0), _S),
    Attempt(_DOORS, "keys", _door("add_key", b"user", b"safe-codeact", b"x", 1, -1), _S),
    Attempt(_DOORS, "a namespace", _door("unshare", 0x10000000), _S),
    Attempt(_DOORS, "x32", _x32, _S),
    Attempt(_DOORS, "outliving the zygote", _keep_from_dying, _S),
    Attempt(_DOORS, "watching a folder by signals", _own_a_signal, _S),
)  # fmt: skip


def held_by_namespaces(attack: Attempt) -> bool:
    """Whether the thing that it is about is not there in namespaces of one's own. What is open already still is."""
    if attack.name in ("reading one that was left open", "netlink"):
        return False
    return attack.kind in (_FILES, _NET, _OTHERS) or attack.name == "a program"


def attempt(attack: Attempt, outside: Outside) -> bytes:
    """In the child: try, and say how it went. b"+" and the loot, or b"-" and why not.

    Any other exception than `OSError` and `MemoryError` comes through: an attack that is wrong has shown nothing.
    """
    try:
        got = attack.run(outside)
    except OSError as error:
        return b"-" + os.fsencode(error.strerror or str(error))
    except MemoryError:
        return b"-no memory"
    return b"+" + got if isinstance(got, bytes) else b"+" if got else b"-"
