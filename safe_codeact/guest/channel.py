"""The worker's end of its one socket: whole frames out, whole frames in.

Frames are written with the soft deadline masked: half a frame would break the conversation for a reason that is not the
action's. SAFETY of the reading side: these frames are the host's, and are read only when one is due. The first is read
alone, because descriptors come with it; none come with answers, so what is there of them is read at once.
"""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from contextlib import AbstractContextManager

from safe_codeact.guest.deadline import Deadline
from safe_codeact.wire import messages
from safe_codeact.wire.decode import Decoder
from safe_codeact.wire.encode import frame
from safe_codeact.wire.intake import read_frame
from safe_codeact.wire.shapes import Direction

_PIECE = 64 * 1024  # asked of one read, which allocates what it is asked for: more than most answers have


class Channel:
    """`descriptors` are those that came with the first frame."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._descriptor = connection.fileno()
        self._deadline = deadline
        self._decoder = Decoder(Direction.HOST_TO_WORKER)
        self._heard: deque[messages.Message] = deque()
        self._poller = select.poll()
        self._poller.register(self._descriptor, select.POLLIN)
        self.descriptors: list[int] = []

    def first(self) -> messages.Message:
        """The request, with its descriptors."""

        def receive(size: int) -> bytes:
            data, arrived, _flags, _address = socket.recv_fds(self._connection, size, messages.MOST_SEGMENTS + 1)
            self.descriptors.extend(arrived)
            return data

        return read_frame(receive)

    def send(self, message: messages.WorkerMessage) -> None:
        """One frame. Raises `NotEncodable` for content that no frame can hold; then nothing was written."""
        data = memoryview(frame(message))
        with self._deadline.masked():
            while data:
                data = data[os.write(self._descriptor, data) :]

    def masked(self) -> AbstractContextManager[None]:
        """See `Deadline.masked`."""
        return self._deadline.masked()

    def hold(self) -> None:
        """See `Deadline.hold`."""
        self._deadline.hold()

    def release(self, seconds: float) -> None:
        """See `Deadline.release`."""
        self._deadline.release(seconds)

    def hears(self, seconds: float | None) -> bool:
        """Whether an answer comes in so long (None: wait for it). The deadline may ring meanwhile."""
        return bool(self._heard or self._poller.poll(None if seconds is None else seconds * 1000))

    def reply(self) -> messages.ToolReply:
        """The next answer."""
        with self._deadline.masked():
            while not self._heard:
                piece = os.read(self._descriptor, _PIECE)
                if not piece:
                    raise EOFError("the host closed the connection")
                self._heard.extend(self._decoder.messages(piece))
            reply = self._heard.popleft()
        if not isinstance(reply, messages.ToolReply):
            raise RuntimeError("the host said something else than an answer")
        return reply
