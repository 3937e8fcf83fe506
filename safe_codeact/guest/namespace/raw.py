"""Reading and writing objects beneath whatever their classes say.

Threat: every hook of a guest class (`__getattribute__`, `__class__`, `__dict__`, `__setattr__`, `__eq__`, a metaclass's
`mro`) runs model code and may lie, hang or raise, while a snapshot is written or loaded.
What doesn't work: asking the object (`vars(obj)`, `obj.__class__`, `copyreg`), because the object answers.
What we do: take the getset descriptors of `object` and `type` themselves, and the descriptors that CPython put into the
classes for `__dict__` and `__slots__`; they read memory and call nothing.
"""

from __future__ import annotations

import types
from typing import Any

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement, by type(), or by newer C code
IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: made by C code

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


def derives(cls: type, base: type) -> bool:
    """`issubclass` by memory layout alone: no `__subclasscheck__`, no `__eq__` of a metaclass."""
    return type.__subclasscheck__(base, cls)


class Layout:
    """Where the instances of one class keep their attributes."""

    __slots__ = ("_dict", "slots")

    def __init__(self, cls: type) -> None:
        self._dict: Any = None
        self.slots: dict[str, Any] = {}
        for base in type_mro(cls):
            contents = type_dict(base)
            if self._dict is None and "__dict__" in contents:
                self._dict = contents["__dict__"]  # CPython's own descriptor, or what a guest class put there
            if type_flags(base) & HEAP_TYPE:
                for name, descriptor in contents.items():
                    if type(descriptor) is types.MemberDescriptorType:
                        self.slots.setdefault(name, descriptor)

    def attributes(self, obj: object) -> dict[str, Any] | None:
        """The instance's own `__dict__`, or None where it has none."""
        if self._dict is None:
            return None
        if type(self._dict) not in _DESCRIPTORS:
            raise TypeError(f"{class_label(type(obj))} objects can't be kept: their class hides their attributes")
        found = self._dict.__get__(obj)
        return found if type(found) is dict else None

    def slot_values(self, obj: object) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, descriptor in self.slots.items():
            try:
                values[name] = descriptor.__get__(obj)
            except AttributeError:  # an empty slot
                continue
        return values


class Layouts:
    """The layouts of the classes met so far. By identity: a metaclass's `__hash__` is guest code."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[type, Layout]] = {}

    def of(self, obj: object) -> Layout:
        cls = type(obj)
        found = self._known.get(id(cls))
        if found is None:
            found = self._known[id(cls)] = (cls, Layout(cls))
        return found[1]


_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
