"""`dataclass(frozen=True, slots=True)`, whose classes are made in a tenth of the time.

The standard library writes six functions per class as text and compiles each: 0.6 ms. Host and zygote define eighty such
classes each before the first action, a third of what they load. Here the fields are still collected by `dataclasses` (so
`fields`, `replace`, `asdict`, `match` and pickling are what they always are), and the functions are closures over them.

What differs: parameters are arranged at the call, so `inspect.signature` works, and `typing.get_type_hints` of `__init__` does
not; `__dataclass_params__` says that nothing was generated; and a subclass cannot add attributes that may be set.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
import reprlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> Callable[[type], type]:
        """As `dataclasses.dataclass`. Raises `TypeError` for what is not frozen with slots: there the original serves."""
        if not (frozen and slots):
            raise TypeError(f"frozen={frozen}, slots={slots} must both be True: or use `dataclasses.dataclass`")
        return lambda cls: _made(cls, kw_only)


__all__ = ["dataclass"]


def _made(cls: type, kw_only: bool) -> type:
    if cls.__doc__ is None:  # or `dataclasses` asks for the signature, to write it there
        cls.__doc__ = f"{cls.__name__}({', '.join(cls.__annotations__)})"
    make = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
    cls = make(cls)
    fields = dataclasses.fields(cls)
    # The same object is equal to itself in a tuple, also where it says otherwise (NaN).
    content = _tuple_of(operator.attrgetter, [field.name for field in fields if field.compare])
    methods = {
        "__init__": _make_init(cls, fields),
        "__eq__": _make_eq(content),
        "__hash__": _make_hash(content),
        "__repr__": _repr,
        "__setattr__": _refuse_setting,
        "__delattr__": _refuse_deleting,
        "__getstate__": _state,
        "__setstate__": _restore,
        "__signature__": _Signature(),
    }
    own = vars(cls)
    for name, method in methods.items():
        if name not in own or (name == "__hash__" and own[name] is None):
            setattr(cls, name, method)
    return cls


def _make_init(cls: type, fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    arrange, taken = _make_arrangement(cls, fields)
    setters = tuple(getattr(cls, field.name).__set__ for field in taken)  # past `__setattr__`, which refuses
    in_order = -1 if any(field.kw_only for field in taken) else len(taken)
    every = {field.name for field in taken}
    pick = _tuple_of(operator.itemgetter, [field.name for field in taken])
    after = getattr(cls, "__post_init__", None)

    def __init__(self: Any, /, *given: Any, **named: Any) -> None:
        if named or len(given) != in_order:
            given = pick(named) if named.keys() == every and not given else arrange(given, named)
        for put, value in zip(setters, given, strict=True):
            put(self, value)
        if after is not None:
            after(self)

    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


def _make_arrangement(
    cls: type, fields: Sequence[dataclasses.Field[Any]]
) -> tuple[Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...]], list[dataclasses.Field[Any]]]:
    """The values of a call, as Python would bind them; and the fields that they are for, in order."""
    missing = dataclasses.MISSING
    taken = sorted((field for field in fields if field.init), key=lambda field: bool(field.kw_only))
    for field in fields:
        if not field.init and (field.default is not missing or field.default_factory is not missing):
            raise TypeError(f"{cls.__name__}.{field.name}: a default is for a parameter; set it in __post_init__")
    most = sum(not field.kw_only for field in taken)
    names = tuple(field.name for field in taken)
    defaults = {field.name: field.default for field in taken if field.default is not missing}
    factories = {field.name: field.default_factory for field in taken if field.default_factory is not missing}

    def arrange(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        if len(given) > most:
            raise TypeError(f"{cls.__name__}() takes {most} positional arguments but {len(given)} were given")
        values = [*given]
        for name in names[len(given) :]:
            if name in named:
                values.append(named.pop(name))
            elif name in defaults:
                values.append(defaults[name])
            elif name in factories:
                values.append(factories[name]())
            else:
                raise TypeError(f"{cls.__name__}() missing a required argument: {name!r}")
        for name in named:
            wrong = "multiple values for argument" if name in names else "an unexpected keyword argument"
            raise TypeError(f"{cls.__name__}() got {wrong} {name!r}")
        return tuple(values)

    return arrange, taken


def _tuple_of(getter: Callable[..., Callable[[Any], Any]], names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What `getter` gets by these names, always as a tuple."""
    if not names:
        return lambda _source: ()
    get = getter(*names)
    return get if len(names) > 1 else lambda source: (get(source),)


def _make_eq(content: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:
        return content(self) == content(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _make_hash(content: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    return lambda self: hash(content(self))


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_setting(_self: Any, name: str, _value: object) -> Never:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_self: Any, name: str) -> Never:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


class _Signature:
    """Worked out when it is asked for: `inspect` looks at the class first."""

    def __get__(self, _instance: object, cls: type) -> inspect.Signature:
        _arrange, taken = _make_arrangement(cls, dataclasses.fields(cls))
        return inspect.Signature([_parameter(field) for field in taken], return_annotation=None)


def _parameter(field: dataclasses.Field[Any]) -> inspect.Parameter:
    default: Any = inspect.Parameter.empty
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = _Factory()
    kind = inspect.Parameter.KEYWORD_ONLY if field.kw_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(field.name, kind, default=default, annotation=field.type)
