"""A session: one notebook's worth of state, run one action at a time, by a thread or by an event loop.

The two classes differ only in how they wait; what they do is `host.state.SessionState`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from safe_codeact.errors import StoreError
from safe_codeact.host import exchange
from safe_codeact.host.apart import in_thread
from safe_codeact.host.state import SessionState
from safe_codeact.host.values import assignment, value_of
from safe_codeact.observation import Observation
from safe_codeact.wire import messages

if TYPE_CHECKING:
    from safe_codeact.host.worker import Worker

_T = TypeVar("_T")
_LOCKED_SECONDS = 0.002  # between two looks at a session that a thread of the host is using


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


def _answered(transcript: exchange.Transcript, what: str) -> Any:
    if transcript.answer is None:
        raise StoreError(
            f"{what}: the worker ended without an answer ({transcript.violation or 'its state may not load'}); "
            "the session's state is unchanged"
        )
    return transcript.answer


class _NoTools:
    """For requests that run no action: the conversation forbids tool calls there."""

    def begin(self, call: messages.ToolCall, seconds_left: float) -> None:
        """See `answer`."""

    def is_concurrent(self, call: messages.ToolCall) -> bool:
        """See `answer`."""
        return False

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Never called."""
        raise RuntimeError("a tool call outside an action: the conversation forbids it")

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Never called."""
        return self.answer(call, seconds_left)


_NO_TOOLS = _NoTools()


def _write(state: SessionState, path: str | os.PathLike[str], data: bytes) -> None:
    with state.changing_files() as (workspace, items):
        workspace.write(path, data, items)


def _delete(state: SessionState, path: str | os.PathLike[str]) -> None:
    with state.changing_files() as (workspace, _items):
        workspace.delete(path)


class Files:
    """`session.files`: what lies in the session's workspace. Paths are relative to it."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def write(self, path: str | os.PathLike[str], data: bytes) -> None:
        """Make or replace a file. Raises `ValueError` for a path outside, or where the policy gives no workspace."""
        with self._state.turn():
            _write(self._state, path, data)

    def read(self, path: str | os.PathLike[str]) -> bytes:
        """A file's bytes. Raises `FileNotFoundError`."""
        with self._state.turn():
            return self._state.files().read(path)

    def list(self) -> list[str]:
        """The paths of all files, sorted."""
        with self._state.turn():
            return [entry.path for entry in self._state.files().entries()]

    def delete(self, path: str | os.PathLike[str]) -> None:
        """Remove a file or a folder. Raises `FileNotFoundError`."""
        with self._state.turn():
            _delete(self._state, path)


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
        with state.turn():
            refused = state.judge_size(source)
            if refused is not None:
                return refused
            before = state.listing()
            started = time.monotonic()
            calls = state.core.toolbox.session()
            with state.attempt() as attempt:
                with self._worker(with_files=True) as worker:
                    queued = time.monotonic() - started
                    request = state.execute(source, wall, worker)
                    transcript = exchange.converse(worker, request, attempt.descriptors, state.bounds(wall), calls)
                return state.conclude(transcript, attempt, calls, before, started, queued)

    def get(self, name: str) -> Any:
        """A variable's value: plain data, a numpy array, or a pandas Series or DataFrame. Never pickled.

        Raises `NameError`, or `NotPlain` naming the type. Arrays come as dtype, shape and bytes; frames by columns, without
        their index's frequency and `attrs`.
        """
        with self._state.turn():
            fetched = self._ask(messages.Fetch(name=name, segments=self._state.segments), f"get({name!r})")
        return value_of(name, fetched)

    def set(self, name: str, value: Any) -> None:
        """Bind a variable to what `get` could return. Raises `NotPlain` naming the type, `StoreError` if it cannot be kept."""
        with self._state.turn():
            request = assignment(name, value, self._state.segments)
            assigned = self._ask(request, f"set({name!r})")
        if assigned.problem:
            raise StoreError(f"set({name!r}): {assigned.problem}")

    def variables(self) -> list[Variable]:
        """The session's names, with type, size and a preview, in a stable order."""
        with self._state.turn():
            described = self._ask(messages.Describe(segments=self._state.segments), "variables()")
        return [
            Variable(name=line.name, type=line.type, size_bytes=line.size_bytes, preview=line.preview)
            for line in described.variables
        ]

    def checkpoint(self) -> str:
        """Remember the state; returns an id for `restore`."""
        with self._state.turn():
            return self._state.checkpoint()

    def restore(self, checkpoint: str) -> None:
        """Go back to a checkpoint of this session. Raises `StoreError`."""
        with self._state.turn():
            self._state.restore(checkpoint)

    def fork(self) -> Session:
        """A second session that goes on from this one's state."""
        with self._state.turn():
            return Session(self._state.fork())

    def close(self, *, keep: bool = False) -> None:
        """Forget the state, in the store as well; with `keep=True` it stays there, for `runtime.session(id)` to resume.

        Raises `StoreError` where there is no store to keep it, or where the store cannot be written.
        """
        if self._state.core.is_usable:  # else there is nothing left to forget, and nothing of ours in a forked copy
            with self._state.lock:
                self._state.close(keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _worker(self, *, with_files: bool) -> Iterator[Worker]:
        launcher = self._state.launcher
        waiting = launcher.take()
        try:
            worker = waiting.result()
        except BaseException:
            launcher.give_back(waiting)
            raise
        with self._state.in_slot(worker, with_files=with_files):
            yield worker

    def _ask(self, request: exchange.Request, what: str) -> Any:
        state = self._state
        with state.attempt() as attempt:
            with self._worker(with_files=False) as worker:
                bounds = state.bounds(state.core.policy.limits.wall_seconds)
                transcript = exchange.converse(worker, request, attempt.descriptors, bounds, _NO_TOOLS)
            problem = state.settle(attempt, transcript.answer)
        answer = _answered(transcript, what)
        if problem:
            raise StoreError(f"{what}: {problem}")
        return answer


class AsyncFiles:
    """`session.files` of an `AsyncSession`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def write(self, path: str | os.PathLike[str], data: bytes) -> None:
        """See `Files.write`."""
        async with self._session._turn() as state:
            await in_thread(_write, state, path, data)

    async def read(self, path: str | os.PathLike[str]) -> bytes:
        """See `Files.read`."""
        async with self._session._turn() as state:
            return await in_thread(state.files().read, path)

    async def list(self) -> list[str]:
        """See `Files.list`."""
        async with self._session._turn() as state:
            return [entry.path for entry in await in_thread(state.files().entries)]

    async def delete(self, path: str | os.PathLike[str]) -> None:
        """See `Files.delete`."""
        async with self._session._turn() as state:
            await in_thread(_delete, state, path)


class AsyncSession:
    """One session of an `AsyncRuntime`: `Session` with `await`. Belongs to one event loop."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._order = asyncio.Lock()  # first come, first served
        self.files = AsyncFiles(self)

    @property
    def id(self) -> str:
        """The session's name."""
        return self._state.name

    async def run(self, source: str, *, timeout: float | None = None) -> Observation:
        """See `Session.run`. Cancelled, the action is killed and the session stays on its previous state, unless the
        action had ended: then its state is kept, and only the observation is lost."""
        wall = _wall(self._state, timeout)
        async with self._turn() as state:
            refused = state.judge_size(source)
            if refused is not None:
                return refused
            before = state.listing()
            started = time.monotonic()
            calls = state.core.toolbox.session()
            with state.attempt() as attempt:
                async with self._worker(with_files=True) as worker:
                    queued = time.monotonic() - started
                    request = state.execute(source, wall, worker)
                    transcript = await exchange.converse_async(
                        worker, request, attempt.descriptors, state.bounds(wall), calls
                    )
                return await self._kept(state.conclude, transcript, attempt, calls, before, started, queued)

    async def get(self, name: str) -> Any:
        """See `Session.get`."""
        async with self._turn():
            request = messages.Fetch(name=name, segments=self._state.segments)
            fetched = await self._ask(request, f"get({name!r})")
        return value_of(name, fetched)

    async def set(self, name: str, value: Any) -> None:
        """See `Session.set`."""
        async with self._turn():
            request = assignment(name, value, self._state.segments)
            assigned = await self._ask(request, f"set({name!r})")
        if assigned.problem:
            raise StoreError(f"set({name!r}): {assigned.problem}")

    async def variables(self) -> list[Variable]:
        """See `Session.variables`."""
        async with self._turn():
            described = await self._ask(messages.Describe(segments=self._state.segments), "variables()")
        return [
            Variable(name=line.name, type=line.type, size_bytes=line.size_bytes, preview=line.preview)
            for line in described.variables
        ]

    async def checkpoint(self) -> str:
        """See `Session.checkpoint`."""
        async with self._turn():
            return await in_thread(self._state.checkpoint)

    async def restore(self, checkpoint: str) -> None:
        """See `Session.restore`."""
        async with self._turn():
            await in_thread(self._state.restore, checkpoint)

    async def fork(self) -> AsyncSession:
        """See `Session.fork`."""
        async with self._turn():
            return AsyncSession(await in_thread(self._state.fork))

    async def close(self, *, keep: bool = False) -> None:
        """See `Session.close`."""
        if self._state.core.is_usable and not self._state.closed:  # as Session.close
            async with self._turn() as state:
                await in_thread(state.close, keep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[SessionState]:
        """`SessionState.turn` without holding up the loop: threads may use the same session through another object."""
        state = self._state
        state.core.check_usable()
        async with self._order:
            while not state.lock.acquire(blocking=False):
                await asyncio.sleep(_LOCKED_SECONDS)
            try:
                with state.at_work():
                    yield state
            finally:
                state.lock.release()

    @contextlib.asynccontextmanager
    async def _worker(self, *, with_files: bool) -> AsyncIterator[Worker]:
        launcher = self._state.launcher
        waiting = launcher.take()
        try:
            worker = await asyncio.wrap_future(waiting)
        except BaseException:
            launcher.give_back(waiting)
            raise
        with self._state.in_slot(worker, with_files=with_files):
            yield worker

    async def _kept(self, step: Callable[..., _T], *arguments: object) -> _T:
        """A step that may have a store write: then the loop does not wait for the disk."""
        if self._state.core.store is None:
            return step(*arguments)
        return await in_thread(step, *arguments)

    async def _ask(self, request: exchange.Request, what: str) -> Any:
        state = self._state
        with state.attempt() as attempt:
            async with self._worker(with_files=False) as worker:
                bounds = state.bounds(state.core.policy.limits.wall_seconds)
                transcript = await exchange.converse_async(worker, request, attempt.descriptors, bounds, _NO_TOOLS)
            problem = await self._kept(state.settle, attempt, transcript.answer)
        answer = _answered(transcript, what)
        if problem:
            raise StoreError(f"{what}: {problem}")
        return answer
