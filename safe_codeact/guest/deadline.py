"""The soft deadline: an exception inside the action, while there is still time to keep its state.

The kernel's interval timer raises `ActionTimeout` in the action and again every quarter of a second until it ends,
because `except BaseException` is ordinary code. It is masked while a frame is written (half a frame would break the
conversation), during restore and save. A C call that never returns is not reached: the host's hard deadline kills it.
"""

from __future__ import annotations

import signal
import time
from contextlib import AbstractContextManager
from types import FrameType, TracebackType

AGAIN_SECONDS = 0.25
_CLOCK = time.monotonic  # its own: actions may be given recorded clocks


class ActionTimeout(BaseException):
    """The action used up its time. A BaseException, so that `except Exception` does not swallow it."""


class _Mask:
    """What `Deadline.masked` gives, each time the same: it counts. A generator for each block costs a call of a tool more
    than its frames do.

    SAFETY: a signal's handler runs between two instructions. Before `depth` is counted up it raises, and the block does not
    begin; from there until it is counted down it only notes. After that it raises, and the block has ended.
    """

    __slots__ = ("depth", "pending")

    def __init__(self) -> None:
        self.depth = 0
        self.pending = ""

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.depth -= 1
        if self.pending and not self.depth:
            message, self.pending = self.pending, ""
            raise ActionTimeout(message)


class Deadline:
    """One action's clock. `message` says which limit it was."""

    def __init__(self) -> None:
        self._mask = _Mask()
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
        self._mask.pending = ""

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

    def masked(self) -> AbstractContextManager[None]:
        """Hold the exception back until the block has ended; blocks may be nested."""
        return self._mask

    def _ring(self, number: int, _frame: FrameType | None) -> None:
        message = self._messages[signal.Signals(number)]
        self.expired = message
        if number == signal.SIGXCPU:  # the kernel says it once a second; the timer says it more often
            self._messages[signal.SIGALRM] = message
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
        if self._mask.depth:
            self._mask.pending = message
            return
        raise ActionTimeout(message)
