"""The zygote hears which call a filter stopped, kills the worker that made it, and tells the host.

Threat: a death by a filter tells nobody the call, and the worker's own word for it is worth nothing. So a worker's
filter notifies instead, and the zygote holds the other end: it comes over a socket of that worker alone, made before
the fork and read once. The worker has closed its end before it reads a byte of anything.

A worker that does not hand its listener over as it should is killed: its forbidden calls would fail with ENOSYS, and
the plan says that they kill. One notification ends one worker, so there is nothing to flood us with.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from safe_codeact.kernel import listener
from safe_codeact.wire import messages


@dataclass(slots=True)
class _Watched:
    pid: int
    pidfd: int
    source: int  # what we poll: the handover's descriptor at first, then the listener
    handover: socket.socket | None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)


class Listeners:
    """Those of one zygote's workers. `tell` says what was heard."""

    def __init__(self, poller: select.poll, tell: Callable[[messages.Forbidden], None]) -> None:
        self._poller = poller
        self._tell = tell
        self._by_source: dict[int, _Watched] = {}
        self._by_pidfd: dict[int, _Watched] = {}

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._by_source

    def expect(self, pid: int, pidfd: int, handover: socket.socket) -> None:
        """A worker was forked; its listener will come here."""
        watched = _Watched(pid, pidfd, -1, handover)
        self._by_pidfd[pidfd] = watched
        self._watch(watched, handover.fileno())

    def hear(self, descriptor: int, events: int) -> None:
        """Something came from it: the listener itself, a call that was stopped, or the worker's end."""
        watched = self._by_source[descriptor]
        if watched.handover is not None:
            self._take(watched, watched.handover)
            return
        if events & select.POLLIN:
            stopped = listener.receive(descriptor)
            watched.kill()  # before its listener is closed: it never comes back from that call
            self._tell(messages.Forbidden(watched.pid, stopped.number, stopped.architecture))
        self._unwatch(watched)

    def forget(self, pidfd: int) -> None:
        """The worker was reaped."""
        watched = self._by_pidfd.pop(pidfd, None)
        if watched is not None:
            self._unwatch(watched)

    def _take(self, watched: _Watched, handover: socket.socket) -> None:
        try:
            _data, arrived, _flags, _address = socket.recv_fds(handover, 1, 1, socket.MSG_DONTWAIT)
        except OSError:
            arrived = []
        self._unwatch(watched)
        if arrived:
            self._watch(watched, arrived[0])
        else:
            watched.kill()

    def _watch(self, watched: _Watched, source: int) -> None:
        watched.source = source
        self._by_source[source] = watched
        self._poller.register(source, select.POLLIN)

    def _unwatch(self, watched: _Watched) -> None:
        if watched.source < 0:
            return
        self._poller.unregister(watched.source)
        del self._by_source[watched.source]
        if watched.handover is not None:
            watched.handover.close()
            watched.handover = None
        else:
            os.close(watched.source)
        watched.source = -1
