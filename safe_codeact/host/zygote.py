"""One zygote process as the host holds it: how it is started, what is asked of it, what it says, and its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from safe_codeact.confine.protections import Plan
from safe_codeact.errors import SafeCodeActError
from safe_codeact.host.groups import Group
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages
from safe_codeact.wire.conversation import ControlConversation

ANSWER_SECONDS = 30.0  # for what takes a millisecond: one that is stopped, or starved, is given up
_TABLE_SECONDS = 2.0  # for what takes a millisecond, and is only waited for so that nothing is left when we return
_ENDED = "the zygote ended unexpectedly"
_CHUNK = 256 * 1024
# CPython's own start-up finds the package by its installation; a checkout that is only on the host's path is named.
_BOOTSTRAP = "import sys; sys.path.append({root!r}); from safe_codeact.guest.zygote import main; main({fd})"


class ZygoteEnded(SafeCodeActError):
    """The process is gone, or does not answer: the launcher starts another one, a few times."""


class Started:
    """A process that imports what every zygote needs, and waits to hear for which policy. A context manager for as long as
    it is not known whether one will be needed: a policy that is refused leaves none."""

    def __init__(self, cache: Path) -> None:
        self.control, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        try:
            with theirs:
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and bootstrap, no text of anybody's
                    [sys.executable, "-s", "-P", "-c", _BOOTSTRAP.format(root=root, fd=theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(cache),
                    cwd="/",
                    start_new_session=True,
                )
        except BaseException:
            self.control.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.end()

    def end(self) -> int:
        """Kill and reap it; its status. Idempotent."""
        self.process.kill()
        status = self.process.wait()
        self.control.close()
        return status


class Zygote:
    """A running zygote. `prepared` is its word that it can fork."""

    def __init__(
        self,
        policy: Policy,
        plan: Plan,
        cache: Path,
        slots: Path,
        group: Group | None = None,
        started: Started | None = None,
    ) -> None:
        self.prepared: messages.Prepared | None = None
        self._first = -1  # of its workers' own process table: what is in that ends before this one does
        self._conversation = ControlConversation()
        self._started = started or Started(cache)
        self._process, self.control = self._started.process, self._started.control
        configure = messages.Configure(
            policy=policy.to_plain(), plan=plan.to_plain(), preload=[], host_pid=os.getpid(), slots=str(slots)
        )
        self.control.settimeout(ANSWER_SECONDS)
        try:
            if group is not None:
                group.take_in(self._process.pid)
            self._send(configure)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def fork(self, slot: Path, order: int, descriptor: int) -> None:
        """Order one worker; it gets `descriptor`. Raises `ZygoteEnded`."""
        self._send(messages.Fork(slot=str(slot), order=order), [descriptor])

    def hear(self) -> list[messages.ZygoteMessage]:
        """What it said; waits for it. Raises `ZygoteEnded`, and `ProtocolViolation`."""
        try:
            data = self.control.recv(_CHUNK)
        except ConnectionError:  # it had not read all that we sent
            data = b""
        except OSError as error:
            raise ZygoteEnded(f"the zygote does not answer: {error}") from None
        if not data:
            raise ZygoteEnded(_ENDED)
        heard = self._conversation.receive(data)
        for message in heard:
            if isinstance(message, messages.Prepared):
                self.prepared = message
                if message.first:
                    with contextlib.suppress(OSError):  # it has ended, or no descriptor is left: then init reaps it
                        self._first = os.pidfd_open(message.first)
        return heard

    def end(self) -> int:
        """Kill and reap it; its status. What is left of its workers dies with it: PR_SET_PDEATHSIG, set before the
        lockdown."""
        if self._first >= 0:
            self._end_table()
        return self._started.end()

    def _end_table(self) -> None:
        """Where its workers have a process table of their own, killing the first one in it ends all; then the zygote
        reaps them and ends itself. One that is gone before has left that to the kernel: then wait until it is done."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_TABLE_SECONDS)
        poller = select.poll()
        poller.register(self._first, select.POLLIN)
        poller.poll(_TABLE_SECONDS * 1000)
        os.close(self._first)
        self._first = -1

    def _send(self, message: messages.Configure | messages.Fork, descriptors: list[int] | None = None) -> None:
        try:
            frame = self._conversation.send(message)
            sent = socket.send_fds(self.control, [frame], descriptors) if descriptors else 0
            self.control.sendall(frame[sent:])
        except ConnectionError:
            raise ZygoteEnded(_ENDED) from None


def why_it_cannot_start(cache: Path) -> str:
    """The last line of what Python says when a zygote's modules are imported, or "". Its own stderr is nobody's: workers
    inherit it."""
    root = str(Path(__file__).resolve().parents[2])
    tried = subprocess.run(  # noqa: S603 - as above
        [sys.executable, "-s", "-P", "-c", f"import sys; sys.path.append({root!r}); import safe_codeact.guest.zygote"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(cache),
        cwd="/",
        timeout=ANSWER_SECONDS,
        check=False,
    )
    return (tried.stderr.strip().splitlines() or [""])[-1][:1000] if tried.returncode else ""


def _environment(cache: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        # As the host: a checkout that nobody has compiled would be compiled again by each zygote, which takes longer than the
        # rest of its start. The zygote writes none after that, and what is confined could not.
        "PYTHONDONTWRITEBYTECODE": "1" if sys.dont_write_bytecode else "",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(cache),
    }
