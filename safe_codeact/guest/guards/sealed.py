"""Objects of the standard library that carry an attribute's name, or a library's private objects, as plain data.

Threat: `functools.cached_property` reads `instance.__dict__[self.attrname]`, whatever the action has set `attrname` to;
`dataclasses.asdict` reads the attribute that `Field.name` names, an Enum's property the one of the member's value;
`inspect.signature(f)` hands out the defaults of a library's function, which hold modules and private functions
(`def close(self, unlink=os.unlink)`).
What doesn't work: a rule about those names in the source, because descriptors have `__set__` and classes have `fields`.
What we do: each is exchanged, once per process and before any action, for one that keeps to what it was made for.
What still gets through: defaults that are plain values, classes and a library's own functions.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import functools
import inspect
from types import BuiltinFunctionType, ModuleType
from typing import Any

from safe_codeact.gate.names import Stance, reading
from safe_codeact.guest.guards.metaclasses import shield
from safe_codeact.guest.guards.own import content

_SPEAKING = frozenset(
    {"eval", "exec", "compile", "__import__", "open", "getattr", "setattr", "delattr", "vars", "input"}
)
_HARMLESS_MODULES = frozenset(
    {"builtins", "math", "cmath", "_operator", "_functools", "_heapq", "_bisect", "itertools", "time"}
)
_HIDDEN = "<not available>"


def seal() -> None:
    """Exchange them. Doing it twice changes nothing."""
    if functools.cached_property.__get__ is not _get_cached:
        functools.cached_property.__get__ = _get_cached  # type: ignore[method-assign,assignment]
        enum.property.__get__ = _get_member  # type: ignore[method-assign]
        dataclasses.Field.name = property(_field_name.__get__, _name_field)  # type: ignore[assignment,misc]
        inspect._signature_from_function = _signature_from_function  # type: ignore[attr-defined]


# functools.cached_property

_get_cached_anywhere: Any = functools.cached_property.__get__


def _get_cached(self: Any, instance: Any, owner: Any = None) -> Any:
    if instance is not None and self.attrname is not None and not _is_there(self, self.attrname, type(instance)):
        raise TypeError(f"{type(instance).__name__!r} has no cached_property of the name {self.attrname!r}")
    return _get_cached_anywhere(self, instance, owner)


def _is_there(descriptor: Any, name: Any, kind: type) -> bool:
    """Whether a class has this descriptor under this name."""
    return any(content(each).get(name) is descriptor for each in type.mro(kind))


# enum.property

_get_member_anywhere: Any = enum.property.__get__


def _get_member(self: Any, instance: Any, ownerclass: Any = None) -> Any:
    name = getattr(self, "name", None)
    if instance is not None and self.fget is None:
        # `gi_frame = member(generator)` under a base with a descriptor of that name: the property reads it from the value.
        told = isinstance(name, str) and reading(name) in (Stance.REFUSED, Stance.GUARDED)
        if told or not _is_there(self, name, type(instance)):
            raise AttributeError(f"{type(instance).__name__!r} has no member {name!r}")
    return _get_member_anywhere(self, instance, ownerclass)


# dataclasses.Field

_field_name: Any = dataclasses.Field.__dict__["name"]


def _name_field(field: Any, name: Any) -> None:
    """A field gets its name once, from the class that it is in."""
    known = getattr(field, "name", None)
    if type(name) is not str and name is not None:
        raise TypeError(f"a field's name must be a str, not {type(name).__name__}")
    if known is not None and known != name:
        raise AttributeError(f"the name of the field {known!r} cannot be changed")
    _field_name.__set__(field, name)


# inspect.signature

_whole_signature: Any = getattr(inspect, "_signature_from_function")  # noqa: B009  # private, and the one place that all ways use


def _signature_from_function(*args: Any, **options: Any) -> inspect.Signature:
    made: inspect.Signature = _whole_signature(*args, **options)
    if any(_is_hidden(parameter.default) for parameter in made.parameters.values()):
        shown = [
            parameter.replace(default=_HIDDEN) if _is_hidden(parameter.default) else parameter
            for parameter in made.parameters.values()
        ]
        made = made.replace(parameters=shown)
    return made


def _is_hidden(default: Any) -> bool:
    if type(default) is BuiltinFunctionType:
        home = default.__self__
        if type(home) is not ModuleType:
            return False  # a bound method of a C type
        return home.__name__ not in _HARMLESS_MODULES or (home is builtins and default.__name__ in _SPEAKING)
    return isinstance(default, ModuleType) or shield(default) is not default
