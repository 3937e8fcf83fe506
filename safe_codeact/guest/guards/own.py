"""Which classes are the action's own: those that carry a name no source can spell, set when the class was made.

It survives a snapshot with the class, and cannot be put on a library's class: no guard writes it anywhere else.
"""

from __future__ import annotations

from typing import Any

from safe_codeact.gate.names import OWN

_content = type.__dict__["__dict__"].__get__  # not `cls.__dict__`: a metaclass may answer for it


def is_own(kind: Any) -> bool:
    return isinstance(kind, type) and OWN in _content(kind)


def is_pure(kind: Any) -> bool:
    """An own class with nothing but own classes and `object` above it."""
    return isinstance(kind, type) and all(OWN in _content(base) for base in type.mro(kind) if base is not object)


def content(kind: type) -> Any:
    """The class's own attributes, whatever its metaclass says."""
    return _content(kind)


class Home:
    """The namespace and the builtins that the session's own code runs with; not those that a text given to `exec` has."""

    __slots__ = ("_builtins", "_names")

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._builtins: dict[str, Any] = {}

    def enter(self, names: dict[str, Any], builtins: dict[str, Any]) -> None:
        self._names, self._builtins = names, builtins

    def is_of(self, function: Any) -> bool:
        """Whether the action can neither see nor change the dictionaries in which this function finds its guards."""
        return function.__globals__ is self._names and function.__builtins__ is self._builtins


HOME = Home()


def claim(kind: type) -> None:
    """Say that an action made this class. `type.__setattr__`: an Enum's own would refuse."""
    type.__setattr__(kind, OWN, True)
