"""A session: one notebook's worth of state, run one action at a time, by a thread or by an event loop.

The two classes differ only in how they wait; what they do is `host.state.SessionState`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from safe_codeact.errors import StoreError
from safe_codeact.frozen import dataclass
from safe_codeact.host import exchange
from safe_codeact.host.action import Action, Pending, discard, pending, require_settled, resumed
from safe_codeact.host.apart import in_thread
from safe_codeact.host.files import AsyncFiles, Files
from safe_codeact.host.journal import Journal
from safe_codeact.host.recorded import NO_TOOLS
from safe_codeact.host.state import SessionState
from safe_codeact.host.tool import Decision
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
        return self._begin(Journal(source, _wall(self._state, timeout)))

    def _begin(self, journal: Journal) -> Observation:
        """As `run`; a replay brings the seed and the readings that the action had."""
        state = self._state
        with state.turn():
            require_settled(state)
            return state.judge_size(journal.source) or self._perform(Action(state, journal))

    def pending(self) -> list[Pending]:
        """The action that waits for a person, or that the host died under: one, or none."""
        with self._state.turn():
            return pending(self._state)

    def resume(self, pending_id: str, decision: Decision | None = None) -> Observation:
        """Run a pending action again, from the same state, with what was recorded of it, and go on with the decision.

        Calls that were answered are not made again; `Outcome.diverged` where the action does not come to the same place.
        Raises `StoreError` for what is not pending, `ValueError` where a decision is missing, and as `run`.
        """
        with self._state.turn():
            return self._perform(resumed(self._state, pending_id, decision))

    def discard(self, pending_id: str) -> None:
        """Give a pending action up; the session goes on from before it. Raises `StoreError`."""
        with self._state.turn():
            discard(self._state, pending_id)

    def _perform(self, action: Action) -> Observation:
        state = self._state
        bounds = state.bounds(action.journal.wall_seconds)
        with state.attempt() as attempt:
            with self._worker(with_files=True) as worker:
                request = action.request(worker)
                transcript = exchange.converse(worker, request, attempt.descriptors, bounds, action.tools)
            return action.conclude(transcript, attempt)

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
            require_settled(self._state)
            request = assignment(name, value, self._state.segments)
            assigned = self._ask(request, f"set({name!r})")
        if assigned.problem:
            raise StoreError(f"set({name!r}): {assigned.problem}")
        self._state.core.trail.assigned(self._state.name, name, value)

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
                transcript = exchange.converse(worker, request, attempt.descriptors, bounds, NO_TOOLS)
            problem = state.settle(attempt, transcript.answer)
        answer = _answered(transcript, what)
        if problem:
            raise StoreError(f"{what}: {problem}")
        return answer


class AsyncSession:
    """One session of an `AsyncRuntime`: `Session` with `await`. Belongs to one event loop."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._order = asyncio.Lock()  # first come, first served
        self.files = AsyncFiles(self._turn)

    @property
    def id(self) -> str:
        """The session's name."""
        return self._state.name

    async def run(self, source: str, *, timeout: float | None = None) -> Observation:
        """See `Session.run`. Cancelled, the action is killed and the session stays on its previous state, unless the
        action had ended: then its state is kept, and only the observation is lost."""
        wall = _wall(self._state, timeout)
        async with self._turn() as state:
            require_settled(state)
            return state.judge_size(source) or await self._perform(Action(state, Journal(source, wall)))

    async def pending(self) -> list[Pending]:
        """See `Session.pending`."""
        async with self._turn() as state:
            return pending(state)

    async def resume(self, pending_id: str, decision: Decision | None = None) -> Observation:
        """See `Session.resume`."""
        async with self._turn() as state:
            return await self._perform(resumed(state, pending_id, decision))

    async def discard(self, pending_id: str) -> None:
        """See `Session.discard`."""
        async with self._turn() as state:
            await in_thread(discard, state, pending_id)

    async def _perform(self, action: Action) -> Observation:
        state = self._state
        bounds = state.bounds(action.journal.wall_seconds)
        with state.attempt() as attempt:
            async with self._worker(with_files=True) as worker:
                request = action.request(worker)
                transcript = await exchange.converse_async(worker, request, attempt.descriptors, bounds, action.tools)
            return await self._kept(action.conclude, transcript, attempt)

    async def get(self, name: str) -> Any:
        """See `Session.get`."""
        async with self._turn():
            request = messages.Fetch(name=name, segments=self._state.segments)
            fetched = await self._ask(request, f"get({name!r})")
        return value_of(name, fetched)

    async def set(self, name: str, value: Any) -> None:
        """See `Session.set`."""
        async with self._turn() as state:
            require_settled(state)
            request = assignment(name, value, self._state.segments)
            assigned = await self._ask(request, f"set({name!r})")
        if assigned.problem:
            raise StoreError(f"set({name!r}): {assigned.problem}")
        self._state.core.trail.assigned(self._state.name, name, value)

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
        if self._state.core.store is None and self._state.core.trail.trail is None:
            return step(*arguments)
        return await in_thread(step, *arguments)

    async def _ask(self, request: exchange.Request, what: str) -> Any:
        state = self._state
        with state.attempt() as attempt:
            async with self._worker(with_files=False) as worker:
                bounds = state.bounds(state.core.policy.limits.wall_seconds)
                transcript = await exchange.converse_async(worker, request, attempt.descriptors, bounds, NO_TOOLS)
            problem = await self._kept(state.settle, attempt, transcript.answer)
        answer = _answered(transcript, what)
        if problem:
            raise StoreError(f"{what}: {problem}")
        return answer
