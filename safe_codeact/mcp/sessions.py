"""Which session an MCP call runs in, and how many there may be.

A connection that is one (pipes; HTTP with the protocol's own session header) has a session of its own, made by its first call. In the
newest protocol, HTTP calls stand alone: such a call gets a new session, and its answer says the id that the next call passes.
An id is 128 random bits: over HTTP, whoever knows it may use the session, and nobody else.

Threat: a client that opens sessions without end, or calls without waiting. An idle session holds no process, but its state; so
there are at most `most_sessions`, of which the longest idle one is closed for a new one, and at most `_MOST_CALLS` calls at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from safe_codeact import AsyncRuntime, AsyncSession

_MOST_CALLS = 64
NEW = "new"


class NoSession(Exception):
    """A call cannot have the session that it asks for; the message is for the client."""


@dataclass(slots=True)
class _Kept:
    session: AsyncSession
    calls: int = 0
    is_left: bool = False  # its connection is gone


class Sessions:
    """The sessions of one MCP server. Belongs to one event loop."""

    def __init__(self, runtime: AsyncRuntime, most_sessions: int) -> None:
        if most_sessions < 1:
            raise ValueError(f"most_sessions={most_sessions!r} must be at least 1")
        self._runtime = runtime
        self._most_sessions = most_sessions
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # the longest unused first
        self._of_owner: dict[str, str] = {}
        self._calls = 0
        self._making = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def use(self, owner: str | None, asked: str | None) -> AsyncIterator[AsyncSession]:
        """The session for one call of a connection: by its id, a `new` one, or the connection's own. Raises `NoSession`."""
        if self._calls >= _MOST_CALLS:
            raise NoSession(f"{_MOST_CALLS} calls are being worked on: wait for one to end.")
        self._calls += 1
        try:
            kept = await self._take(owner, asked)
            try:
                yield kept.session
            finally:
                kept.calls -= 1
                if kept.is_left and not kept.calls:
                    await self._close(kept)
        finally:
            self._calls -= 1

    async def end(self, owner: str) -> None:
        """The connection is gone, and with it the session of its own; a call that still runs there comes to its end first."""
        kept = self._kept.get(self._of_owner.pop(owner, ""))
        if kept is not None:
            kept.is_left = True
            if not kept.calls:
                await self._close(kept)

    async def _close(self, kept: _Kept) -> None:
        if self._kept.pop(kept.session.id, None) is not None:
            await kept.session.close()

    async def _take(self, owner: str | None, asked: str | None) -> _Kept:
        async with self._making:
            name = self._of_owner.get(owner or "") if asked is None else asked
            kept = self._kept.get(name) if name is not None else None
            if kept is None:
                if asked not in (None, NEW):
                    raise NoSession(
                        f"There is no session of that id: at most {self._most_sessions} are kept, and the longest unused one "
                        "is closed for a new one. Leave session_id out to start again; its variables are gone."
                    )
                kept = await self._make(owner if asked is None else None)
            kept.calls += 1
            self._kept.move_to_end(kept.session.id)
            return kept

    async def _make(self, owner: str | None) -> _Kept:
        while len(self._kept) >= self._most_sessions:
            idle = next((kept for kept in self._kept.values() if not kept.calls), None)
            if idle is None:
                raise NoSession(f"All {self._most_sessions} sessions are at work: wait, or pass the session_id of one.")
            await self._close(idle)
        session = await self._runtime.session(secrets.token_hex(16))
        kept = self._kept[session.id] = _Kept(session)
        if owner is not None:
            self._of_owner = {key: name for key, name in self._of_owner.items() if name in self._kept}
            self._of_owner[owner] = session.id
        return kept
