"""Threads for tools: reused, and never waited for at the end of the host's process.

A tool that hangs cannot be stopped, only left behind. The standard library's executor would hand its few threads to the
first tools that hang, and join them when the interpreter exits: the host could neither call another tool nor end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

MOST_THREADS = 256  # tools at work at once, those that hang included; then calls are refused
_KEPT = 8  # idle threads

_Job = tuple[Callable[[], Any], "Future[Any]"]


class Crew:
    """Runs functions in daemon threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._threads = 0
        self._closed = False

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Run it now. Raises `RuntimeError` where too many threads are at work, or after `close`."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                raise RuntimeError("the runtime is closed")
            if self._idle:
                self._idle.pop().put((function, future))
                return future
            if self._threads >= MOST_THREADS:
                raise RuntimeError(f"{MOST_THREADS} tool calls are at work already, or hang")
            self._threads += 1
        jobs: SimpleQueue[_Job | None] = SimpleQueue()
        jobs.put((function, future))
        threading.Thread(target=self._work, args=(jobs,), name="safe_codeact tool", daemon=True).start()
        return future

    def close(self) -> None:
        """Let idle threads end; those at work end after their tool."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for jobs in idle:
            jobs.put(None)

    def _work(self, jobs: SimpleQueue[_Job | None]) -> None:
        while (job := jobs.get()) is not None:
            function, future = job
            try:
                result = function()
            except BaseException as error:  # SystemExit too: it is the tool's, and its caller's to see
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, function, future
            with self._lock:
                if self._closed or len(self._idle) >= _KEPT:
                    break
                self._idle.append(jobs)
        with self._lock:
            self._threads -= 1
