"""Classes that the session defined, by value: an empty class first, its contents after it.

Twice over for a reason: a method's `__class__` cell, a registry, a class attribute may lead back to the class. Hooks of
metaclasses and of base classes (`__init_subclass__`, `__set_name__`) ran when the class was defined and must not run
again: a registry would list the class twice.
"""

from __future__ import annotations

import abc
import enum
import types
from typing import Any

from safe_codeact.guest.namespace.raw import derives, type_bases, type_dict, type_name, type_qualname
from safe_codeact.guest.namespace.rebuild import Rebuilder

_MADE_BY_TYPE = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__", "__slots__", "_abc_impl"})
_MADE_BY_NAMEDTUPLE = frozenset({"__new__", "__repr__", "__getnewargs__", "__slots__", "__match_args__", "__replace__"})
_MADE_BY_NAMEDTUPLE |= {"_make", "_replace", "_asdict", "_fields", "_field_defaults"}
_MADE_BY_PROTOCOL = ("_proto_hook", "_no_init_or_replace_init", "_no_init")


def reduce_class(pickler: Any, cls: type) -> Any:
    meta: Any = type(cls)
    contents = type_dict(cls)
    if derives(meta, enum.EnumMeta):
        return _reduce_enum(cls, meta)
    if _is_named_tuple(cls):
        return _reduce_named_tuple(pickler, cls)
    bases = type_bases(cls)
    body: dict[str, Any] = {"__module__": contents.get("__module__"), "__qualname__": type_qualname(cls)}
    slots = contents.get("__slots__")
    if slots is not None:
        body["__slots__"] = (slots,) if type(slots) is str else tuple(slots)
    if "__orig_bases__" in contents:
        body["__orig_bases__"] = contents["__orig_bases__"]  # Generic refuses a subclass without
    attributes = {name: value for name, value in contents.items() if _is_state(cls, name, value)}
    if any(type(name) is not str for name in attributes):
        raise TypeError(f"the class {type_name(cls)} can't be kept: its attributes need names of type str")
    state = (attributes, _registered(cls) if derives(meta, abc.ABCMeta) else [])
    make = (None if meta is type else meta, type_name(cls), bases, body)
    return Rebuilder.skeleton, make, state, None, None, Rebuilder.fill_class


def _is_state(cls: type, name: str, value: Any) -> bool:
    if name in _MADE_BY_TYPE:
        return False
    if type(value) is types.MemberDescriptorType:
        return value.__objclass__ is not cls
    if type(value) is types.GetSetDescriptorType:
        return False
    function = value.__func__ if type(value) in (classmethod, staticmethod) else value
    return not (
        type(function) is types.FunctionType
        and function.__module__ == "typing"
        and function.__name__ in _MADE_BY_PROTOCOL
    )


def _registered(cls: type) -> list[type]:
    """Virtual subclasses (`Shape.register(Square)`). `_get_dump` is how `abc` itself shows them."""
    references = abc._get_dump(cls)[0]  # type: ignore[attr-defined]
    return [found for found in (reference() for reference in references) if found is not None]


def _is_named_tuple(cls: type) -> bool:
    contents = type_dict(cls)
    fields = contents.get("_fields")
    return (
        type_bases(cls)[0] is tuple
        and type(fields) is tuple
        and all(type(field) is str for field in fields)
        and "_make" in contents
        and "_field_defaults" in contents
    )


def _reduce_named_tuple(pickler: Any, cls: type) -> Any:
    contents = type_dict(cls)
    fields = contents["_fields"]
    defaults = contents["_field_defaults"]

    def is_state(name: str, value: Any) -> bool:
        if name in _MADE_BY_NAMEDTUPLE:
            return type(value) is types.FunctionType and value.__globals__ is pickler.namespace
        return name not in fields and _is_state(cls, name, value)

    attributes = {name: value for name, value in contents.items() if is_state(name, value)}
    attributes["__module__"] = contents.get("__module__")
    attributes["__qualname__"] = type_qualname(cls)
    values = tuple(defaults[field] for field in fields if field in defaults)
    make = (type_name(cls), fields, values, type_bases(cls))
    return Rebuilder.named_tuple, make, (attributes, []), None, None, Rebuilder.fill_class


def _reduce_enum(cls: Any, meta: type) -> Any:
    contents = type_dict(cls)
    members: dict[str, Any] = contents["_member_map_"]
    body: dict[str, Any] = {"__module__": contents.get("__module__"), "__qualname__": type_qualname(cls)}
    boundary = contents.get("_boundary_")
    if boundary is not None:
        body["boundary"] = boundary
    attributes = {name: value for name, value in contents.items() if _is_enum_state(name, value, members)}
    states = {
        name: {key: value for key, value in member.__dict__.items() if key not in ("_name_", "__objclass__")}
        for name, member in members.items()
        if member._name_ == name
    }
    plain = {name: member._value_ for name, member in members.items()}
    make = (meta, type_name(cls), type_bases(cls), body, plain)
    return Rebuilder.enum_class, make, (attributes, states), None, None, Rebuilder.fill_enum


def _is_enum_state(name: str, value: Any, members: dict[str, Any]) -> bool:
    if name in members or name in _MADE_BY_TYPE or name == "__new__":
        return False
    if name.startswith("_") and not name.startswith("__"):
        return name in ("_missing_", "_generate_next_value_") and not _is_of_enum(value)
    return not _is_of_enum(value)


def _is_of_enum(value: Any) -> bool:
    """What `enum` itself put there, and puts there again."""
    function = value.__func__ if type(value) in (classmethod, staticmethod) else value
    if type(function) is types.FunctionType:
        return function.__module__ == "enum"
    return type(function) in (types.WrapperDescriptorType, types.MethodDescriptorType, types.BuiltinFunctionType)
