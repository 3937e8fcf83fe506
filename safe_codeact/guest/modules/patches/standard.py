"""The standard library: an event loop that needs no socket, and the places where it takes names as text."""

from __future__ import annotations

import asyncio

from safe_codeact.guest.guards import library
from safe_codeact.guest.modules.event_loop import ActionLoopPolicy


def patch_asyncio() -> None:
    """Loops for actions: a worker may make neither a socket pair nor an epoll descriptor."""
    asyncio.set_event_loop_policy(ActionLoopPolicy())


def patch_names() -> None:
    """`string.Formatter` and dataclasses take attribute names from text: the guards read them first."""
    library.install()
