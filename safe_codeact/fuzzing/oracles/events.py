"""CPython's audit events, judged a second time: what the product's own hook has let through, by a table of its own.

This is no part of a worker. A process that is made for fuzzing exchanges `guest.audit.make_hook` before any hook exists, for
one that asks the product's hook first; what that let through and this table does not is told to the parent, and the
process ends before the event takes place. So a hole in the product's table harms nothing, and is seen.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from typing import Any, Final

# No program that the gate let pass may get as far as these. By family: everything before the dot.
FATAL_FAMILIES: Final = frozenset(
    {"socket", "ctypes", "subprocess", "sqlite3", "pty", "http", "urllib", "ftplib", "smtplib"}
)
FATAL: Final = frozenset(
    f"os.{name}"
    for name in ("system", "exec", "fork", "forkpty", "spawn", "posix_spawn", "kill", "killpg", "link", "symlink", "chown")
) | {"sys._current_frames", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "code.__new__", "pickle.find_class",
     "sys.settrace", "sys.setprofile"}  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Hook = Callable[[str, tuple[Any, ...]], None]


def library_prefixes() -> tuple[str, ...]:
    """Where the interpreter and its packages lie: what may be read besides the workspace."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {sys.prefix, sys.base_prefix, "/usr/share/zoneinfo", "/dev/null"}
    return tuple(sorted({os.path.realpath(each) for each in found if each} | {each for each in found if each}))


def judged_again(product: Hook, folder: str, readable: tuple[str, ...], tell: Callable[[str], None]) -> Hook:
    """A hook that asks the product's one first. `folder`: the workspace, or ""; `tell` does not return."""
    beneath = tuple(path.rstrip("/") + "/" for path in readable)

    def is_inside(path: str) -> bool:
        return bool(folder) and (path == folder or path.startswith(folder + "/"))

    def hook(event: str, args: tuple[Any, ...]) -> None:
        product(event, args)
        if event in FATAL or event.partition(".")[0] in FATAL_FAMILIES:
            tell(f"the audit event {event}")
        if event == "open" and type(args[0]) in (str, bytes):
            path = os.path.normpath(os.path.join(folder or "/", os.fsdecode(args[0])))
            writes = type(args[2]) is int and args[2] & _WRITING
            if not is_inside(path) and (writes or not (path in readable or path.startswith(beneath))):
                tell("a file outside that was opened for " + ("writing" if writes else "reading"))

    return hook
