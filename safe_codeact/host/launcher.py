"""The only module that knows pids: it starts the zygote, orders workers ahead of need, verifies them, and ends them.

One thread per runtime watches the control socket and the standby workers' sockets, so that a session finds a worker
that is already locked down, verified and reading. Everything that waits gets a `Future`: a thread asks it for its
result, an event loop wraps it.

A zygote that dies (the machine's memory pressure, an operator's kill) takes its workers along; another one is started and
whoever waited for a worker goes on waiting. Sessions lose nothing: their state is files. One that dies again and again is
an error, not a loop.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import Any

from safe_codeact.confine.protections import Plan
from safe_codeact.errors import ConfinementFailed, ConfinementUnavailable, SafeCodeActError, SessionClosed
from safe_codeact.host import verify
from safe_codeact.host.admission import Admission
from safe_codeact.host.groups import Group
from safe_codeact.host.worker import Worker
from safe_codeact.host.zygote import ANSWER_SECONDS, Started, Zygote, ZygoteEnded, why_it_cannot_start
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages
from safe_codeact.wire.conversation import Conversation
from safe_codeact.wire.violation import ProtocolViolation

START_SECONDS = 120.0  # importing everything that a large policy names, on a busy machine
BURIAL_SECONDS = 5.0
MOST_RESTARTS = 3  # in RESTART_SECONDS, or in a row without a worker in between
RESTART_SECONDS = 10.0
# The next worker is made when the action that took the last one ends, or after this long: made at once, it would take the
# processor's time and caches from that very action. With no worker left it is made at once.
_QUIET_SECONDS = 0.015
_LOOK_SECONDS = 1.0  # how often an order without an answer is looked at
_CHUNK = 256 * 1024


class Launcher:
    """The zygote of one policy and its workers. Thread-safe; `close` leaves no process."""

    def __init__(
        self,
        policy: Policy,
        plan: Plan,
        *,
        slots: Path,
        cache: Path,
        standby: int,
        max_workers: int,
        admission: Admission,
        group: Group | None,
        new_conversation: Callable[[], Conversation],
        started: Started | None = None,
    ) -> None:
        self._plan = plan
        self.slots = slots
        self._cache = cache
        self._standby = min(standby, max_workers)
        self._max_workers = max_workers
        self._admission = admission
        self._new_conversation = new_conversation
        self._new_zygote = functools.partial(Zygote, policy, plan, cache, slots, group)
        self._lock = threading.Lock()
        self._waiting: deque[Future[Worker]] = deque()
        self._ready: deque[Worker] = deque()
        self._starting: dict[int, Worker] = {}  # by order
        self._alive: dict[int, Worker] = {}  # by pid
        self._orders = 0
        self._restarts: list[float] = []
        self._quiet_until = 0.0
        self._postponed = False
        self._failure: SafeCodeActError | None = None
        self._closed = False
        self._prepared: Future[messages.Prepared] = Future()
        self._zygote = self._new_zygote(started=started)
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._zygote.control, selectors.EVENT_READ, self._hear_zygote)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._hear_wake)
        self._thread = threading.Thread(target=self._watch, name="safe_codeact launcher", daemon=True)
        self._thread.start()

    # ---- what sessions call

    def prepared(self) -> messages.Prepared:
        """Wait until the zygote has imported everything. Raises what made it fail."""
        try:
            return self._prepared.result(START_SECONDS)
        except TimeoutError:
            raise ConfinementUnavailable(f"the zygote was not ready after {START_SECONDS:g} seconds") from None

    def take(self) -> Future[Worker]:
        """A verified worker, now or when one is there; first come, first served. `give_back` what nobody uses."""
        future: Future[Worker] = Future()
        with self._lock:
            if self._closed:
                raise SessionClosed("the runtime is closed")
            if self._failure is not None:  # a new one each time: a raised exception collects tracebacks
                raise type(self._failure)(*self._failure.args)
        self._admission.enter(functools.partial(self._begin, future))
        return future

    def _begin(self, future: Future[Worker]) -> bool:
        """There is a place for it: a worker, or its turn to wait for one. False where it has no use for the place."""
        with self._lock:
            if future.cancelled():
                return False
            failure = SessionClosed("the runtime is closed") if self._closed else self._failure
            worker = self._ready.popleft() if self._ready and failure is None else None
            if failure is None:
                self._quiet_until = time.monotonic() + _QUIET_SECONDS
                if worker is None:
                    self._waiting.append(future)
        if failure is not None:
            with contextlib.suppress(InvalidStateError):
                future.set_exception(type(failure)(*failure.args))
            return False
        if worker is not None and not self._hand_out(worker, future):
            with self._lock:
                self._ready.appendleft(worker)
            return False
        self._wake()
        return True

    def _hand_out(self, worker: Worker, future: Future[Worker]) -> bool:
        """Its place is left when it is buried. False where nobody waits any more."""
        if not future.set_running_or_notify_cancel():
            return False
        worker.exited.add_done_callback(lambda _exited: self._admission.leave())
        future.set_result(worker)
        return True

    def give_back(self, taken: Future[Worker]) -> None:
        """Whoever waited was interrupted: the worker, if it is there already, serves nobody."""
        if not taken.cancel() and taken.exception() is None:
            taken.result().end()

    def close(self) -> None:
        """Kill every worker and the zygote, and wait until they are gone. Idempotent."""
        with self._lock:
            self._closed = True
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ---- the thread

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            os.write(self._wake_out, b"\0")

    def _watch(self) -> None:
        try:
            while not self._closed:
                try:
                    self._turn()
                except ZygoteEnded as error:
                    self._replace(error)
        except SafeCodeActError as error:
            self._fail(error)
        except Exception as error:  # the thread must end with a word to everybody who waits
            self._fail(ConfinementFailed(f"the launcher stopped: {type(error).__name__}: {error}"))
        finally:
            self._end()

    def _turn(self) -> None:
        for key, _events in self._selector.select(self._patience()):
            key.data(key.fileobj)
            if self._closed:
                return
        if any(time.monotonic() - worker.ordered > ANSWER_SECONDS for worker in self._starting.values()):
            raise ZygoteEnded(f"a worker was not ready after {ANSWER_SECONDS:g} seconds")
        self._fill()

    def _patience(self) -> float | None:
        """How long nothing may be heard before we look ourselves."""
        if self._postponed:
            return max(self._quiet_until - time.monotonic(), 0.001)
        return _LOOK_SECONDS if self._starting or self._waiting or len(self._ready) < self._standby else None

    def _hear_wake(self, _source: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_in, 4096)

    def _hear_zygote(self, _source: object) -> None:
        for message in self._zygote.hear():
            match message:
                case messages.Prepared():
                    if not self._prepared.done():
                        self._prepared.set_result(message)
                case messages.Failed(kind="unavailable"):
                    raise ConfinementUnavailable(message.message.partition(": ")[2])
                case messages.Failed() if self._zygote.prepared is None:
                    raise ConfinementFailed(f"the zygote cannot go on: {message.message}")
                case messages.Failed():  # a fork that the machine refused, say: another zygote may be luckier
                    raise ZygoteEnded(f"the zygote cannot go on: {message.message}")
                case messages.Forked():
                    worker = self._starting[message.order]
                    worker.announced(message.pid, self._zygote.pid)
                    self._alive[message.pid] = worker
                case messages.Forbidden():
                    self._alive[message.pid].forbidden = message
                case messages.Exited():
                    self._bury(message)

    def _fill(self) -> None:
        """Order as many workers as are wanted: one for everybody who waits, and the standby."""
        if self._zygote.prepared is None:
            return
        self._forget_cancelled()
        with self._lock:
            self._postponed = bool(self._ready) and not self._waiting and time.monotonic() < self._quiet_until
            if self._postponed:
                return
            wanted = len(self._waiting) + self._standby - len(self._ready) - len(self._starting)
            room = self._max_workers - len(self._alive) - sum(1 for worker in self._starting.values() if not worker.pid)
        for _ in range(min(wanted, room)):
            try:
                self._order()
            except OSError as error:  # descriptors, disk: the next one may succeed
                self._refuse(ConfinementFailed(f"no worker can be started: {error.strerror or error}"))
                return

    def _forget_cancelled(self) -> None:
        with self._lock:
            cancelled = [future for future in self._waiting if future.cancelled()]
            for future in cancelled:
                self._waiting.remove(future)
        for _future in cancelled:
            self._admission.leave()

    def _order(self) -> None:
        self._orders += 1
        number = self._orders
        slot = self.slots / secrets.token_hex(16)  # Landlock does not cover stat: a name that no other worker guesses
        slot.mkdir(mode=0o700)
        try:
            uid = self._prepared.result().uid
            if uid != os.getuid():
                os.chown(slot, uid, uid)
            ours, theirs = socket.socketpair()
        except OSError:
            slot.rmdir()
            raise
        self._starting[number] = Worker(ours, self._new_conversation(), slot)
        with theirs:
            self._selector.register(ours, selectors.EVENT_READ, lambda _source: self._hear_worker(number))
            self._zygote.fork(slot, number, theirs.fileno())

    def _hear_worker(self, order: int) -> None:
        """The first frame of a standby worker: its receipt."""
        worker = self._starting[order]
        if not worker.pid:  # its zygote's word comes first; the frame stays in the socket meanwhile
            self._hear_zygote(None)
            if not worker.pid:
                return
        try:
            data = worker.connection.recv(_CHUNK)
            heard = worker.conversation.receive(data) if data else []
        except (ProtocolViolation, OSError) as error:
            raise ConfinementFailed(f"a worker broke the protocol before it had read anything: {error}") from None
        if not data:
            raise ZygoteEnded("a worker ended before it was confined: a step of the lockdown failed")
        for message in heard:
            if isinstance(message, messages.Ready):
                self._selector.unregister(worker.connection)
                del self._starting[order]
                if worker.is_held:
                    self._admit(worker, message)
                else:
                    worker.hang_up()  # at the end of its stream it ends itself: it has read nothing

    def _admit(self, worker: Worker, ready: messages.Ready) -> None:
        wrong = verify.faults(ready.receipt, self._plan, worker.pid)
        if wrong:
            worker.kill()
            worker.hang_up()
            raise ConfinementFailed("a worker is not held as planned: " + "; ".join(wrong))
        now = time.monotonic()
        self._restarts = [moment for moment in self._restarts if now - moment < RESTART_SECONDS]
        while True:
            with self._lock:
                future = self._waiting.popleft() if self._waiting else None
                if future is None:
                    self._ready.append(worker)
                    return
            if self._hand_out(worker, future):
                return
            self._admission.leave()

    def _bury(self, exited: messages.Exited) -> None:
        worker = self._alive[exited.pid]
        with self._lock:
            if worker in self._ready:  # died while it stood by, for instance by the machine's memory pressure
                self._ready.remove(worker)
                worker.hang_up()
        worker.bury(exited)
        del self._alive[exited.pid]
        self._quiet_until = 0.0

    # ---- ends

    def _replace(self, reason: ZygoteEnded) -> None:
        """Another zygote, with nothing of the old one left. Raises `ConfinementFailed` where that was tried enough."""
        status = self._bury_zygote()
        if self._closed:
            return
        told = f"{reason} (exit status {status})"
        if not self._prepared.done():
            why = why_it_cannot_start(self._cache)
            raise ConfinementFailed(f"{told}: {why}" if why else told)
        if len(self._restarts) >= MOST_RESTARTS:
            raise ConfinementFailed(
                f"{told}, and so did {MOST_RESTARTS} before it within {RESTART_SECONDS:g} seconds or without any worker in "
                "between. Look into the kernel's log for its reason, memory first; then make another Runtime."
            )
        self._restarts.append(time.monotonic())
        self._zygote = self._new_zygote()
        self._selector.register(self._zygote.control, selectors.EVENT_READ, self._hear_zygote)

    def _bury_zygote(self) -> int:
        """End the zygote; then its workers, of which nobody will tell how they ended."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._zygote.control)
        status = self._zygote.end()
        starting, self._starting = list(self._starting.values()), {}
        alive, self._alive = list(self._alive.values()), {}
        with self._lock:
            ready, self._ready = list(self._ready), deque()
        for worker in starting:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(worker.connection)
        for worker in [*alive, *starting]:
            worker.kill()
        deadline = time.monotonic() + BURIAL_SECONDS
        for worker in [*alive, *(worker for worker in starting if worker not in alive)]:
            worker.outlives(deadline)
            worker.bury(None)
        for worker in [*ready, *starting]:
            worker.hang_up()
        return status

    def _end_workers(self) -> None:
        """Kill every worker and hear the zygote bury it, so that none is ever an orphan."""
        for worker in self._alive.values():
            worker.kill()
        with contextlib.suppress(OSError, SafeCodeActError, ProtocolViolation, KeyError):  # or it is buried already
            self._zygote.control.settimeout(BURIAL_SECONDS)
            while self._alive or any(not worker.pid for worker in self._starting.values()):
                self._hear_zygote(None)
                for worker in self._alive.values():
                    worker.kill()

    def _refuse(self, error: SafeCodeActError) -> None:
        """Tell everybody who waits."""
        with self._lock:
            waiting, self._waiting = list(self._waiting), deque()
        owed: list[Future[Any]] = [*waiting] if self._failure is None else [*waiting, self._prepared]
        for future in owed:
            with contextlib.suppress(InvalidStateError):
                future.set_exception(error)
        for _future in waiting:
            self._admission.leave()

    def _fail(self, error: SafeCodeActError) -> None:
        with self._lock:
            self._failure = error
        self._refuse(error)

    def _end(self) -> None:
        """Kill, reap, and tell everybody who still waits."""
        self._end_workers()
        self._bury_zygote()
        if self._failure is None:
            self._fail(SessionClosed("the runtime is closed"))
        self._selector.close()
        with self._lock:
            os.close(self._wake_in)
            os.close(self._wake_out)
            self._wake_out = -1
