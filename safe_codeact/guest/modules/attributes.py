"""Attributes whose names are text, and the replacements for the library functions that take such names.

Threat: `attrgetter("__globals__")`, `update_wrapper(box, f, assigned=["__globals__"])`, `"{0.__class__}".format`: the gate
reads names in source, and these are names in data. The decision itself is `guest.guards`'; here the library functions
are led to it.
"""

from __future__ import annotations

import _string
import dataclasses
import functools
import keyword
import string
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

import builtins

from safe_codeact.gate.names import Stance, reading

_COPIED = frozenset((*functools.WRAPPER_ASSIGNMENTS, *functools.WRAPPER_UPDATES, "__type_params__"))


def read_attribute(obj: Any, name: str) -> Any:
    """`getattr(obj, name)` under the rules of the action's own source. Raises as `guest.guards.guarded_getattr` does."""
    from safe_codeact.guest import guards  # the guards import this package; this is called long after both are loaded

    return guards.guarded_getattr(obj, name)


def plain_name(name: Any, what: str) -> str:
    """The name as an exact str, if an action's source could read it on any object without a guard."""
    if not isinstance(name, str):
        raise TypeError(f"{what} must be str, not {type(name).__name__}")
    text = str.__str__(name)
    if text.startswith("_") or reading(text) is Stance.REFUSED:
        raise PermissionError(f"{what} {text!r} is not available: names that start with an underscore are a library's own.")
    return text


def action_frame() -> FrameType | None:
    """The nearest frame of the action's own code, or None. Its builtins are not the interpreter's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_builtins is builtins.__dict__:
        frame = frame.f_back
    return frame


# ---- operator


class attrgetter:
    """`operator.attrgetter`, each step under the rules for attributes."""

    __slots__ = ("_names",)

    def __init__(self, attr: str, /, *attrs: str) -> None:
        for each in (attr, *attrs):
            if not isinstance(each, str):
                raise TypeError("attribute name must be a string")
        self._names = tuple(str.__str__(each).split(".") for each in (attr, *attrs))

    def __call__(self, obj: Any, /) -> Any:
        found = tuple(self._walk(obj, names) for names in self._names)
        return found if len(found) > 1 else found[0]

    @staticmethod
    def _walk(obj: Any, names: list[str]) -> Any:
        for name in names:
            obj = read_attribute(obj, name)
        return obj

    def __repr__(self) -> str:
        return f"operator.attrgetter({', '.join(repr('.'.join(names)) for names in self._names)})"


class methodcaller:
    """`operator.methodcaller`, under the rules for attributes."""

    __slots__ = ("_args", "_kwargs", "_name")

    def __init__(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        if not isinstance(name, str):
            raise TypeError("method name must be a string")
        self._name, self._args, self._kwargs = str.__str__(name), args, kwargs

    def __call__(self, obj: Any, /) -> Any:
        return read_attribute(obj, self._name)(*self._args, **self._kwargs)


# ---- functools


def _copied(names: Iterable[str]) -> tuple[str, ...]:
    exact = tuple(str.__str__(name) for name in names)
    for name in exact:
        if name not in _COPIED:
            raise PermissionError(f"functools.update_wrapper copies {', '.join(sorted(_COPIED))} and nothing else; got {name!r}.")
    return exact


def update_wrapper(
    wrapper: Any,
    wrapped: Any,
    assigned: Iterable[str] = functools.WRAPPER_ASSIGNMENTS,
    updated: Iterable[str] = functools.WRAPPER_UPDATES,
) -> Any:
    return functools.update_wrapper(wrapper, wrapped, _copied(assigned), _copied(updated))


def wraps(
    wrapped: Any, assigned: Iterable[str] = functools.WRAPPER_ASSIGNMENTS, updated: Iterable[str] = functools.WRAPPER_UPDATES
) -> Callable[[Any], Any]:
    return functools.partial(update_wrapper, wrapped=wrapped, assigned=assigned, updated=updated)


# ---- typing


def get_type_hints(obj: Any, globalns: Any = None, localns: Any = None, include_extras: bool = False) -> dict[str, Any]:
    """`typing.get_type_hints`, over the action's own names; never those of the module that `obj` claims to be from."""
    frame = action_frame()
    own = {} if frame is None else {name: value for name, value in frame.f_globals.items() if not name.startswith("__")}
    names = own | dict(globalns or {})
    return typing.get_type_hints(obj, names | {"__builtins__": {}}, dict(localns or {}), include_extras)


# ---- dataclasses


def make_dataclass(cls_name: str, fields: Iterable[Any], *, bases: tuple[type, ...] = (), namespace: Any = None, **options: Any) -> type:
    """`dataclasses.make_dataclass`, with names that a class statement could hold as well."""
    listed = [each if isinstance(each, str) else tuple(each) for each in fields]
    for each in listed:
        plain_name(each if isinstance(each, str) else each[0], "the field name")
    members = dict(namespace or {})
    for name in members:
        plain_name(name, "the name in namespace")
    return dataclasses.make_dataclass(cls_name, listed, bases=bases, namespace=members, **options)


# ---- string


def get_field(self: string.Formatter, field_name: str, args: Any, kwargs: Any) -> Any:
    """`string.Formatter.get_field`, with attributes under the rules."""
    first, rest = _string.formatter_field_name_split(field_name)
    obj = self.get_value(first, args, kwargs)
    for is_attribute, name in rest:
        obj = read_attribute(obj, name) if is_attribute else obj[name]
    return obj, first


def format_text(template: str, *args: Any, **kwargs: Any) -> str:
    """`template.format(...)` for the libraries that format with a template of the action's."""
    return string.Formatter().vformat(template, args, kwargs)


def field_name(name: Any) -> str:
    """A name that goes into source text which the standard library generates and executes."""
    if type(name) is not str or not name.isidentifier() or keyword.iskeyword(name):
        raise TypeError(f"Field names must be valid identifiers: {name!r}")
    return name


REPLACEMENTS: Mapping[str, Mapping[str, Any]] = {
    "operator": {"attrgetter": attrgetter, "methodcaller": methodcaller},
    "functools": {"update_wrapper": update_wrapper, "wraps": wraps},
    "typing": {"get_type_hints": get_type_hints},
    "dataclasses": {"make_dataclass": make_dataclass},
}
