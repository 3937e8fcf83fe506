"""Answers of tools that come from other threads, while the blocking pump waits for its worker."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from safe_codeact.wire import messages


class Background:
    """Answers that come from other threads while the blocking pump waits for its worker.

    A tool may come back long after its conversation is over: the bell is closed under the lock that it is rung under.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._bell = -1
        self._outstanding = 0
        self._done: list[Future[messages.ToolReply]] = []

    def add(self, begun: Future[messages.ToolReply]) -> None:
        """Wait for one more."""
        if self._bell < 0:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._outstanding += 1
        begun.add_done_callback(self._ring)

    def replies(self, deadline: Callable[[], float]) -> list[messages.ToolReply]:
        """Wait until an answer is there or the worker speaks; the answers. Raises `TimeoutError`."""
        if not self._outstanding:
            return []
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        poller.register(self._bell, select.POLLIN)
        if not poller.poll(max(deadline() - time.monotonic(), 0.001) * 1000):
            raise TimeoutError
        with self._lock:
            done, self._done = self._done, []
            if done:
                os.eventfd_read(self._bell)
        self._outstanding -= len(done)
        return [future.result() for future in done]

    def finish(self, deadline: float) -> None:
        """Wait for what is under way: whoever runs the action again must know how it ended."""
        while self._outstanding:
            with self._lock:
                done, self._done = self._done, []
            self._outstanding -= len(done)
            if not done:
                poller = select.poll()
                poller.register(self._bell, select.POLLIN)
                if not poller.poll(max(deadline - time.monotonic(), 0.001) * 1000):
                    return
                os.eventfd_read(self._bell)

    def close(self) -> None:
        """Nobody listens any more."""
        with self._lock:
            if self._bell >= 0:
                os.close(self._bell)
                self._bell = -1

    def _ring(self, future: Future[messages.ToolReply]) -> None:
        with self._lock:
            self._done.append(future)
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)
