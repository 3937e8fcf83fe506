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


def claim(kind: type) -> None:
    """Say that an action made this class. `type.__setattr__`: an Enum's own would refuse."""
    type.__setattr__(kind, OWN, True)
