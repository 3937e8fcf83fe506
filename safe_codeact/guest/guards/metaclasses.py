"""`type` and the libraries' metaclasses as values: called with three arguments they make a class of a dictionary.

Threat: `t = type; t("M", (), {"__match_args__": ("__globals__",)})`, `type(C)(...)`, `C.__class__(...)`,
`type[int](...)`: C code believes what such a class says of itself, and no source rule sees the dictionary.
What doesn't work: handing the real one out where it is "only compared": `type == x` calls `x.__eq__`, `isinstance` may
be the action's own function, and whoever forges a guard in the globals of an `exec` gets the guard's arguments.
What we do: the builtin `type`, and every metaclass of a library, is a stand-in wherever the action could hold it: one
object for each, which equals the real one, is shown like it, and judges the dictionary. An action's own metaclasses stand
for themselves: they got a judging `__new__` when they were made.
What still gets through: a metaclass inside of what a library returns; the known ones (`typing.get_origin`) are replaced.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable
from typing import Any, NoReturn

from safe_codeact.guest.guards.own import is_own

_OWN = ("__reduce__", "__reduce_ex__", "__mro_entries__")  # what C code asks the stand-in itself for


def shield(value: Any) -> Any:
    """The value; for a library's metaclass (`type` among them), what stands in for it."""
    if isinstance(value, type):
        if issubclass(value, type) and not is_own(value):
            return _stand_in(value)
        if value is Metaclass:
            return _stand_in(type)
    return value


def type_of(callee: Any, obj: Any, /) -> Any:
    """`type(obj)`, compiled in for every such call; `callee` is what the name `type` is bound to there."""
    if callee is not TYPE:
        return callee(obj)
    kind = type(obj)
    if issubclass(kind, type):  # obj is a class
        return shield(kind)
    return kind if kind is not Metaclass else shield(type(kind_of(obj)))


class Metaclass:
    """Stands in for one metaclass. `make(kind, args, keywords)` is set by `guards.classes`.

    Attributes are the real one's (`type.__init__`); what C code looks up on the class of an object is written out here.
    """

    __slots__ = ("_kind",)
    make: Callable[[type, tuple[Any, ...], dict[str, Any]], Any]

    def __init__(self, kind: type) -> None:
        _KIND.__set__(self, kind)

    def __getattribute__(self, name: str) -> Any:
        kind = kind_of(self)
        if name == "__class__":  # so that isinstance(t, type) is true
            return type(kind)
        return object.__getattribute__(self, name) if name in _OWN else getattr(kind, name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        kind = kind_of(self)
        if kind is type and len(args) == 1 and not keywords:
            return type_of(self, args[0])
        return Metaclass.make(kind, args, keywords)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, kind_of(self))

    def __subclasscheck__(self, value: type) -> bool:
        return issubclass(kind_of(value) if type(value) is Metaclass else value, kind_of(self))

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (kind_of(self),)

    def __eq__(self, other: object) -> bool:
        return kind_of(self) is (kind_of(other) if type(other) is Metaclass else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(kind_of(self))

    def __repr__(self) -> str:
        return repr(kind_of(self))

    def __getitem__(self, parameters: Any) -> Any:
        return types.GenericAlias(self, parameters)  # type: ignore[arg-type]

    def __iter__(self) -> NoReturn:  # else CPython would iterate by `__getitem__`, without an end
        raise TypeError(f"'{type(kind_of(self)).__name__}' object is not iterable")

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(f"argument of type '{type(kind_of(self)).__name__}' is not iterable")

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other]  # noqa: UP007  # `|` is what this implements

    def __ror__(self, other: Any) -> Any:
        return typing.Union[other, self]  # noqa: UP007  # as above

    def __reduce__(self) -> Any:
        return shield, (kind_of(self),)


type.__setattr__(Metaclass, "__name__", "type")  # what CPython's own messages call it
_KIND: Any = Metaclass.__dict__["_kind"]
kind_of: Callable[[Any], Any] = _KIND.__get__  # the real metaclass behind a stand-in
_stand_in: Callable[[Any], Metaclass] = functools.cache(Metaclass)
TYPE = _stand_in(type)
