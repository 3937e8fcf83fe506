"""The zygote: a clean interpreter that imports what the policy preloads, and then only forks.

Threat: whatever is in this process's memory is in every worker's. So it is exec'd, never forked from the application;
its environment is fixed; it inherits one socket; it reads the host's frames and nothing else, ever; and it never runs
model code. It must be single-threaded at every fork, or a lock that another thread holds is held for ever in the worker.

Its life ends with the host's: it watches a pidfd of the host, because a parent-death signal fires when the *thread*
that started it ends, and an end-of-file never comes while a forked copy of the host holds the socket.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence

from safe_codeact.confine.paths import ZONES, library_paths, package_paths
from safe_codeact.confine.protections import LANDLOCK_MINIMUM, NAMESPACES, Plan, digest_programs, read_programs
from safe_codeact.errors import ConfinementUnavailable
from safe_codeact.guest import enclosure, preload, worker
from safe_codeact.guest.listeners import Listeners
from safe_codeact.guest.lockdown import PAGEMAP, SOCKET, Post, Prepared, lock_down, sizes
from safe_codeact.kernel import landlock, listener, process, seccomp
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages
from safe_codeact.wire.encode import frame
from safe_codeact.wire.intake import read_frame


class Zygote:
    """One policy's zygote, after `Configure`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._workers: dict[int, int] = {}  # pidfd → pid
        self._host = self._first = -1

    def run(self) -> None:
        """Serve until the host is gone. Never returns to model code: workers leave through `os._exit`."""
        preload.begin()
        self._await_word()
        configure = self._receive()
        if not isinstance(configure, messages.Configure):
            raise RuntimeError(f"the first frame must be Configure, got {type(configure).__name__}")
        process.take_descriptors_up_to(max(SOCKET, PAGEMAP))
        self._host = os.pidfd_open(configure.host_pid)
        policy = Policy.from_plain(configure.policy)
        plan = Plan.from_plain(configure.plan)
        _require(plan)
        listened = read_programs(plan.listened) if plan.seccomp else ()
        if listened and not listener.works(listened[0]):
            listened = ()
        equipment = worker.Equipment.load(policy)
        sys.dont_write_bytecode = True
        self._prepared, uid, not_entered = _prepare(plan, equipment.loaded_files, configure.slots, listened)
        self._equipment = equipment
        self._send(
            messages.Prepared(
                modules=list(equipment.modules),
                missing=list(equipment.missing),
                uid=uid,
                python=sys.version,
                namespaces=list(self._prepared.namespaces),
                not_entered=not_entered,
                first=self._hold_table(),
            )
        )
        try:
            self._serve()
        finally:
            if self._first >= 0:
                self._end_table()

    def _await_word(self) -> None:
        """The host is still reading its policy. If it ends meanwhile, so do we: a forked copy of it may hold the socket."""
        peer = self._control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        try:
            host = os.pidfd_open(struct.unpack("3i", peer)[0])
        except ProcessLookupError:
            os._exit(0)
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(host, select.POLLIN)
        if self._control.fileno() not in dict(poller.poll()):
            os._exit(0)
        os.close(host)

    def _hold_table(self) -> int:
        """The pid of the first process in the workers' table; 0 where that is the host's. With its end, ours comes."""
        if not self._prepared.namespaces:
            return 0
        first = enclosure.hold_table(self._prepared)
        self._first = os.pidfd_open(first)
        return first

    def _end_table(self) -> None:
        """The end of the first process is the end of all; reaped here, none is left to whoever adopts orphans."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()

    def _serve(self) -> None:
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._host, select.POLLIN)
        if self._first >= 0:
            poller.register(self._first, select.POLLIN)
        self._poller = poller
        self._listeners = Listeners(poller, self._send)
        while True:
            # Listeners first: what a worker was killed for is told before its end, and reaping it closes its listener.
            for descriptor, events in sorted(poller.poll(), key=lambda event: event[0] not in self._listeners):
                if descriptor in (self._host, self._first):
                    return
                if descriptor == self._control.fileno():
                    self._take_order()
                elif descriptor in self._workers:
                    self._reap(descriptor)
                else:
                    self._listeners.hear(descriptor, events)

    def _take_order(self) -> None:
        descriptors: list[int] = []
        order = self._receive(descriptors)
        if not isinstance(order, messages.Fork) or len(descriptors) != 1:
            raise RuntimeError(f"expected Fork with one descriptor, got {type(order).__name__} with {len(descriptors)}")
        if threading.active_count() != 1 or process.count_threads(self._prepared.proc) != 1:
            raise RuntimeError(
                "the zygote has more than one thread: a preloaded module started it, and forking is not safe"
            )
        handover, theirs = socket.socketpair() if self._prepared.listened else (None, None)
        pid = os.fork()
        if pid == 0:
            _become_worker(self._prepared, self._equipment, Post(order.slot, theirs), descriptors[0])
        os.close(descriptors[0])
        pidfd = os.pidfd_open(pid)
        self._workers[pidfd] = pid
        self._poller.register(pidfd, select.POLLIN)
        if handover is not None and theirs is not None:
            theirs.close()
            self._listeners.expect(pid, pidfd, handover)
        self._send(messages.Forked(order=order.order, pid=pid))

    def _reap(self, pidfd: int) -> None:
        pid, status, used = os.wait4(self._workers.pop(pidfd), 0)
        self._poller.unregister(pidfd)
        self._listeners.forget(pidfd)
        os.close(pidfd)
        self._send(
            messages.Exited(
                pid=pid,
                status=status,
                cpu_seconds=used.ru_utime + used.ru_stime,
                peak_memory_bytes=used.ru_maxrss * 1024,
            )
        )

    def _send(self, message: messages.ZygoteMessage) -> None:
        self._control.sendall(frame(message))

    def _receive(self, descriptors: list[int] | None = None) -> messages.Message:
        return read_frame(receiver(self._control, descriptors))


def receiver(connection: socket.socket, descriptors: list[int] | None) -> Callable[[int], bytes]:
    """A `recv` that also collects descriptors. An end of stream ends this process: the host is gone."""

    def receive(size: int) -> bytes:
        if descriptors is None:
            data = connection.recv(size)
        else:
            data, arrived, _flags, _address = socket.recv_fds(connection, size, 4)
            descriptors.extend(arrived)
        if not data:
            os._exit(0)
        return data

    return receive


def _become_worker(prepared: Prepared, equipment: worker.Equipment, post: Post, descriptor: int) -> None:
    """In the child: confine, report, serve one request, and never come back."""
    status = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the host's business
        os.dup2(descriptor, SOCKET)
        connection = socket.socket(fileno=SOCKET)  # asks for the socket's family, which the filter forbids
        receipt = lock_down(prepared, post)
        worker.serve(equipment, connection, receipt)
        status = 0
    finally:
        os._exit(status)  # whatever was raised: the host reads the status, and nothing else may come of it


def _require(plan: Plan) -> None:
    """Fail closed where a protection that the plan holds to cannot be had."""
    abi = landlock.abi()
    if plan.landlock and abi < LANDLOCK_MINIMUM:
        raise ConfinementUnavailable(
            f"Landlock ABI {abi or 'none'}: at least {LANDLOCK_MINIMUM} is required (Linux 5.13 or newer, with "
            "landlock among the kernel's security modules, and a container profile that allows landlock_*). "
            "`safe-codeact doctor` says what this machine offers."
        )
    if plan.seccomp and not seccomp.available():
        raise ConfinementUnavailable(
            "seccomp filters cannot be installed here: a kernel with CONFIG_SECCOMP_FILTER is required, and a "
            "container profile that allows seccomp(2). `safe-codeact doctor` says what this machine offers."
        )


def _prepare(
    plan: Plan, loaded_files: dict[str, str], slots: str, listened: tuple[bytes, ...]
) -> tuple[Prepared, int, str]:
    """Open what the rules name while it can still be opened, give up privileges, and take the sizes last.

    Also the uid that workers run as, and why they have no namespaces of their own, if they have none.
    """
    programs = read_programs(plan.programs)
    library = libraries(loaded_files)
    rules = tuple(_rules(plan, library)) if plan.landlock else ()
    _give_up_root(plan, loaded_files)
    proc = process.open_proc()
    not_entered = enclosure.enter_if_possible(plan.namespaces, slots, [*library, *plan.read])
    process.drop_capabilities()  # only now: root that stays root may not give itself a namespace without one
    if not not_entered:  # no descriptor of the zygote leads out of the new root: the rules are opened inside it
        for descriptor, _rights in rules:
            os.close(descriptor)
        library = [path for path in library if os.path.exists(path)]  # to this user, and without capabilities
        rules = tuple(_rules(plan, library)) if plan.landlock else ()
    gc.collect()
    gc.freeze()
    gc.enable()
    data_size, address_space = sizes(proc)
    prepared = Prepared(
        plan=plan,
        programs=programs,
        programs_sha256=digest_programs(programs),
        listened=listened,
        listened_sha256=digest_programs(listened),
        landlock_abi=landlock.abi(),
        rules=rules,
        data_size=data_size,
        address_space=address_space,
        zygote=os.getpid() if not_entered else 0,
        proc=proc,
        namespaces=() if not_entered else NAMESPACES,
    )
    return prepared, os.getuid(), not_entered


def libraries(loaded_files: dict[str, str]) -> list[str]:
    """What every worker may read: the standard library, the packages that were loaded, and the time zones."""
    sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    sites |= {entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")}
    stdlib = sysconfig.get_path("stdlib")
    wanted = [
        *library_paths(stdlib, os.listdir(stdlib), sites),
        *package_paths(loaded_files, sites),
        ZONES,
    ]
    return [path for path in wanted if os.path.exists(path)]


def library_rules(library: Sequence[str]) -> list[tuple[int, int]]:
    """The rules that let a worker read them."""
    return [landlock.open_rule(path, writable=False) for path in library]


def _rules(plan: Plan, library: Sequence[str]) -> list[tuple[int, int]]:
    rules = library_rules(library)
    for path in plan.read:
        try:
            rules.append(landlock.open_rule(path, writable=False))
        except OSError as error:
            raise ConfinementUnavailable(
                f"filesystem.read: {path} cannot be opened: {error.strerror}. Make it readable or drop the line."
            ) from None
    return rules


def _give_up_root(plan: Plan, loaded_files: dict[str, str]) -> None:
    """As root: become nobody, if nobody can read the interpreter. The capabilities that are left, `_prepare` drops."""
    with contextlib.suppress(OSError):  # not privileged: there is no bounding set of ours to drop
        process.drop_bounding_set()
    if os.getuid() == 0 and _readable_by(plan.drop_to, [os.__file__, *loaded_files.values()]):
        with contextlib.suppress(PermissionError):  # root in a container that was started without CAP_SETUID
            process.become(plan.drop_to, plan.drop_to)


def _readable_by(uid: int, files: list[str]) -> bool:
    """Whether another user can reach `files`: every folder above them is open to others, and they are too.

    Where the interpreter lies in root's private home, becoming nobody would cut it off from its own library.
    """
    links = [os.path.realpath(file) for file in files if os.path.islink(file)]
    folders = {os.path.realpath(folder) for folder in {os.path.dirname(file) for file in (*files, *links)}}
    seen: set[str] = set()
    for folder in folders:
        while folder not in seen:
            seen.add(folder)
            if not os.stat(folder).st_mode & 0o001:
                return False
            folder = os.path.dirname(folder)
    return True


def main(descriptor: int) -> None:
    """Entry point of the exec'd process; `descriptor` is the control socket."""
    control = socket.socket(fileno=descriptor)
    gc.disable()  # until all is imported: nearly all that imports make stays, and would be looked at again and again
    try:
        Zygote(control).run()
    except BaseException as error:
        kind = "unavailable" if isinstance(error, ConfinementUnavailable) else "internal"
        try:
            control.sendall(frame(messages.Failed(kind=kind, message=f"{type(error).__name__}: {error}"[:4000])))
        finally:
            os._exit(1)
    os._exit(0)
