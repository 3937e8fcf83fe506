"""The standard library's own dynamic doors: what facades hand out in place of the original, and what is exchanged.

`attrgetter` and `methodcaller` are handed out by the facade of `operator`; `install` exchanges, once per process and
before any action, what no facade can stand in front of: `string.Formatter`'s attribute walk, dataclass creation.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import string
from collections.abc import Callable
from typing import Any

from safe_codeact.gate.names import MARKER, Stance, is_private, reading
from safe_codeact.guest.guards.attributes import exact_name, guarded_getattr, refused
from safe_codeact.guest.guards.classes import trim_match_args
from safe_codeact.guest.guards.formats import judged_field
from safe_codeact.guest.guards.own import is_own
from safe_codeact.guest.guards.sealed import seal


def attrgetter(attribute: str, /, *more: str) -> Callable[[Any], Any]:
    """operator.attrgetter, with every part of every name judged; CPython's own object does the reading."""
    return operator.attrgetter(*(_path(name) for name in (attribute, *more)))


def _path(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError("attribute name must be a string")
    parts = []
    for part in exact_name(name, "attrgetter").split("."):
        stance = reading(part)
        if stance in (Stance.REFUSED, Stance.GUARDED):
            raise refused(part)
        parts.append(part + MARKER if stance is Stance.PRIVATE else part)
    return ".".join(parts)


def methodcaller(name: str, /, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """operator.methodcaller, the method looked up as the action's own getattr does."""
    if not isinstance(name, str):
        raise TypeError("method name must be a string")
    name = exact_name(name, "methodcaller")
    stance = reading(name)
    if stance is Stance.REFUSED:
        raise refused(name)
    if stance is Stance.OPEN:
        return operator.methodcaller(name, *args, **kwargs)
    return lambda obj: guarded_getattr(obj, name)(*args, **kwargs)


def install() -> None:
    """Exchange, in this process, what facades cannot stand in front of. Doing it twice changes nothing."""
    string.Formatter.get_field = _get_field  # type: ignore[method-assign]
    seal()
    if dataclasses._process_class is not _process_class:  # type: ignore[attr-defined]
        dataclasses._process_class = _process_class  # type: ignore[attr-defined]


def _get_field(self: string.Formatter, field_name: str, args: Any, kwargs: Any) -> Any:
    return judged_field(field_name, lambda key: self.get_value(key, args, kwargs))


_original_process_class = getattr(dataclasses, "_process_class")  # noqa: B009  # private, and the one place that all ways use


def _process_class(cls: type, *args: Any, **kwargs: Any) -> type:
    """Fields become parameters of a generated `__init__`, whose text is compiled: their names must be names.

    A private field keeps its spelling there (`C(_x=1)`), so the generated code and `asdict` reach it by the plain name:
    a property, or the slot itself, leads from that to the name under which the action's own code has it.
    """
    annotations = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  # get_annotations may evaluate text
    for name in annotations:
        if not (type(name) is str and name.isidentifier()):
            raise TypeError(f"Field names must be valid identifiers: {name!r}")
    private = [name for name in annotations if is_private(name)]
    if private and (base := _library_base(cls)) is not None:
        # The plain name of such a field would overlay what the library's own code keeps there, and read it.
        raise TypeError(
            f"{cls.__name__} has the private field {private[0]!r} and the library class {base.__name__} above it"
        )
    for name in private:
        if name + MARKER in cls.__dict__:
            setattr(cls, name, cls.__dict__[name + MARKER])
            delattr(cls, name + MARKER)
    made: type = _original_process_class(cls, *args, **kwargs)
    for name in private:
        _alias(made, name)
    trim_match_args(made)
    return made


def _library_base(cls: type) -> type | None:
    for base in type.mro(cls):
        if not is_own(base) and base.__module__ not in _WITHOUT_PRIVATE:
            return base
    return None


_WITHOUT_PRIVATE = frozenset(
    {"builtins", "abc", "typing", "collections.abc"}
)  # their instances have no such attributes


def _alias(made: type, name: str) -> None:
    stored = made.__dict__.get(name, _MISSING)
    if stored is not _MISSING and type(stored).__name__ == "member_descriptor":
        type.__setattr__(made, name + MARKER, stored)
        return
    if stored is not _MISSING:
        type.__setattr__(made, name + MARKER, stored)

    read, write = operator.attrgetter(name + MARKER), functools.partial(store, name)
    type.__setattr__(made, name, property(read, write))


def store(name: str, obj: Any, value: Any, /) -> None:
    """Set a private attribute that an action's own code has under its compiled name; no library's object has one."""
    object.__setattr__(obj, name + MARKER, value)


_MISSING: Any = object()
