"""Which processes are below one, from /proc."""

from __future__ import annotations

import contextlib
from pathlib import Path


def children(pid: int | str = "self") -> set[int]:
    """Of all its threads. Raises `OSError` where it has ended."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {int(child) for thread in threads for child in (thread / "children").read_text().split()}


def descendants(pid: int) -> set[int]:
    """Its children, theirs, and so on; what ends meanwhile is left out."""
    found: set[int] = set()
    left = {pid}
    while left:
        with contextlib.suppress(OSError):
            below = children(left.pop()) - found
            found |= below
            left |= below
    return found
