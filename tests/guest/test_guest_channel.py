"""The worker's end: answers that come together, and an exception that waits for the end of the outermost block."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from safe_codeact.guest.channel import Channel
from safe_codeact.guest.deadline import ActionTimeout, Deadline
from safe_codeact.wire import messages
from safe_codeact.wire.encode import frame


def test_answers_that_come_together_are_heard_one_by_one() -> None:
    here, there = socket.socketpair()
    with here, there:
        channel = Channel(there, Deadline())
        answers = [messages.ToolReply(call=number, value="x" * 50_000 * number) for number in range(1, 3)]
        answers += [messages.ToolReply(call=number) for number in range(3, 6)]
        here.sendall(b"".join(map(frame, answers)))
        for answer in answers:
            assert channel.hears(0)
            assert channel.reply() == answer
        assert not channel.hears(0)


def test_the_host_s_end_is_no_answer() -> None:
    here, there = socket.socketpair()
    with there:
        channel = Channel(there, Deadline())
        here.sendall(frame(messages.ToolReply(call=1))[:-1])
        here.close()
        with pytest.raises(EOFError):
            channel.reply()


def _ring_inside(deadline: Deadline, reached: list[str]) -> None:
    with deadline.masked():
        with deadline.masked():
            os.kill(os.getpid(), signal.SIGALRM)
            reached.append("inner")
        reached.append("outer")


def test_what_rings_in_nested_blocks_is_raised_at_the_end_of_the_outermost_and_once() -> None:
    deadline = Deadline()
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGXCPU)
    deadline.arm(60.0, 60.0)
    try:
        reached: list[str] = []
        with pytest.raises(ActionTimeout, match="60 seconds"):
            _ring_inside(deadline, reached)
        with deadline.masked():
            reached.append("later")
        assert reached == ["inner", "outer", "later"]
        with pytest.raises(ActionTimeout):
            os.kill(os.getpid(), signal.SIGALRM)
    finally:
        deadline.disarm()
        signal.signal(signal.SIGALRM, before[0])
        signal.signal(signal.SIGXCPU, before[1])
