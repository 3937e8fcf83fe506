"""globals(), locals(), vars(), dir(): the action's own names, to look at.

Threat: the real dictionaries hold the builtins under `__builtins__`; and called back by a library
(`series.apply(eval)`) "the caller" is the library's own module.
What we do: read-only views of names, and a frame counts as the caller only if it runs with the action's builtins.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn

from safe_codeact.gate.names import GUARD, MARKER, unmark
from safe_codeact.guest.waiting import all_names

MARK = GUARD + "own builtins"  # a key of every builtins dictionary that actions run with
_HIDDEN = frozenset({"__builtins__", "__loader__", "__spec__"})


def caller(depth: int = 2) -> FrameType | None:
    """The frame of the action's code that called the guard, or None when a library called it."""
    frame = sys._getframe(depth)
    all_names()
    return frame if MARK in frame.f_builtins else None


def action_module() -> str:
    """The `__name__` of the nearest of the action's frames."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and MARK not in frame.f_builtins:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "__main__")) if frame is not None else "__main__"


def is_shown(name: Any) -> bool:
    return isinstance(name, str) and name not in _HIDDEN and MARKER not in name[:-1] and name[:1] != "."


class Names(Mapping[str, Any]):
    """The action's global names, live and read-only."""

    __slots__ = ("_names",)

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Any:
        if not is_shown(name):
            raise KeyError(name)
        return self._names[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in self._names if is_shown(name)])

    def __len__(self) -> int:
        return sum(1 for name in self._names if is_shown(name))

    def __repr__(self) -> str:
        return repr(self.copy())

    def copy(self) -> dict[str, Any]:
        return {name: value for name, value in self._names.items() if is_shown(name)}

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def _read_only(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("globals() and locals() are read-only here: assign the name itself, or keep your own dict.")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _read_only

    def __reduce__(self) -> Any:
        return dict, (self.copy(),)


def names_behind(view: Names) -> dict[str, Any]:
    return view._names


def local_names(frame: FrameType) -> Any:
    """`locals()` as that frame would have it."""
    if frame.f_locals is frame.f_globals:
        return Names(frame.f_globals)
    shown = {unmark(name): value for name, value in frame.f_locals.items() if is_shown(name)}
    # A class body's are read-only too: what CPython would put into the class has to be said, not lost.
    return shown if frame.f_code.co_flags & inspect.CO_OPTIMIZED else Names(shown)
