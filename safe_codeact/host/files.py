"""`session.files`: the host's side of a session's workspace, by a thread or by an event loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from safe_codeact.host.action import require_settled
from safe_codeact.host.apart import in_thread
from safe_codeact.host.state import SessionState


def _write(state: SessionState, path: str | os.PathLike[str], data: bytes) -> None:
    require_settled(state)
    with state.changing_files() as (workspace, items):
        workspace.write(path, data, items)
        state.core.trail.written(state.name, path, data)


def _delete(state: SessionState, path: str | os.PathLike[str]) -> None:
    require_settled(state)
    with state.changing_files() as (workspace, _items):
        workspace.delete(path)
        state.core.trail.changed(state.name, "delete", path=os.fspath(path))


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


class AsyncFiles:
    """`session.files` of an `AsyncSession`."""

    def __init__(self, turn: Callable[[], AbstractAsyncContextManager[SessionState]]) -> None:
        self._turn = turn

    async def write(self, path: str | os.PathLike[str], data: bytes) -> None:
        """See `Files.write`."""
        async with self._turn() as state:
            await in_thread(_write, state, path, data)

    async def read(self, path: str | os.PathLike[str]) -> bytes:
        """See `Files.read`."""
        async with self._turn() as state:
            return await in_thread(state.files().read, path)

    async def list(self) -> list[str]:
        """See `Files.list`."""
        async with self._turn() as state:
            return [entry.path for entry in await in_thread(state.files().entries)]

    async def delete(self, path: str | os.PathLike[str]) -> None:
        """See `Files.delete`."""
        async with self._turn() as state:
            await in_thread(_delete, state, path)
