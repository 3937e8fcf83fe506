"""A session: one notebook's worth of state, run one action at a time, by a thread or by an event loop.

The two classes differ only in how they wait; what they do is `host.state.SessionState`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from safe_codeact.errors import NotPlain, StoreError
from safe_codeact.host import exchange
from safe_codeact.host.state import SessionState
from safe_codeact.observation import Observation
from safe_codeact.wire import messages
from safe_codeact.wire.encode import NotEncodable, pack

if TYPE_CHECKING:
    from safe_codeact.host.launcher import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One name of the session: `preview` is bounded plain text."""

    name: str
    type: str
    size_bytes: int
    preview: str


def _wall(state: SessionState, timeout: float | None) -> float:
    limit = state.core.policy.limits.wall_seconds
    if timeout is None:
        return limit
    if not timeout > 0:
        raise ValueError(f"timeout={timeout!r} must be a positive number of seconds")
    return min(timeout, limit)


def _plain_or_raise(name: str, fetched: messages.Fetched) -> Any:
    if fetched.problem == "missing":
        raise NameError(f"the session has no variable {name!r}")
    if fetched.problem:
        reason = "is too large to carry" if fetched.problem == "too_large" else "is not plain data"
        raise NotPlain(
            f"{name!r} {reason}: it holds {fetched.type_name}. Plain are None, bool, int, float, str, bytes, "
            "list, tuple and dict"
        )
    return fetched.value


def _check_plain(name: str, value: Any) -> None:
    if not name.isidentifier() or name.startswith("__"):
        raise ValueError(f"{name!r} is not a name that an action could bind")
    try:
        pack(value)
    except NotEncodable as error:
        raise NotPlain(f"{name!r} cannot be carried: {error}") from None


def _answered(transcript: exchange.Transcript, what: str) -> Any:
    if transcript.answer is None:
        raise StoreError(
            f"{what}: the worker ended without an answer ({transcript.violation or 'its state may not load'}); "
            "the session's state is unchanged"
        )
    return transcript.answer


def _no_tools(_call: messages.ToolCall, _left: float) -> messages.ToolReply:
    raise RuntimeError("a tool call outside an action: the conversation forbids it")


async def _no_tools_async(_call: messages.ToolCall, _left: float) -> messages.ToolReply:
    raise RuntimeError("a tool call outside an action: the conversation forbids it")


class Files:
    """`session.files`: what lies in the session's workspace. Paths are relative to it."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def write(self, path: str | os.PathLike[str], data: bytes) -> None:
        """Make or replace a file. Raises `ValueError` for a path outside, or where the policy gives no workspace."""
        with self._state.lock:
            self._state.files().write(path, data)

    def read(self, path: str | os.PathLike[str]) -> bytes:
        """A file's bytes. Raises `FileNotFoundError`."""
        with self._state.lock:
            return self._state.files().read(path)

    def list(self) -> list[str]:
        """The paths of all files, sorted."""
        with self._state.lock:
            return [entry.path for entry in self._state.files().entries()]

    def delete(self, path: str | os.PathLike[str]) -> None:
        """Remove a file or a folder. Raises `FileNotFoundError`."""
        with self._state.lock:
            self._state.files().delete(path)


class Session:
    """One session of a `Runtime`. Made by `runtime.session()`; may be used from any thread."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self.files = Files(state)

    @property
    def id(self) -> str:
        """The session's name."""
        return self._state.name

    def run(self, source: str, *, timeout: float | None = None) -> Observation:
        """One action. Never raises for what the action does.

        `timeout` (seconds) shortens the policy's `wall_seconds`. Raises `SessionClosed`, and `ConfinementFailed` or
        `ConfinementUnavailable` when no worker can be had.
        """
        state = self._state
        wall = _wall(state, timeout)
        with state.lock:
            state.check_open()
            refused = state.judge_size(source)
            if refused is not None:
                return refused
            before = state.entries()
            started = time.monotonic()
            calls = state.core.toolbox.session()
            with state.descriptors() as (new, descriptors):
                with self._worker() as worker:
                    queued = time.monotonic() - started
                    request = state.execute(source, wall, worker)
                    transcript = exchange.converse(worker, request, descriptors, state.bounds(wall), calls.answer)
                return state.conclude(transcript, new, calls, before, started, queued)

    def get(self, name: str) -> Any:
        """A variable's value, as plain data. Raises `NameError`, or `NotPlain` naming the type."""
        with self._state.lock:
            fetched = self._ask(messages.Fetch(name=name, has_snapshot=self._state.has_snapshot), f"get({name!r})")
        return _plain_or_raise(name, fetched)

    def set(self, name: str, value: Any) -> None:
        """Bind a variable to plain data. Raises `NotPlain` naming the type."""
        _check_plain(name, value)
        with self._state.lock:
            request = messages.Assign(name=name, value=value, has_snapshot=self._state.has_snapshot)
            assigned = self._ask(request, f"set({name!r})")
        if assigned.problem:
            raise StoreError(f"set({name!r}): {assigned.problem}")

    def variables(self) -> list[Variable]:
        """The session's names, with type, size and a preview, in a stable order."""
        with self._state.lock:
            described = self._ask(messages.Describe(has_snapshot=self._state.has_snapshot), "variables()")
        return [
            Variable(name=line.name, type=line.type, size_bytes=line.size_bytes, preview=line.preview)
            for line in described.variables
        ]

    def checkpoint(self) -> str:
        """Remember the state; returns an id for `restore`."""
        with self._state.lock:
            return self._state.checkpoint()

    def restore(self, checkpoint: str) -> None:
        """Go back to a checkpoint of this session. Raises `StoreError`."""
        with self._state.lock:
            self._state.restore(checkpoint)

    def fork(self) -> Session:
        """A second session that goes on from this one's state."""
        with self._state.lock:
            return Session(self._state.fork())

    def close(self, *, keep: bool = False) -> None:
        """Forget the state. `keep=True` needs a durable store."""
        with self._state.lock:
            self._state.close(keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Worker]:
        worker = self._state.core.launcher.take().result()
        with self._state.in_slot(worker):
            yield worker

    def _ask(self, request: exchange.Request, what: str) -> Any:
        state = self._state
        state.check_open()
        with state.descriptors() as (new, descriptors):
            with self._worker() as worker:
                bounds = state.bounds(state.core.policy.limits.wall_seconds)
                transcript = exchange.converse(worker, request, descriptors, bounds, _no_tools)
            saved = transcript.answer.saved_bytes if isinstance(transcript.answer, messages.Assigned) else -1
            problem = state.settle(new, saved, saved >= 0)
        answer = _answered(transcript, what)
        if problem:
            raise StoreError(f"{what}: {problem}")
        return answer


class AsyncFiles:
    """`session.files` of an `AsyncSession`."""

    def __init__(self, state: SessionState) -> None:
        self._files = Files(state)

    async def write(self, path: str | os.PathLike[str], data: bytes) -> None:
        """See `Files.write`."""
        await asyncio.to_thread(self._files.write, path, data)

    async def read(self, path: str | os.PathLike[str]) -> bytes:
        """See `Files.read`."""
        return await asyncio.to_thread(self._files.read, path)

    async def list(self) -> list[str]:
        """See `Files.list`."""
        return await asyncio.to_thread(self._files.list)

    async def delete(self, path: str | os.PathLike[str]) -> None:
        """See `Files.delete`."""
        await asyncio.to_thread(self._files.delete, path)


class AsyncSession:
    """One session of an `AsyncRuntime`: `Session` with `await`. Belongs to one event loop."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._turn = asyncio.Lock()
        self.files = AsyncFiles(state)

    @property
    def id(self) -> str:
        """The session's name."""
        return self._state.name

    async def run(self, source: str, *, timeout: float | None = None) -> Observation:
        """See `Session.run`. Cancelled, the action is killed and the session stays on its previous state."""
        state = self._state
        wall = _wall(state, timeout)
        async with self._turn:
            state.check_open()
            refused = state.judge_size(source)
            if refused is not None:
                return refused
            before = state.entries()
            started = time.monotonic()
            calls = state.core.toolbox.session()
            with state.descriptors() as (new, descriptors):
                try:
                    async with self._worker() as worker:
                        queued = time.monotonic() - started
                        request = state.execute(source, wall, worker)
                        transcript = await exchange.converse_async(
                            worker, request, descriptors, state.bounds(wall), calls.answer_async
                        )
                except BaseException:
                    state.settle(new, -1, keep=False)
                    raise
                return state.conclude(transcript, new, calls, before, started, queued)

    async def get(self, name: str) -> Any:
        """See `Session.get`."""
        async with self._turn:
            request = messages.Fetch(name=name, has_snapshot=self._state.has_snapshot)
            fetched = await self._ask(request, f"get({name!r})")
        return _plain_or_raise(name, fetched)

    async def set(self, name: str, value: Any) -> None:
        """See `Session.set`."""
        _check_plain(name, value)
        async with self._turn:
            request = messages.Assign(name=name, value=value, has_snapshot=self._state.has_snapshot)
            assigned = await self._ask(request, f"set({name!r})")
        if assigned.problem:
            raise StoreError(f"set({name!r}): {assigned.problem}")

    async def variables(self) -> list[Variable]:
        """See `Session.variables`."""
        async with self._turn:
            described = await self._ask(messages.Describe(has_snapshot=self._state.has_snapshot), "variables()")
        return [
            Variable(name=line.name, type=line.type, size_bytes=line.size_bytes, preview=line.preview)
            for line in described.variables
        ]

    async def checkpoint(self) -> str:
        """See `Session.checkpoint`."""
        async with self._turn:
            return await asyncio.to_thread(self._state.checkpoint)

    async def restore(self, checkpoint: str) -> None:
        """See `Session.restore`."""
        async with self._turn:
            await asyncio.to_thread(self._state.restore, checkpoint)

    async def fork(self) -> AsyncSession:
        """See `Session.fork`."""
        async with self._turn:
            return AsyncSession(await asyncio.to_thread(self._state.fork))

    async def close(self, *, keep: bool = False) -> None:
        """See `Session.close`."""
        async with self._turn:
            await asyncio.to_thread(self._state.close, keep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker]:
        waiting = self._state.core.launcher.take()
        worker = await _hand_over(waiting)
        with self._state.in_slot(worker):
            yield worker

    async def _ask(self, request: exchange.Request, what: str) -> Any:
        state = self._state
        state.check_open()
        with state.descriptors() as (new, descriptors):
            saved = -1
            problem = ""
            try:
                async with self._worker() as worker:
                    bounds = state.bounds(state.core.policy.limits.wall_seconds)
                    transcript = await exchange.converse_async(worker, request, descriptors, bounds, _no_tools_async)
                saved = transcript.answer.saved_bytes if isinstance(transcript.answer, messages.Assigned) else -1
            finally:
                problem = state.settle(new, saved, saved >= 0)
        answer = _answered(transcript, what)
        if problem:
            raise StoreError(f"{what}: {problem}")
        return answer


async def _hand_over(waiting: Future[Worker]) -> Worker:
    """A worker, or, when cancelled while one was being handed over, its end."""
    try:
        return await asyncio.wrap_future(waiting)
    except asyncio.CancelledError:
        if not waiting.cancel() and waiting.done() and waiting.exception() is None:
            waiting.result().kill()
            waiting.result().connection.close()
        raise
