"""An asyncio event loop for a process that may open no socket, no pipe, no epoll and no thread.

asyncio's own loops make a socket pair to wake themselves from other threads and signals, and an epoll descriptor: both
are denied to a worker. Nothing can wake a worker from outside: it has one thread, and its tools answer in turn. So this
loop has timers and ready callbacks only, and where it would wait for ever it says so.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import base_events
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

_CLOCK = (
    time.monotonic
)  # its own: how often a loop looks differs from run to run, and would be recorded with the action
_MOST_ROUNDS = 100  # of a loop that is never idle, before it looks for answers all the same
_NEEDS_NETWORK = (
    "create_connection create_server create_unix_connection create_unix_server create_datagram_endpoint start_tls sendfile "
    "connect_accepted_socket sock_recv sock_recv_into sock_recvfrom sock_sendall sock_sendto sock_connect sock_accept sock_sendfile "
    "getaddrinfo getnameinfo connect_read_pipe connect_write_pipe add_reader add_writer"
)
_NEEDS_PROCESS = "subprocess_exec subprocess_shell add_signal_handler set_child_watcher"


class Answers(Protocol):
    """What else may wake a loop: the host's answers to tools."""

    @property
    def outstanding(self) -> bool:
        """Whether an answer is still to come."""

    def wait(self, seconds: float | None) -> None:
        """Take the next answer, if one comes in time."""


class Timers:
    """The loop's selector: it lets time pass, and answers of tools come in.

    They come in when every task waits: then the same answers in the same order lead to the same calls, however fast they
    are. A task that does nothing but look again (`sleep(0)`) is let do so for a while only.
    """

    def __init__(self) -> None:
        self.answers: Answers | None = None
        self._rounds = 0

    def select(self, timeout: float | None) -> list[Any]:
        if self.answers is not None and self.answers.outstanding:
            self._rounds += 1
            if timeout != 0 or self._rounds > _MOST_ROUNDS:
                self._rounds = 0
                self.answers.wait(timeout)
            return []
        if timeout is None:
            raise RuntimeError(
                "Deadlock: every task waits for another one, and nothing else can wake them. "
                "Look for an event that is never set, a queue that is never filled, or a lock that is never released."
            )
        if timeout > 0:
            time.sleep(timeout)
        return []

    def close(self) -> None:
        """Nothing is held."""


class ActionTask(asyncio.Task):  # type: ignore[type-arg]
    """A task that keeps its frames to itself."""

    def get_stack(self, *, limit: int | None = None) -> NoReturn:
        raise PermissionError(
            "Task.get_stack hands out frames; format the task's exception with the traceback module instead."
        )

    def print_stack(self, *, limit: int | None = None, file: Any = None) -> NoReturn:
        raise PermissionError(
            "Task.print_stack walks frames; format the task's exception with the traceback module instead."
        )


class ActionLoop(base_events.BaseEventLoop):
    """Tasks, timers and callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = Timers()
        self.set_task_factory(None)

    def time(self) -> float:
        """Seconds since a moment that means nothing."""
        return _CLOCK()

    def answers_come_from(self, answers: Answers) -> None:
        """Wake for these, too."""
        self._selector.answers = answers

    def set_task_factory(self, factory: Any) -> None:
        """A factory of the action's own, or ours: CPython's tasks hand out their frames."""
        super().set_task_factory(_new_task if factory is None else factory)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """No other thread waits in `select`."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Runs the function at once: a worker has one thread."""
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def _new_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> ActionTask:
    return ActionTask(coro, loop=loop, **options)


def _refusing(name: str, what: str) -> Callable[..., Any]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionError(f"loop.{name} is not available: an action has no {what}.")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


for _names, _what in ((_NEEDS_NETWORK, "network"), (_NEEDS_PROCESS, "other processes and no signals")):
    for _name in _names.split():
        setattr(ActionLoop, _name, _refusing(_name, _what))


class ActionLoopPolicy(asyncio.events.BaseDefaultEventLoopPolicy):
    """Makes `ActionLoop`s, for asyncio.run as for the older get_event_loop."""

    _loop_factory = ActionLoop
