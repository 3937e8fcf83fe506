"""What an event loop must not wait for: work of a session in a thread, which has the session until it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """As `asyncio.to_thread`, but a cancellation takes effect when the thread has ended.

    It cannot be stopped; were the session given to the next one meanwhile, two would be changing it.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # looked at: the loop would complain otherwise
        raise
