"""The pump's end of a worker's socket: whole frames, and no wait without an end."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from safe_codeact.host.line import Line


def test_a_frame_that_no_buffer_holds_arrives_whole() -> None:
    here, there = socket.socketpair()
    frame = bytes(range(256)) * 16 * 1024
    with here, there:
        writer = threading.Thread(target=Line(here, lambda: time.monotonic() + 30).send, args=(frame,))
        writer.start()
        line = Line(there, lambda: time.monotonic() + 30)
        heard = bytearray()
        while len(heard) < len(frame):
            heard += line.receive()
        writer.join()
    assert heard == frame


def test_who_does_not_read_and_who_does_not_speak_is_waited_for_until_the_deadline() -> None:
    here, there = socket.socketpair()
    with here, there:
        line = Line(here, time.monotonic)
        with pytest.raises(TimeoutError):
            line.receive()
        with pytest.raises(TimeoutError):
            line.send(bytes(4 * 1024 * 1024))


def test_the_end_of_the_stream_is_no_timeout() -> None:
    here, there = socket.socketpair()
    with here:
        there.close()
        assert Line(here, time.monotonic).receive() == b""
