"""The soft deadline: an exception inside the action, while there is still time to keep its state.

The kernel's interval timer raises `ActionTimeout` in the action and again every quarter of a second until it ends,
because `except BaseException` is ordinary code. It is masked while a frame is written (half a frame would break the
conversation), during restore and save. A C call that never returns is not reached: the host's hard deadline kills it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 0.25
_CLOCK = time.monotonic  # its own: actions may be given recorded clocks


class ActionTimeout(BaseException):
    """The action used up its time. A BaseException, so that `except Exception` does not swallow it."""


class Deadline:
    """One action's clock. `message` says which limit it was."""

    def __init__(self) -> None:
        self._masked = 0
        self._pending = ""
        self._held = 0
        self._left = 0.0  # on the wall clock, while it is held
        self._held_at = 0.0
        self._given = 0.0  # seconds of the time that it is held, which are not the action's
        self.expired = ""  # which limit was passed; an action that caught the exception was out of time all the same

    def arm(self, wall_seconds: float, cpu_seconds: float) -> None:
        """Start the clocks. The CPU one is RLIMIT_CPU's soft limit, which the lockdown set."""
        self._messages = {
            signal.SIGALRM: f"the action ran longer than {wall_seconds:g} seconds",
            signal.SIGXCPU: f"the action used more than {cpu_seconds:g} seconds of CPU time",
        }
        signal.signal(signal.SIGALRM, self._ring)
        signal.signal(signal.SIGXCPU, self._ring)
        signal.setitimer(signal.ITIMER_REAL, wall_seconds, AGAIN_SECONDS)

    def disarm(self) -> None:
        """Nothing rings any more: what follows is ours, and the host's hard deadline bounds it. May be said again."""
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._left = 0.0
        self._pending = ""

    def hold(self) -> None:
        """A person is being asked: the wall clock stands still until as many `release`s. CPU time still counts.

        What of the time was the action's after all is known at the end; the host bounds all of it.
        """
        if not self._held:
            self._left, self._held_at, self._given = signal.setitimer(signal.ITIMER_REAL, 0)[0], _CLOCK(), 0.0
        self._held += 1

    def release(self, seconds: float) -> None:
        """An answer came, for which a person took so long."""
        self._held -= 1
        self._given += seconds
        if not self._held and self._left > 0:
            left = self._left - max(_CLOCK() - self._held_at - self._given, 0.0)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), AGAIN_SECONDS)

    @contextmanager
    def masked(self) -> Iterator[None]:
        """Hold the exception back until the block has ended."""
        self._masked += 1
        try:
            yield
        finally:
            self._masked -= 1
            if self._pending and not self._masked:
                message, self._pending = self._pending, ""
                raise ActionTimeout(message)

    def _ring(self, number: int, _frame: FrameType | None) -> None:
        message = self._messages[signal.Signals(number)]
        self.expired = message
        if number == signal.SIGXCPU:  # the kernel says it once a second; the timer says it more often
            self._messages[signal.SIGALRM] = message
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
        if self._masked:
            self._pending = message
            return
        raise ActionTimeout(message)
