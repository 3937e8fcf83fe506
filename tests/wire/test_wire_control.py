"""The zygote's turns: Prepared once, a Forked for each order, an Exited for each worker."""

from __future__ import annotations

from typing import Any

import pytest

from safe_codeact.wire import messages as m
from safe_codeact.wire.control import ControlConversation, ControlPhase
from safe_codeact.wire.encode import frame
from safe_codeact.wire.violation import ProtocolViolation

CONFIGURE = m.Configure({"name": "strict"}, {"layers": []}, ["math"], 4711, "/slots")
PREPARED = m.Prepared(["math"], [], 65_534, "3.11", [], "not asked for", 0)
FAILED = m.Failed("import", "no")
STOPPED = m.Forbidden(700, 101, 0xC000003E)


def ready(*orders: int) -> ControlConversation:
    control = ControlConversation()
    control.send(CONFIGURE)
    control.receive(frame(PREPARED))
    for order in orders:
        control.send(m.Fork("/slot", order))
    return control


def exited(pid: int) -> m.Exited:
    return m.Exited(pid, 0, 0.5, 4096)


def refuses(control: ControlConversation, message: Any) -> str:
    with pytest.raises(ProtocolViolation) as refused:
        control.receive(frame(message))
    return refused.value.reason


def test_forks_are_answered_in_any_order_and_workers_exit_in_any_order() -> None:
    control = ready(1, 2)
    assert control.orders == {1, 2}
    heard = control.receive(frame(m.Forked(2, 700)) + frame(m.Forked(1, 701)) + frame(exited(700)))
    assert [type(message) for message in heard] == [m.Forked, m.Forked, m.Exited]
    assert control.alive == {701}
    assert not control.orders


def test_a_pid_may_come_again_after_its_worker_was_reaped() -> None:
    control = ready(1, 2)
    control.receive(frame(m.Forked(1, 700)) + frame(exited(700)) + frame(m.Forked(2, 700)))
    assert control.alive == {700}


@pytest.mark.parametrize(
    ("heard", "message", "reason"),
    [
        ([], m.Forked(9, 700), "Forked for an order that was not given"),
        ([m.Forked(1, 700)], m.Forked(1, 701), "Forked for an order that was not given"),
        ([m.Forked(1, 700)], m.Forked(2, 700), "Forked with the pid of a worker that is still there"),
        ([], STOPPED, "Forbidden for a pid that was not forked, or is gone"),
        ([m.Forked(1, 700), STOPPED], STOPPED, "Forbidden a second time for one worker"),
        ([m.Forked(1, 700), STOPPED, exited(700)], STOPPED, "Forbidden for a pid that was not forked, or is gone"),
        ([], exited(700), "Exited for a pid that was not forked, or is gone"),
        ([m.Forked(1, 700), exited(700)], exited(700), "Exited for a pid that was not forked, or is gone"),
        ([], PREPARED, "Prepared while forking"),
        ([FAILED], m.Forked(1, 700), "Forked while failed"),
    ],
)
def test_a_zygote_out_of_turn_is_refused_for_good(heard: list[Any], message: Any, reason: str) -> None:
    control = ready(1, 2)
    for before in heard:
        control.receive(frame(before))
    assert refuses(control, message) == reason
    assert refuses(control, FAILED) == reason


def test_nothing_but_a_failure_comes_before_configure_and_only_its_answer_after() -> None:
    assert refuses(ControlConversation(), PREPARED) == "Prepared while starting"
    control = ControlConversation()
    control.send(CONFIGURE)
    assert refuses(control, m.Forked(1, 700)) == "Forked while preparing"


@pytest.mark.parametrize("number", [None, -1, 0, 2**31 - 1])
def test_a_call_that_was_stopped_is_told_once_before_the_end_of_its_worker(number: int | None) -> None:
    """Also where nobody could read which; and of the next worker that has the same pid."""
    control = ready(1, 2)
    stopped = m.Forbidden(700, number, 0xC000003E)
    once = frame(stopped) + frame(exited(700))
    assert control.receive(frame(m.Forked(1, 700)) + once)[1] == stopped
    assert control.receive(frame(m.Forked(2, 700)) + once)[1] == stopped
    assert not control.alive


@pytest.mark.parametrize("pid", [0, 1])
def test_no_worker_has_a_pid_whose_kill_would_mean_something_else(pid: int) -> None:
    data = bytearray(frame(m.Forked(1, 2)))
    data[-1] = pid
    with pytest.raises(ProtocolViolation, match=r"^Forked.pid: expected an int from 2 to 4194304$"):
        ready(1).receive(bytes(data))


def test_a_failure_ends_the_conversation() -> None:
    control = ready(1)
    assert control.receive(frame(FAILED)) == [FAILED]
    assert control.finished
    with pytest.raises(RuntimeError, match=r"while failed: not the host's turn$"):
        control.send(m.Fork("/slot", 2))


def test_the_host_configures_once_and_forks_only_then() -> None:
    control = ControlConversation()
    with pytest.raises(RuntimeError):
        control.send(m.Fork("/slot", 1))
    control.send(CONFIGURE)
    for message in (CONFIGURE, m.Fork("/slot", 1), m.Describe(0)):
        with pytest.raises(RuntimeError):
            control.send(message)  # type: ignore[arg-type]
    assert control.phase is ControlPhase.PREPARING


def test_an_order_is_not_given_twice() -> None:
    with pytest.raises(RuntimeError, match=r"^Fork with order 1, which is outstanding already$"):
        ready(1).send(m.Fork("/slot", 1))


def test_after_the_end_nothing_is_sent_or_received() -> None:
    control = ready()
    control.closed()
    with pytest.raises(RuntimeError):
        control.send(m.Fork("/slot", 1))
    with pytest.raises(RuntimeError):
        control.receive(frame(FAILED))
