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
import sys
import sysconfig
import threading
from collections.abc import Callable

from safe_codeact.confine.paths import ZONES, library_paths, package_paths
from safe_codeact.confine.protections import LANDLOCK_MINIMUM, Plan, digest_programs, read_programs
from safe_codeact.errors import ConfinementUnavailable
from safe_codeact.guest import worker
from safe_codeact.guest.lockdown import SOCKET, Prepared, lock_down, sizes
from safe_codeact.kernel import landlock, process, seccomp
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages
from safe_codeact.wire.encode import frame
from safe_codeact.wire.intake import read_frame


class Zygote:
    """One policy's zygote, after `Configure`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._workers: dict[int, int] = {}  # pidfd → pid
        self._host = -1

    def run(self) -> None:
        """Serve until the host is gone. Never returns to model code: workers leave through `os._exit`."""
        configure = self._receive()
        if not isinstance(configure, messages.Configure):
            raise RuntimeError(f"the first frame must be Configure, got {type(configure).__name__}")
        self._host = os.pidfd_open(configure.host_pid)
        policy = Policy.from_plain(configure.policy)
        plan = Plan.from_plain(configure.plan)
        _require(plan)
        equipment = worker.Equipment.load(policy)
        self._prepared, uid = _prepare(plan, equipment.loaded_files)
        self._equipment = equipment
        self._send(
            messages.Prepared(
                modules=list(equipment.modules), missing=list(equipment.missing), uid=uid, python=sys.version
            )
        )
        self._serve()

    def _serve(self) -> None:
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._host, select.POLLIN)
        self._poller = poller
        while True:
            for descriptor, _events in poller.poll():
                if descriptor == self._host:
                    return
                if descriptor == self._control.fileno():
                    self._take_order()
                else:
                    self._reap(descriptor)

    def _take_order(self) -> None:
        descriptors: list[int] = []
        order = self._receive(descriptors)
        if not isinstance(order, messages.Fork) or len(descriptors) != 1:
            raise RuntimeError(f"expected Fork with one descriptor, got {type(order).__name__} with {len(descriptors)}")
        if threading.active_count() != 1 or len(os.listdir("/proc/self/task")) != 1:
            raise RuntimeError(
                "the zygote has more than one thread: a preloaded module started it, and forking is not safe"
            )
        pid = os.fork()
        if pid == 0:
            _become_worker(self._prepared, self._equipment, order.slot, descriptors[0])
        os.close(descriptors[0])
        pidfd = os.pidfd_open(pid)
        self._workers[pidfd] = pid
        self._poller.register(pidfd, select.POLLIN)
        self._send(messages.Forked(order=order.order, pid=pid))

    def _reap(self, pidfd: int) -> None:
        pid, status, used = os.wait4(self._workers.pop(pidfd), 0)
        self._poller.unregister(pidfd)
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


def _become_worker(prepared: Prepared, equipment: worker.Equipment, slot: str, descriptor: int) -> None:
    """In the child: confine, report, serve one request, and never come back."""
    status = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the host's business
        os.dup2(descriptor, SOCKET)
        connection = socket.socket(fileno=SOCKET)  # asks for the socket's family, which the filter forbids
        receipt = lock_down(prepared, slot)
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


def _prepare(plan: Plan, loaded_files: dict[str, str]) -> tuple[Prepared, int]:
    """Open what the rules name while it can still be opened, give up privileges, and take the sizes last."""
    programs = read_programs(plan.programs)
    rules = tuple(_rules(plan, loaded_files)) if plan.landlock else ()
    uid = _give_up_privileges(plan, loaded_files)
    gc.collect()
    gc.freeze()
    data_size, address_space = sizes()
    return Prepared(
        plan=plan,
        programs=programs,
        programs_sha256=digest_programs(programs),
        landlock_abi=landlock.abi(),
        rules=rules,
        data_size=data_size,
        address_space=address_space,
        zygote=os.getpid(),
    ), uid


def library_rules(loaded_files: dict[str, str]) -> list[tuple[int, int]]:
    """What every worker may read: the standard library, the packages that were loaded, and the time zones."""
    sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    sites |= {entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")}
    stdlib = sysconfig.get_path("stdlib")
    wanted = [
        *library_paths(stdlib, os.listdir(stdlib), sites),
        *package_paths(loaded_files, sites),
        ZONES,
    ]
    return [landlock.open_rule(path, writable=False) for path in wanted if os.path.exists(path)]


def _rules(plan: Plan, loaded_files: dict[str, str]) -> list[tuple[int, int]]:
    rules = library_rules(loaded_files)
    for path in plan.read:
        try:
            rules.append(landlock.open_rule(path, writable=False))
        except OSError as error:
            raise ConfinementUnavailable(
                f"filesystem.read: {path} cannot be opened: {error.strerror}. Make it readable or drop the line."
            ) from None
    return rules


def _give_up_privileges(plan: Plan, loaded_files: dict[str, str]) -> int:
    """As root: become nobody, if nobody can read the interpreter; in any case keep no capability."""
    with contextlib.suppress(OSError):  # not privileged: there is no bounding set of ours to drop
        process.drop_bounding_set()
    if os.getuid() == 0 and _readable_by(plan.drop_to, [os.__file__, *loaded_files.values()]):
        with contextlib.suppress(PermissionError):  # root in a container that was started without CAP_SETUID
            process.become(plan.drop_to, plan.drop_to)
    process.drop_capabilities()
    return os.getuid()


def _readable_by(uid: int, files: list[str]) -> bool:
    """Whether another user can reach `files`: every folder above them is open to others, and they are too.

    Where the interpreter lies in root's private home, becoming nobody would cut it off from its own library.
    """
    folders = {os.path.dirname(os.path.realpath(file)) for file in files}
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
    try:
        Zygote(control).run()
    except BaseException as error:
        kind = "unavailable" if isinstance(error, ConfinementUnavailable) else "internal"
        try:
            control.sendall(frame(messages.Failed(kind=kind, message=f"{type(error).__name__}: {error}"[:4000])))
        finally:
            os._exit(1)
    os._exit(0)
