"""Reading and writing objects beneath whatever their classes say.

Threat: every hook of a guest class (`__getattribute__`, `__class__`, `__dict__`, `__setattr__`, `__eq__`, a metaclass's
`mro`) runs model code and may lie, hang or raise, while a snapshot is written or loaded.
What doesn't work: asking the object (`vars(obj)`, `obj.__class__`, `copyreg`), because the object answers.
What we do: take the getset descriptors of `object` and `type` themselves, and the descriptors that CPython put into the
classes for `__dict__` and `__slots__`; they read memory and call nothing.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement or by type()

type_dict = type.__dict__["__dict__"].__get__
type_mro = type.__dict__["__mro__"].__get__
type_bases = type.__dict__["__bases__"].__get__
type_flags = type.__dict__["__flags__"].__get__
type_name = type.__dict__["__name__"].__get__
type_qualname = type.__dict__["__qualname__"].__get__
type_module = type.__dict__["__module__"].__get__


def class_label(cls: type) -> str:
    """`module.qualname` for a message; the module is left out for builtins and for what the session defined."""
    module = type_dict(cls).get("__module__") if type_flags(cls) & HEAP_TYPE else type_module(cls)
    qualname = str(type_qualname(cls))
    if type(module) is not str or module in ("builtins", "__main__"):
        return qualname
    return f"{module}.{qualname}"


def instance_dict(obj: object) -> dict[str, Any] | None:
    """The instance's own `__dict__`, or None where it has none."""
    for cls in type_mro(type(obj)):
        descriptor = type_dict(cls).get("__dict__")
        if type(descriptor) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            found = descriptor.__get__(obj)
            return found if type(found) is dict else None
    return None


def slot_descriptors(cls: type) -> Iterator[tuple[str, Any]]:
    """The slots of a class and of its bases that Python code declared, as (name, descriptor)."""
    for base in type_mro(cls):
        if not type_flags(base) & HEAP_TYPE:
            continue
        for name, descriptor in type_dict(base).items():
            if type(descriptor) is types.MemberDescriptorType:
                yield name, descriptor


def slot_values(obj: object) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, descriptor in slot_descriptors(type(obj)):
        try:
            values.setdefault(name, descriptor.__get__(obj))
        except AttributeError:  # an empty slot
            continue
    return values


def set_slots(obj: object, values: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    for name, descriptor in slot_descriptors(type(obj)):
        found.setdefault(name, descriptor)
    for name, value in values.items():
        found[name].__set__(obj, value)
