"""How zygote and worker read: exactly one frame, over a real socket, and only the host's."""

from __future__ import annotations

import socket
import threading

import pytest

from safe_codeact.wire import messages as m
from safe_codeact.wire.encode import frame
from safe_codeact.wire.format import MIB
from safe_codeact.wire.intake import read_frame
from safe_codeact.wire.violation import ProtocolViolation


def test_frames_are_read_one_by_one_over_a_socket() -> None:
    sent = [m.Describe(2), m.Assign("x", bytes(3 * MIB), 0), m.Fetch("y", 0), m.Fork("/slot", 3)]
    here, there = socket.socketpair()
    with here, there:
        writer = threading.Thread(target=there.sendall, args=(b"".join(map(frame, sent)),))
        writer.start()
        assert [read_frame(here.recv) for _ in sent] == sent
        writer.join()


def test_a_read_never_asks_for_a_byte_past_the_frame() -> None:
    stream = bytearray(frame(m.Fetch("x", 0)))

    def recv(size: int) -> bytes:
        assert 0 < size <= len(stream)
        taken = bytes(stream[: max(1, size - 1)])
        del stream[: len(taken)]
        return taken

    assert read_frame(recv) == m.Fetch("x", 0)
    assert not stream


@pytest.mark.parametrize("cut", [0, 1, 5, 6, 9])
def test_the_end_of_the_stream_is_an_end_wherever_it_comes(cut: int) -> None:
    stream = bytearray(frame(m.Fetch("long enough", 0))[:cut])

    def recv(size: int) -> bytes:
        taken = bytes(stream[:size])
        del stream[:size]
        return taken

    with pytest.raises(EOFError, match=r"^the host closed the connection$"):
        read_frame(recv)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(m.Output("stdout", "x")), "a tag that this side may not send"),
        (b"\x00\x00\x00\x02\x92\x23", "a frame shorter than any message"),
        (b"\xff\xff\xff\xff\x92\x23", "Describe: longer than its bound"),
        (b"\x00\x00\x00\x03\x92\x23\xc3", "Describe.segments: expected an int from 0 to 16"),
    ],
)
def test_anything_but_a_message_of_the_host_is_refused(data: bytes, reason: str) -> None:
    stream = bytearray(data)

    def recv(size: int) -> bytes:
        taken = bytes(stream[:size])
        del stream[:size]
        return taken

    with pytest.raises(ProtocolViolation) as refused:
        read_frame(recv)
    assert refused.value.reason == reason
