"""The only module that knows pids: it starts the zygote, orders workers ahead of need, verifies them, and ends them.

One thread per runtime watches the control socket and the standby workers' sockets, so that a session finds a worker
that is already locked down, verified and reading. Everything that waits gets a `Future`: a thread asks it for its
result, an event loop wraps it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import Any

from safe_codeact.confine.protections import Plan
from safe_codeact.errors import ConfinementFailed, ConfinementUnavailable, SafeCodeActError, SessionClosed
from safe_codeact.host import verify
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages
from safe_codeact.wire.conversation import ControlConversation, Conversation
from safe_codeact.wire.violation import ProtocolViolation

START_SECONDS = 120.0  # importing everything that a large policy names, on a busy machine
BURIAL_SECONDS = 5.0
_CHUNK = 256 * 1024
# CPython's own start-up finds the package by its installation; a checkout that is only on the host's path is named.
_BOOTSTRAP = "import sys; sys.path.append({root!r}); from safe_codeact.guest.zygote import main; main({fd})"


class Worker:
    """One process that serves one request. Owned by the launcher until it is handed out, then by the exchange."""

    def __init__(self, connection: socket.socket, conversation: Conversation, slot: Path) -> None:
        self.connection = connection
        self.conversation = conversation
        self.slot = slot
        self.pid = 0
        self.exited: Future[messages.Exited] = Future()

    def kill(self) -> None:
        """End it now. Harmless when it has ended: the zygote reports each pid once, before it can be used again."""
        if self.pid and not self.exited.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)


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
        new_conversation: Callable[[], Conversation],
    ) -> None:
        self._policy = policy
        self._plan = plan
        self._slots = slots
        self._cache = cache
        self._standby = min(standby, max_workers)
        self._max_workers = max_workers
        self._new_conversation = new_conversation
        self._lock = threading.Lock()
        self._waiting: deque[Future[Worker]] = deque()
        self._ready: deque[Worker] = deque()
        self._starting: dict[int, Worker] = {}  # by order
        self._alive: dict[int, Worker] = {}  # by pid
        self._orders = 0
        self._failure: SafeCodeActError | None = None
        self._closed = False
        self._prepared: Future[messages.Prepared] = Future()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._start_zygote()
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
        """A verified worker, now or when one is there; first come, first served."""
        future: Future[Worker] = Future()
        with self._lock:
            if self._closed:
                raise SessionClosed("the runtime is closed")
            if self._failure is not None:
                raise self._failure
            if self._ready:
                future.set_result(self._ready.popleft())
            else:
                self._waiting.append(future)
        self._wake()
        return future

    def close(self) -> None:
        """Kill every worker and the zygote, and wait until they are gone. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ---- the thread

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_out, b"\0")

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        with theirs:
            self._zygote = subprocess.Popen(  # noqa: S603 - our own interpreter and bootstrap, no text of anybody's
                [sys.executable, "-s", "-P", "-c", _BOOTSTRAP.format(root=root, fd=theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=self._environment(),
                cwd="/",
                start_new_session=True,
            )
        self._control = ours
        self._zygote_conversation = ControlConversation()
        self._selector.register(ours, selectors.EVENT_READ, self._hear_zygote)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._hear_wake)
        configure = messages.Configure(
            policy=self._policy.to_plain(), plan=self._plan.to_plain(), preload=[], host_pid=os.getpid()
        )
        ours.sendall(self._zygote_conversation.send(configure))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "NUMEXPR_NUM_THREADS": "1",
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": str(self._cache),
        }

    def _watch(self) -> None:
        try:
            while not self._closed:
                for key, _events in self._selector.select():
                    key.data(key.fileobj)
                    if self._closed:
                        break
                if not self._closed:
                    self._fill()
        except SafeCodeActError as error:
            self._fail(error)
        except Exception as error:  # the thread must end with a word to everybody who waits
            self._fail(ConfinementFailed(f"the launcher stopped: {type(error).__name__}: {error}"))
        finally:
            self._end()

    def _hear_wake(self, _source: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_in, 4096)

    def _hear_zygote(self, _source: object) -> None:
        data = self._control.recv(_CHUNK)
        if not data:
            raise ConfinementFailed(f"the zygote ended unexpectedly (status {self._zygote.poll()})")
        for message in self._zygote_conversation.receive(data):
            match message:
                case messages.Prepared():
                    self._prepared.set_result(message)
                case messages.Failed(kind="unavailable"):
                    raise ConfinementUnavailable(message.message.partition(": ")[2])
                case messages.Failed():
                    raise ConfinementFailed(f"the zygote cannot go on: {message.message}")
                case messages.Forked():
                    self._starting[message.order].pid = message.pid
                    self._alive[message.pid] = self._starting[message.order]
                case messages.Exited():
                    self._bury(message)

    def _fill(self) -> None:
        """Order as many workers as are wanted: one for everybody who waits, and the standby."""
        if not self._prepared.done():
            return
        with self._lock:
            wanted = len(self._waiting) + self._standby - len(self._ready) - len(self._starting)
            room = self._max_workers - len(self._alive) - sum(1 for worker in self._starting.values() if not worker.pid)
        for _ in range(min(wanted, room)):
            self._order()

    def _order(self) -> None:
        self._orders += 1
        slot = self._slots / str(self._orders)
        slot.mkdir(mode=0o700)
        uid = self._prepared.result().uid
        if uid != os.getuid():
            os.chown(slot, uid, uid)
        ours, theirs = socket.socketpair()
        worker = Worker(ours, self._new_conversation(), slot)
        order = messages.Fork(slot=str(slot), order=self._orders)
        with theirs:
            socket.send_fds(self._control, [self._zygote_conversation.send(order)], [theirs.fileno()])
        self._starting[self._orders] = worker
        number = self._orders
        self._selector.register(ours, selectors.EVENT_READ, lambda _source: self._hear_worker(number))

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
            raise ConfinementFailed("a worker ended before it was confined: a step of the lockdown failed")
        for message in heard:
            if isinstance(message, messages.Ready):
                self._selector.unregister(worker.connection)
                del self._starting[order]
                self._admit(worker, message)

    def _admit(self, worker: Worker, ready: messages.Ready) -> None:
        wrong = verify.faults(ready.receipt, self._plan, worker.pid)
        if wrong:
            worker.kill()
            raise ConfinementFailed("a worker is not held as planned: " + "; ".join(wrong))
        with self._lock:
            while self._waiting:
                future = self._waiting.popleft()
                if future.set_running_or_notify_cancel():
                    future.set_result(worker)
                    return
            self._ready.append(worker)

    def _bury(self, exited: messages.Exited) -> None:
        worker = self._alive.pop(exited.pid)
        with self._lock:
            if worker in self._ready:  # died while it stood by, for instance by the machine's memory pressure
                self._ready.remove(worker)
                worker.connection.close()
        with contextlib.suppress(InvalidStateError):
            worker.exited.set_result(exited)

    def _end_workers(self) -> None:
        """Kill every worker and hear the zygote bury it, so that none is ever an orphan."""
        for worker in self._alive.values():
            worker.kill()
        self._control.settimeout(BURIAL_SECONDS)
        with contextlib.suppress(OSError, SafeCodeActError, ProtocolViolation):
            while self._alive or any(not worker.pid for worker in self._starting.values()):
                self._hear_zygote(None)
                for worker in self._alive.values():
                    worker.kill()

    def _fail(self, error: SafeCodeActError) -> None:
        with self._lock:
            self._failure = error
            waiting, self._waiting = list(self._waiting), deque()
        owed: list[Future[Any]] = [*waiting, self._prepared]
        for future in owed:
            if not future.done():
                with contextlib.suppress(InvalidStateError):
                    future.set_exception(error)

    def _end(self) -> None:
        """Kill, reap, and tell everybody who still waits."""
        self._end_workers()
        self._zygote.kill()  # what is left dies with it: PR_SET_PDEATHSIG, set before the lockdown
        self._zygote.wait()
        with self._lock:
            ready, self._ready = list(self._ready), deque()
        if self._failure is None:
            self._fail(SessionClosed("the runtime is closed"))
        for worker in [*ready, *self._starting.values()]:
            worker.connection.close()
        for pid, worker in self._alive.items():
            with contextlib.suppress(InvalidStateError):
                worker.exited.set_result(messages.Exited(pid=pid, status=9, cpu_seconds=0.0, peak_memory_bytes=0))
        self._control.close()
        self._selector.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
