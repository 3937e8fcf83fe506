"""Which hole this process carries, so that the processes that it starts for fuzzing carry the same one.

Only a process that `plants` started has one. The product never asks: a hole is made by exchanging what it uses, in memory,
before it starts.
"""

from __future__ import annotations

_made: list[str] = []


def hole() -> str:
    """The name of the hole that was made in this process, or ""."""
    return _made[0] if _made else ""


def enter(name: str) -> None:
    """This process carries that hole from here on."""
    _made.append(name)
