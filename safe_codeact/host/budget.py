"""What calls cost: how many an action may make, how many its session, how many in a time, and how large they may be.

Threat: an action that is within its own budget, a thousand times. So a session counts as well, and its count only grows:
going back to a checkpoint gives no call back, and a fork begins with what its parent had spent. What doesn't work: a
bucket that fills up again, for `rate` (it lets through twice the number within one window), so the times of the last
calls are kept, and no window of that length ever has more.

What still gets through: counts live as long as the session is open in its runtime; one that is resumed from a store
begins anew. A call that is refused for its arguments was made, and counts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from safe_codeact.policy.effective import ToolRule
from safe_codeact.policy.rates import parse_rate

Clock = Callable[[], float]


class Refusal(Exception):
    """A call that does not go through; the message is for the action."""


class Spent:
    """One session's calls so far, by tool. Thread-safe: async tools are admitted side by side."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._calls: dict[str, int] = {}
        self._times: dict[str, deque[float]] = {}

    def forked(self) -> Spent:
        """As a fork begins."""
        with self._lock:
            copy = Spent(self._clock)
            copy._calls = dict(self._calls)
            copy._times = {name: deque(times) for name, times in self._times.items()}
        return copy

    def charge(self, name: str, rule: ToolRule) -> None:
        """Count one call of a tool. Raises `Refusal` where the session has none left, and then counts nothing."""
        if rule.max_session_calls is None and rule.rate is None:
            return
        with self._lock:
            made = self._calls.get(name, 0)
            if rule.max_session_calls is not None and made >= rule.max_session_calls:
                raise Refusal(
                    f"{name} may be called {_times(rule.max_session_calls)} per session, and was: no action of this "
                    "session can call it any more"
                )
            if rule.rate is not None:
                self._keep_rate(name, rule.rate)
            self._calls[name] = made + 1

    def _keep_rate(self, name: str, rate: str) -> None:
        most, seconds = parse_rate(rate)
        now = self._clock()
        times = self._times.setdefault(name, deque())
        while times and now - times[0] >= seconds:
            times.popleft()
        if len(times) >= most:
            raise Refusal(
                f"{name} may be called {rate}, and was: the next call can be made in {seconds - (now - times[0]):.1f} s"
            )
        times.append(now)


class Counter:
    """One action's calls so far, on top of its session's."""

    def __init__(self, limit: int, spent: Spent) -> None:
        self._limit = limit
        self._spent = spent
        self._lock = threading.Lock()
        self._calls: dict[str, int] = {}
        self._all = 0

    def charge(self, name: str, rule: ToolRule, *, again: bool = False) -> None:
        """Count one call. Raises `Refusal`. `again`: the session has counted it, when it was made first."""
        with self._lock:
            used = self._calls.get(name, 0)
            if used >= rule.max_calls:
                raise Refusal(f"{name} may be called {_times(rule.max_calls)} per action, and was")
            if self._all >= self._limit:
                raise Refusal(f"an action may make {self._limit} tool calls, and did")
            if not again:
                self._spent.charge(name, rule)
            self._calls[name] = used + 1
            self._all += 1


def require_size(name: str, rule: ToolRule, size: int) -> None:
    """Raises `Refusal` for arguments of more bytes, once encoded, than the line allows."""
    if size > rule.max_argument_kb * 1024:
        raise Refusal(
            f"{name}: the arguments have {size:,} bytes; its limit is {rule.max_argument_kb} KiB (max_argument_kb)"
        )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
