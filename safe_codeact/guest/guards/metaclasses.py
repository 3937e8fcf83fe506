"""`type` and the libraries' metaclasses as values: called with three arguments they make a class of a dictionary.

Threat: `t = type; t("M", (), {"__match_args__": ("__globals__",)})`, `type(C)(...)`, `C.__class__(...)`,
`type[int](...)`: C code believes what such a class says of itself, and no source rule sees the dictionary.
What doesn't work: another object in place of the builtin `type` everywhere, because `type(x) is type` would be false.
What we do: compiled code compares, and reads attributes of, the real one; wherever it could go on to be called, a
stand-in takes its place that equals it, is shown like it, and judges the dictionary. An action's own metaclasses stand
for themselves: they got a judging `__new__` when they were made.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any

from safe_codeact.guest.guards.own import is_own


def shield(value: Any) -> Any:
    """The value; for a library's metaclass (`type` among them), what stands in for it."""
    if isinstance(value, type):
        if issubclass(value, type) and not is_own(value):
            return Metaclass(value)
        if value is _STAND_IN:  # `type(t)` of a stand-in
            return Metaclass(type)
    return value


class Metaclass:
    """Stands in for one metaclass. `make(kind, args, keywords)` is set by `guards.classes`."""

    __slots__ = ("_kind",)
    make: Callable[[type, tuple[Any, ...], dict[str, Any]], Any]

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if self._kind is type and len(args) == 1 and not keywords:
            return shield(type(args[0]))
        return Metaclass.make(self._kind, args, keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    @property  # type: ignore[misc]  # so that isinstance(t, type) is true
    def __class__(self) -> Any:
        return type(self._kind)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self._kind)

    def __subclasscheck__(self, value: type) -> bool:
        return issubclass(value._kind if type(value) is Metaclass else value, self._kind)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self._kind,)

    def __eq__(self, other: object) -> bool:
        return self._kind is (other._kind if type(other) is Metaclass else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._kind)

    def __repr__(self) -> str:
        return repr(self._kind)

    def __getitem__(self, parameters: Any) -> Any:
        return types.GenericAlias(self, parameters)  # type: ignore[arg-type]

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other]  # noqa: UP007  # `|` is what this implements

    def __ror__(self, other: Any) -> Any:
        return typing.Union[other, self]  # noqa: UP007  # as above

    def __reduce__(self) -> Any:
        return shield, (self._kind,)


# `type[int]` is shown by its origin's module, which an instance would otherwise take from this class.
type.__setattr__(Metaclass, "__module__", property(lambda self: self._kind.__module__))
_STAND_IN: Any = Metaclass
