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


class Busy(RuntimeError):
    """No thread is to be had."""


class _Hand:
    """A thread that somebody waits for: two locks are handed back and forth, which takes an eighth of a `Future`'s time."""

    __slots__ = ("done", "ended", "error", "go", "job", "left", "result")

    def __init__(self) -> None:
        self.go = threading.Lock()  # released: there is a job, or None for the end
        self.done = threading.Lock()  # released: there is a result
        self.go.acquire()
        self.done.acquire()
        self.job: Callable[[], Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = False  # these two under the crew's lock: who comes second, the result or the end of patience
        self.left = False


class Crew:
    """Runs functions in daemon threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._hands: list[_Hand] = []  # that are idle
        self._threads = 0
        self._closed = False

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Run it now. Raises `Busy` where too many threads are at work, or after `close`."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                raise Busy("the runtime is closed")
            if self._idle:
                self._idle.pop().put((function, future))
                return future
            self._admit()
        jobs: SimpleQueue[_Job | None] = SimpleQueue()
        jobs.put((function, future))
        threading.Thread(target=self._work, args=(jobs,), name="safe_codeact tool", daemon=True).start()
        return future

    def run(self, function: Callable[[], Any], seconds: float) -> Any:
        """Run it now and wait for it so long. Raises what it raises, `TimeoutError`, and as `submit`.

        A thread that is not waited for any more ends after its job.
        """
        hand = self._hand()
        hand.job = function
        hand.go.release()
        try:
            is_done = hand.done.acquire(timeout=seconds)
        except BaseException:
            self._leave(hand)
            raise
        if not is_done:
            self._leave(hand)
            raise TimeoutError
        result, error = hand.result, hand.error
        hand.result = hand.error = None
        self._rest(hand)
        if error is not None:
            raise error
        return result

    def _admit(self) -> None:
        if self._threads >= MOST_THREADS:
            raise Busy(f"{MOST_THREADS} tool calls are at work already, or hang")
        self._threads += 1

    def _hand(self) -> _Hand:
        with self._lock:
            if self._closed:
                raise Busy("the runtime is closed")
            if self._hands:
                return self._hands.pop()
            self._admit()
        hand = _Hand()
        threading.Thread(target=self._serve, args=(hand,), name="safe_codeact tool", daemon=True).start()
        return hand

    def _rest(self, hand: _Hand) -> None:
        with self._lock:
            hand.ended = False
            if not self._closed and len(self._hands) < _KEPT:
                self._hands.append(hand)
                return
        hand.go.release()  # its job is None: it ends

    def _leave(self, hand: _Hand) -> None:
        with self._lock:
            hand.left = True
            if hand.ended:  # after all
                hand.go.release()

    def _serve(self, hand: _Hand) -> None:
        while hand.go.acquire() and hand.job is not None:
            job, hand.job = hand.job, None
            try:
                hand.result = job()
            except BaseException as error:  # SystemExit too: it is the tool's, and its caller's to see
                hand.error = error
            del job
            with self._lock:
                hand.ended = True
                if hand.left:
                    break
            hand.done.release()
        with self._lock:
            self._threads -= 1

    def close(self) -> None:
        """Let idle threads end; those at work end after their tool."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            hands, self._hands = self._hands, []
        for hand in hands:
            hand.go.release()
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
