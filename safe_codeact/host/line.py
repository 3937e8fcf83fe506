"""The blocking pump's end of a worker's socket: whole frames out, what has come in, each within a deadline.

What does not work well: a socket with a timeout. It asks `poll` before it sends, and saying a new timeout is a system call too;
a call of a tool needs three of them. Here a frame is written at once, which nearly always goes, and only reading waits.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

# Asked of one read, which allocates what it is asked for: from 128 KiB on malloc asks the kernel, and a read of 50 bytes
# takes ten times as long.
_PIECE = 64 * 1024


class Line:
    """`deadline` says when time is up, on the monotonic clock; it may move while a person is asked."""

    def __init__(self, connection: socket.socket, deadline: Callable[[], float]) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._deadline = deadline
        self._readable = select.poll()
        self._readable.register(connection, select.POLLIN)

    def send(self, frame: bytes) -> None:
        """All of it. Raises `TimeoutError` where the worker does not read it in time."""
        sent = self._send(frame)
        if sent == len(frame):
            return
        writable = select.poll()
        writable.register(self._connection, select.POLLOUT)
        left = memoryview(frame)[sent:]
        while left:
            self._wait(writable)
            left = left[self._send(left) :]

    def receive(self) -> bytes:
        """What has come, at least a byte; b"" at the end. Raises `TimeoutError`."""
        self._wait(self._readable)
        return self._connection.recv(_PIECE)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._connection.send(data)
        except BlockingIOError:
            return 0

    def _wait(self, poller: select.poll) -> None:
        if not poller.poll(max(self._deadline() - time.monotonic(), 0.001) * 1000):
            raise TimeoutError
