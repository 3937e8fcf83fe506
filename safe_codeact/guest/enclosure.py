"""The zygote's own namespaces: made once, after its libraries are imported, and found by every worker that it forks.

Threat: what Landlock has no rule for. A worker may ask of any path on the machine whether it exists, how large it is and
where a link leads; and without the filter there would be the host's sockets, processes and shared memory to go for.
What we do: a root folder in memory that holds nothing but what the workers may read, mounted read-only where it always
was, and their slots; nothing there can be executed, is a device or brings privileges. No /proc: nothing needs it. The
network has no interface that is up. Ids stay what they are, so files belong to whom they belonged.
What still gets through: what lies below the mounted folders is seen, names of it that no Landlock rule covers included.
What is mounted below them later is not: a granted path is what it was when the zygote started.

The order is the argument:
 1. the user is given up before (`guest.zygote`): the one user of the new namespace is the one that the workers run as;
 2. all six namespaces at once, and the ids, while /proc is still there;
 3. the mounts, with the slots last, because whatever else is granted may lie around them;
 4. the old root is let go, and only then what is left is made read-only: nothing can be mounted over it any more;
 5. the privileges that came with the user namespace go, and with them every way to undo the above.
A process that failed half way has neither the old view nor the new one. So all of it is tried in a child first, whose end
leaves nothing; if a zygote then fails all the same, it ends.

The process table of the new namespace is its children's: the zygote stays in the host's, and the pids that it tells are
the host's. Its first child holds the table open (`hold_table`): the kernel ends every process in it together with that one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
from collections.abc import Sequence

from safe_codeact.confine.paths import Layout, layout
from safe_codeact.errors import ConfinementUnavailable
from safe_codeact.guest.lockdown import SOCKET, Prepared
from safe_codeact.kernel import landlock, namespaces, process, seccomp
from safe_codeact.policy.effective import Requirement

_INODES = 20_000  # folders and mount points, a handful for each granted path
_SIZE = 4 << 20  # bytes; they hold nothing
_MACHINE = "worker"


def enter_if_possible(requirement: Requirement, slots: str, wanted: Sequence[str]) -> str:
    """Enter, and say ""; or why this process is where it was. Raises `ConfinementUnavailable` where it was required, and
    where a step failed that had just gone well in a child: then this process is good for nothing."""
    if requirement == "off":
        return "the policy says `namespaces: off`"
    plan = laid_out(slots, wanted)
    problem = why_not(slots, plan)
    if problem and requirement == "required":
        raise ConfinementUnavailable(
            f"isolation.namespaces: required, and not to be had here: {problem}. In a container, a profile that allows "
            "unshare(2) and mount(2) is needed, elsewhere user namespaces for this account (`sysctl "
            "user.max_user_namespaces`); or say `preferred`. `safe-codeact doctor` says what this machine offers."
        )
    if not problem:
        try:
            enter(slots, plan)
        except OSError as error:
            raise ConfinementUnavailable(f"the namespaces could be made a moment ago, and now not: {error}") from error
    return problem


def laid_out(slots: str, wanted: Sequence[str]) -> Layout:
    """What the root will hold. `wanted` are the paths that workers may read."""
    return layout({path: os.path.realpath(path) for path in (*wanted, slots)})


def enter(slots: str, plan: Layout) -> None:
    """Leave the machine's namespaces for good. Raises `OSError`."""
    namespaces.unshare()
    namespaces.keep_mounts_private()
    namespaces.name_machine(_MACHINE)
    slots = os.path.realpath(slots)
    below = os.open(slots, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # the next line covers it
    try:
        namespaces.mount_memory(slots, size=_SIZE, inodes=_INODES)
        for path in plan.mounts:
            if path == slots:
                continue
            _make_point(slots + path, is_folder=os.path.isdir(path))
            namespaces.bind(path, slots + path, with_mounts_below=True)
        for path, real in plan.links:
            os.makedirs(os.path.dirname(slots + path), mode=0o755, exist_ok=True)
            os.symlink(real, slots + path)
        _make_point(slots + slots, is_folder=True)
        namespaces.bind(f"/proc/self/fd/{below}", slots + slots, with_mounts_below=False)
        _keep_times(slots)
    finally:
        os.close(below)
    namespaces.make_root(slots)
    namespaces.restrict_mounts("/")
    namespaces.lift("rdonly", slots)
    for path in plan.mounts:
        if stat.S_ISCHR(os.stat(path).st_mode):  # one that the policy grants by name
            namespaces.lift("nodev", path)
    process.drop_bounding_set()
    process.drop_capabilities()


def _make_point(path: str, *, is_folder: bool) -> None:
    """Something to mount on: a folder, or an empty file."""
    os.makedirs(path if is_folder else os.path.dirname(path), mode=0o755, exist_ok=True)
    if not is_folder and not os.path.lexists(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))


def _keep_times(root: str) -> None:
    """The folders that modules were looked for in are as old in the new root as they were.

    The import system has listed them and lists a folder again when its time of change is another one. A worker may not list
    those that only hold what is mounted for it, and so would find no module there that is not loaded yet.
    """
    for folder in sys.path_importer_cache:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            there, here = os.stat(folder), os.stat(root + folder)
            if not os.path.samestat(there, here):  # mounted itself, or reached by a link: it is the host's folder
                os.utime(root + folder, ns=(there.st_atime_ns, there.st_mtime_ns))


def why_not(slots: str, plan: Layout) -> str:
    """Try all of it in a child, which then ends: "" if it can be had here, or what cannot, in words."""
    return namespaces.why_not(lambda: _try(slots, plan))


def _try(slots: str, plan: Layout) -> None:
    """In a child: enter, look around, and have a first process in the new table. Raises `OSError`."""
    old = os.stat("/")
    enter(slots, plan)
    if os.path.samestat(old, os.stat("/")) or not os.path.isdir(slots):
        raise OSError("the root is not the one that was put together")
    first = os.fork()
    if first == 0:
        os._exit(0 if os.getpid() == 1 else 1)
    if os.waitpid(first, 0)[1]:
        raise OSError("the first process of the new table is not its first one")


def hold_table(prepared: Prepared) -> int:
    """Fork the first process of the table; its pid. It ends with the zygote, and does nothing else."""
    reading, _writing = os.pipe()  # the other end stays open here as long as the zygote lives
    child = os.fork()
    if child == 0:
        try:
            _wait_for_the_end(prepared, reading)
        finally:
            os._exit(1)
    os.close(reading)
    return child


def _wait_for_the_end(prepared: Prepared, pipe: int) -> None:
    """It is held like a worker, and has less: no slot, no file at all. What is left behind in its table, it reaps."""
    process.die_with_parent(prepared.zygote)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    process.forbid_new_privileges()
    if prepared.plan.landlock:
        landlock.restrict((), prepared.landlock_abi)
    os.dup2(pipe, SOCKET)
    process.close_descriptors_above(SOCKET)
    process.set_limits({name: (soft, hard) for name, soft, hard in prepared.plan.limits})
    if prepared.plan.seccomp:
        for program in prepared.programs:
            seccomp.install(program)
    os.read(SOCKET, 1)
