"""One worker as the host holds it: its socket, its slot, and the only safe way to end it.

A pid may name another process as soon as its own was reaped, and the zygote reaps before it tells us. So a worker is
held by a pidfd from the moment it was announced, and signals go there. A descriptor's number has the same weakness one
level down: it is closed and used under one lock.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from concurrent.futures import Future, InvalidStateError
from pathlib import Path

from safe_codeact.wire import messages
from safe_codeact.wire.conversation import Conversation

_NANOSECONDS = 1e9
_PF_EXITING = 4  # include/linux/sched.h: do_exit has begun, and no system call of the thread's goes on


class Worker:
    """One process that serves one request. Owned by the launcher until it is handed out, then by the exchange."""

    def __init__(self, connection: socket.socket, conversation: Conversation, slot: Path) -> None:
        self.connection = connection
        self.conversation = conversation
        self.slot = slot
        self.pid = 0
        self.ordered = time.monotonic()
        self.exited: Future[messages.Exited | None] = Future()  # None: it died with its zygote, and nobody knows how
        self.forbidden: messages.Forbidden | None = None  # the call that it was killed for
        self.over = ""  # what its workspace had too much of when it was killed for it
        self._pidfd = -1
        self._lock = threading.Lock()

    def announced(self, pid: int, zygote: int) -> None:
        """Hold the process. It may have ended already; a stranger with its pid is told by its parent."""
        self.pid = pid
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return
        if _parent(pid) == zygote:
            self._pidfd = descriptor
        else:
            os.close(descriptor)

    @property
    def is_held(self) -> bool:
        """Whether it can be killed. Where the host had no descriptor left, or it has ended, it cannot."""
        return self._pidfd >= 0

    def kill(self) -> None:
        """SIGKILL: from here on it finishes at most the system call that it is in. Harmless when it has ended."""
        with self._lock, contextlib.suppress(ProcessLookupError, PermissionError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def hang_up(self) -> None:
        """Close our end of its socket."""
        with self._lock:
            self.connection.close()

    def end(self) -> None:
        """Kill it and hang up; what is left is the zygote's and the launcher's to bury."""
        self.kill()
        self.hang_up()

    def used(self) -> messages.Exited | None:
        """What the kernel says it has used so far; None where it is gone already, or the kernel keeps no such count."""
        try:
            with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
                nanoseconds = int(file.read().split()[0])
            with open(f"/proc/{self.pid}/status", encoding="utf-8", errors="replace") as file:
                peak = next(line for line in file if line.startswith("VmHWM:"))
        except (OSError, StopIteration, ValueError, IndexError):
            return None
        return messages.Exited(
            pid=self.pid,
            status=0,
            cpu_seconds=nanoseconds / _NANOSECONDS,
            peak_memory_bytes=int(peak.split()[1]) * 1024,
        )

    def has_stopped(self, seconds: float) -> bool:
        """Whether it, killed, can change no file any more: it is past its last system call. Waits so long for that.

        Its memory is torn down afterwards, for milliseconds that nobody needs to wait for.
        """
        deadline, pause = time.monotonic() + seconds, 0.0
        while not self._is_exiting():
            if time.monotonic() >= deadline:
                return False
            pause = min(pause + 0.00005, 0.002)
            time.sleep(pause)
        return True

    def _is_exiting(self) -> bool:
        if self._pidfd < 0:
            return True  # buried; its pid may be another's
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            return fields[0] in "ZX" or (int(fields[6]) & _PF_EXITING != 0 and int(fields[17]) <= 1)
        except (FileNotFoundError, ProcessLookupError):
            return True
        except (OSError, ValueError, IndexError):  # the kernel does not tell: its whole end is waited for
            return not self.outlives(0)

    def outlives(self, deadline: float) -> bool:
        """Whether it is still there at `deadline` (monotonic). Only for the thread that buries it."""
        if self._pidfd < 0:
            return False
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return not poller.poll(max(deadline - time.monotonic(), 0) * 1000)

    def bury(self, exited: messages.Exited | None) -> None:
        """Tell everybody that it is dead. Whoever reads its socket is woken, even where a forked copy of the host still
        holds the other end: what was sent before is still read, then the stream ends."""
        with self._lock:
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):  # not empty: the session takes its workspace out first, and then removes it
            self.slot.rmdir()
        with contextlib.suppress(InvalidStateError):
            self.exited.set_result(exited)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
