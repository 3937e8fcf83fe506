"""How many actions of one runtime run at once; who asks when that many do, waits in line.

First come, first served, also between the launchers of a runtime whose sessions have a zygote each: no session can
overtake another, and one that asks again stands at the end. A place is free again when the worker that had it is buried, so
what is bounded is what is there, not what was meant to be.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MIB = 1 << 20
MOST_WORKERS = 64


class Admission:
    """The places of a runtime. Thread-safe; neither method is called with a launcher's lock held."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._line: deque[Callable[[], bool]] = deque()
        self._lock = threading.Lock()

    def enter(self, begin: Callable[[], bool]) -> None:
        """Call `begin` when there is a place. It says whether it takes it; who did calls `leave` once."""
        with self._lock:
            if not self._free or self._line:
                self._line.append(begin)
                return
            self._free -= 1
        if not begin():
            self.leave()

    def leave(self) -> None:
        """The place is free: for the first in line who still wants it."""
        while True:
            with self._lock:
                if not self._line:
                    self._free += 1
                    return
                begin = self._line.popleft()
            if begin():
                return


def places(max_workers: int | None, max_memory_mb: int | None, worker_bytes: int) -> int:
    """How many workers may run at once, if each may allocate `worker_bytes`. Raises `ValueError`."""
    if max_workers is not None and max_workers < 1:
        raise ValueError(f"max_workers={max_workers} must be at least 1")
    most = max_workers or MOST_WORKERS
    if max_memory_mb is None:
        return most
    each = -(-worker_bytes // MIB)
    if max_memory_mb < each:
        raise ValueError(
            f"max_memory_mb={max_memory_mb} must be at least {each}: that much one action may use under this policy. "
            "Lower limits.memory_mb, or allow more."
        )
    return min(most, max_memory_mb // each)
