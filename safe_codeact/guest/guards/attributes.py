"""Attributes named at run time, and the few attributes that the object decides about.

Threat: `getattr(f, "__globals__")`, `object.__getattribute__(f, ...)`, `vars(library_object)`, `error.obj` (where
CPython hands back the very module or object that a library was working on).
What doesn't work: asking `isinstance(name, str)` and using the object given (a str subclass answers differently each
time), or trusting `x.__class__` (a property).
What we do: take an exact copy of the name, apply the table of the static rules, translate private names.
What still gets through: whether an attribute exists (`hasattr`), and public attributes of every object.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from safe_codeact.gate.names import FRAME_NAMES, MARKER, Stance, is_private, reading, unmark, writing
from safe_codeact.gate.rules import g201_dunder_attribute, g204_frame_attribute, g302_dynamic_attribute
from safe_codeact.guest.guards.formats import format_value
from safe_codeact.guest.guards.metaclasses import Metaclass, kind_of, shield
from safe_codeact.guest.guards.own import is_own, is_pure
from safe_codeact.guest.guards.protocols import is_answered
from safe_codeact.guest.guards.refusal import ActionRefused, refusal

_MISSING: Any = object()
_FUNCTION_KINDS = (types.FunctionType,)
_WRITABLE_KINDS = (types.SimpleNamespace,)


def exact_name(name: object, caller: str) -> str:
    """An exact `str` with the same characters. A subclass could answer one thing here and another in CPython."""
    if type(name) is not str:
        if not isinstance(name, str):
            raise TypeError(f"{caller}(): attribute name must be string, not '{type(name).__name__}'")
        name = str.__str__(name)
    if name.endswith(MARKER) and is_private(name[:-1]):
        return name[:-1]  # a metaclass saw it in a class body's dictionary
    if MARKER in name:
        raise refusal(g302_dynamic_attribute.RULE, "an attribute name contains the reserved character U+16FE4.")
    return name


def refused(name: str, verb: str = "read") -> ActionRefused:
    """The refusal that belongs to an attribute name which the tables refuse."""
    rule = g204_frame_attribute if name in FRAME_NAMES else g201_dunder_attribute
    return refusal(
        g302_dynamic_attribute.RULE, f"`.{name}` may not be {verb} ({rule.RULE.code}).", rule.HINTS.get(name, "")
    )


def guarded_getattr(obj: object, name: str, *default: Any) -> Any:
    """getattr: as CPython's, for the names that the source may spell."""
    name = exact_name(name, "getattr")
    stance = reading(name)
    if stance is Stance.OPEN:
        return getattr(obj, name, *default)
    if stance is Stance.PRIVATE:
        return getattr(obj, name + MARKER, *default)
    if stance is Stance.REFUSED:
        raise refused(name)
    try:
        return read(obj, name)
    except AttributeError:
        if default:
            return default[0]
        raise


def guarded_hasattr(obj: object, name: str, /) -> bool:
    """hasattr: tells no more than whether there is one. A library's private attributes are not there."""
    name = exact_name(name, "hasattr")
    return hasattr(obj, name + MARKER if is_private(name) else name)


def guarded_setattr(obj: object, name: str, value: Any, /) -> None:
    name = exact_name(name, "setattr")
    stance = writing(name)
    if stance is Stance.REFUSED:
        raise refused(name, "set")
    if stance is Stance.GUARDED:
        write(value, obj, name)
    else:
        setattr(obj, name + MARKER if stance is Stance.PRIVATE else name, value)


def guarded_delattr(obj: object, name: str, /) -> None:
    name = exact_name(name, "delattr")
    stance = writing(name)
    if stance in (Stance.REFUSED, Stance.GUARDED):
        raise refused(name, "deleted")
    delattr(obj, name + MARKER if stance is Stance.PRIVATE else name)


def read(obj: Any, name: str) -> Any:
    """`obj.<name>` for the names of `names.GUARDED`; compiled into the action wherever its source reads one."""
    return READERS[name](kind_of(obj) if type(obj) is Metaclass else obj, name)


def write(value: Any, obj: Any, name: str) -> None:
    """`obj.<name> = value` for the names of `names.GUARDED_WRITES`. The value comes first, as CPython evaluates it."""
    if name == "__class__":
        if not (type(value) is type(type(obj)) and is_own(value) and is_own(type(obj))):
            raise refused(name, "set")
        object.__setattr__(obj, name, value)
        return
    if name != "__dict__" or not is_pure(type(obj)):
        raise refused(name, "set")
    if type(value) is Attributes:
        value = value._real
    elif type(value) is dict:
        if any(type(key) is not str or is_private(key) for key in value):
            value = {_inward(key): item for key, item in value.items()}
    else:
        raise TypeError(f"__dict__ must be set to a dictionary, not a '{type(value).__name__}'")
    object.__setattr__(obj, "__dict__", value)


# __dict__, vars, dir


def _inward(key: Any) -> Any:
    """The stored spelling of a key that the action writes into an object's attributes."""
    if not isinstance(key, str):
        return key
    name = exact_name(key, "__dict__")
    stance = writing(name)
    if stance in (Stance.REFUSED, Stance.GUARDED) and name.startswith("__"):
        raise refused(name, "set")
    return name + MARKER if stance is Stance.PRIVATE else name


def visible(key: Any) -> bool:
    """Whether a stored attribute is one that the action may see."""
    if type(key) is not str:
        return not isinstance(key, str)
    if MARKER in key:
        return key.endswith(MARKER)
    if not key.startswith("_"):
        return True
    return reading(key) in (Stance.OPEN, Stance.GUARDED)


class Attributes(dict):  # type: ignore[type-arg]
    """An object's `__dict__` with the names as the action spells them: live, and written through.

    Itself a dict with the same content as when it was made, because C code (`json`, `{**d}`) may look there.
    """

    __slots__ = ("_real",)

    def __init__(self, real: dict[Any, Any]) -> None:
        super().__init__((unmark(key), value) for key, value in real.items() if visible(key))
        self._real = real

    def _stored(self, key: Any) -> Any:
        return key + MARKER if type(key) is str and is_private(key) else key

    def __getitem__(self, key: Any) -> Any:
        stored = self._stored(key)
        if not visible(stored):
            raise KeyError(key)
        try:
            return self._real[stored]
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        self._real[_inward(key)] = value

    def __delitem__(self, key: Any) -> None:
        del self._real[_inward(key)]

    def __contains__(self, key: Any) -> bool:
        stored = self._stored(key)
        return visible(stored) and stored in self._real

    def __iter__(self) -> Any:
        return (unmark(key) for key in self._real if visible(key))

    def __reversed__(self) -> Any:
        return reversed(list(self))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def copy(self) -> dict[Any, Any]:
        return {unmark(key): value for key, value in self._real.items() if visible(key)}

    def __repr__(self) -> str:
        return repr(self.copy())

    def __eq__(self, other: object) -> bool:
        return self.copy() == (other.copy() if type(other) is Attributes else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def keys(self) -> Any:
        return self.copy().keys()

    def values(self) -> Any:
        return self.copy().values()

    def items(self) -> Any:
        return self.copy().items()

    def get(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        if key not in self and default:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> Any:
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        key = list(self)[-1]
        return key, self.pop(key)

    def clear(self) -> None:
        for key in list(self):
            del self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __reduce__(self) -> Any:
        return dict, (self.copy(),)


def attributes_of(obj: Any) -> Any:
    """`obj.__dict__` as the action may see it. Raises AttributeError where the object has none."""
    kind = type(obj)
    if isinstance(obj, type):
        if not is_own(obj):
            raise refused("__dict__")
        content = type.__dict__["__dict__"].__get__(obj)
        shown = {unmark(key): value for key, value in content.items() if visible(key)}
        if "__dataclass_fields__" in shown:
            shown["__dataclass_fields__"] = _read_fields(obj, "__dataclass_fields__")
        return types.MappingProxyType(shown)
    if isinstance(obj, types.ModuleType) or kind is super:
        raise refused("__dict__")
    try:
        real = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        raise AttributeError(f"'{kind.__name__}' object has no attribute '__dict__'") from None
    if type(real) is not dict:
        raise refused("__dict__")
    if is_own(kind) or kind in _FUNCTION_KINDS or kind in _WRITABLE_KINDS:
        return Attributes(real)
    return types.MappingProxyType({key: value for key, value in real.items() if visible(key)})


def is_spelled(name: str) -> bool:
    """Whether the action's source can spell this name: it is without the marker, or a renamed one."""
    return MARKER not in name[:-1]


def names_of(obj: Any) -> list[str]:
    """`dir(obj)` with the names as the action spells them."""
    return sorted({unmark(name) for name in dir(obj) if is_spelled(name) and is_answered(obj, name)})


# Guarded reads


def _read_dict(obj: Any, name: str) -> Any:
    return attributes_of(obj)


def _read_error_object(obj: Any, name: str) -> Any:
    # CPython fills `AttributeError.obj` with the object that a library was looking at, a raw module for one.
    kind = obj if isinstance(obj, type) else type(obj)
    if issubclass(kind, AttributeError) or kind is super:
        message = "an AttributeError's `.obj` may not be read."
        raise refusal(g302_dynamic_attribute.RULE, message, "Use `.name` or str(error).")
    return obj.obj


def _read_declaration(obj: Any, name: str) -> Any:
    value = getattr(obj, name)
    if isinstance(value, str):
        return unmark(value)
    if type(value) in (tuple, list, set, frozenset):
        return type(value)(unmark(item) if isinstance(item, str) else item for item in value)
    if type(value) is dict:
        return {unmark(key): item for key, item in value.items()}
    return value


def _read_fields(obj: Any, name: str) -> Any:
    # What `dataclasses` believes about its classes: which attributes of an instance are copied out, by name.
    return types.MappingProxyType(getattr(obj, name))


def _read_hook(obj: Any, name: str) -> Callable[..., Any]:
    """`object.__setattr__`, `super().__getattribute__` ...: the same method, its name judged and translated."""
    method = getattr(obj, name)
    place = -2 if name == "__setattr__" else -1
    decide = reading if name in ("__getattribute__", "__getattr__") else writing

    def judged(*args: Any) -> Any:
        if len(args) < -place:
            return method(*args)
        asked = exact_name(args[place], name)
        stance = decide(asked)
        if stance is Stance.REFUSED or (stance is Stance.GUARDED and decide is writing):
            raise refused(asked, "read" if decide is reading else "set")
        if stance is Stance.GUARDED:
            target = args[0] if len(args) == 2 else method.__self__
            if asked in _VALUE_DECIDES:
                return shield(method(*args))
            if asked in _ORDINARY and not issubclass(type(target), (str, type, AttributeError)):
                return method(*args)
            return read(target, asked)
        translated = list(args)
        translated[place] = asked + MARKER if stance is Stance.PRIVATE else asked
        return method(*translated)

    judged.__name__ = judged.__qualname__ = name
    return judged


def _read_dir(obj: Any, name: str) -> Callable[..., list[str]]:
    method = obj.__dir__

    def listed(*args: Any) -> list[str]:
        return sorted({unmark(item) for item in method(*args) if is_spelled(item) and is_answered(obj, item)})

    return listed


def _read_class(obj: Any, name: str) -> Any:
    return shield(getattr(obj, name))


def _read_format(obj: Any, name: str) -> Any:
    return format_value(obj, name)


_VALUE_DECIDES = frozenset(
    {"__class__", "__origin__"}
)  # the guard looks at what was read, not at what it was read from
_ORDINARY = frozenset({"format", "format_map", "obj"})  # guarded on strings and on errors only

READERS: dict[str, Callable[[Any, str], Any]] = {
    "__dict__": _read_dict,
    "__class__": _read_class,
    "__origin__": _read_class,
    "__dataclass_fields__": _read_fields,
    "__slots__": _read_declaration,
    "__match_args__": _read_declaration,
    "__getattribute__": _read_hook,
    "__getattr__": _read_hook,
    "__setattr__": _read_hook,
    "__delattr__": _read_hook,
    "__dir__": _read_dir,
    "format": _read_format,
    "format_map": _read_format,
    "obj": _read_error_object,
}
