"""Instances: of classes that the session defined, read beneath them; of library classes, through the class's reduction.

In one long-lived interpreter no object is rebuilt, so `__reduce__`, `__getstate__`, `__new__` and `__init__` of guest
classes never run; here they don't either, wherever the object can be read without them.
"""

from __future__ import annotations

import collections
import enum
import types
import warnings
from collections.abc import Callable
from typing import Any

from safe_codeact.guest.namespace.raw import HEAP_TYPE, class_label, derives, type_dict, type_flags, type_mro
from safe_codeact.guest.namespace.rebuild import Rebuilder

DEFAULT_REASON = "make it again where it is needed"
REASONS: dict[str, str] = {
    "builtins.generator": "a running generator cannot be saved; keep list(...) of it, or make it again",
    "builtins.coroutine": "a coroutine cannot be saved; await it in the action that makes it",
    "builtins.async_generator": "a running generator cannot be saved; make it again",
    "builtins.memoryview": "keep bytes(...) of it",
    "builtins.dict_keys": "keep list(...) of it",
    "builtins.dict_values": "keep list(...) of it",
    "builtins.dict_items": "keep list(...) of it",
    "builtins.frame": "a frame belongs to the action that it ran in",
    "builtins.traceback": "a traceback belongs to the action that it came from",
    "_io.TextIOWrapper": "open it again",
    "_io.BufferedReader": "open it again",
    "_io.BufferedWriter": "open it again",
    "_io.FileIO": "open it again",
    "_csv.reader": "open the file and read it again",
    "_csv.writer": "open the file and write it again",
    "sqlite3.Connection": "open it again",
    "sqlite3.Cursor": "open it again",
    "re.Match": "keep its groups",
    "_thread.lock": "an action runs alone and needs no lock",
    "_thread.RLock": "an action runs alone and needs no lock",
}

_ATOMS = frozenset({type(None), bool, int, float, str, bytes})
_HOOKS = frozenset({"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__"}) | frozenset(
    {"__getnewargs_ex__", "__class__", "__dict__"}
)


def _no_arguments(_: Any) -> tuple[Any, ...]:
    return ()


# For each C base whose memory we can read: the arguments of its `__new__`, and its content, filled in later.
_NATIVE: dict[type, tuple[Callable[[Any], tuple[Any, ...]], Callable[[Any], Any] | None]] = {
    object: (_no_arguments, None),
    int: (lambda obj: (int.__int__(obj),), None),
    float: (lambda obj: (float.__float__(obj),), None),
    complex: (lambda obj: (complex.__complex__(obj),), None),
    str: (lambda obj: (str.__str__(obj),), None),
    bytes: (lambda obj: (bytes.__getitem__(obj, slice(None)),), None),
    bytearray: (lambda obj: (bytes(bytearray.__getitem__(obj, slice(None))),), None),
    tuple: (lambda obj: (tuple.__getitem__(obj, slice(None)),), None),
    frozenset: (lambda obj: (list(frozenset.__iter__(obj)),), None),
    list: (_no_arguments, lambda obj: list.__getitem__(obj, slice(None))),
    set: (_no_arguments, lambda obj: list(set.__iter__(obj))),
    dict: (_no_arguments, lambda obj: dict(dict.items(obj))),
    collections.OrderedDict: (_no_arguments, lambda obj: list(collections.OrderedDict.items(obj))),
    collections.defaultdict: (_no_arguments, lambda obj: dict(dict.items(obj))),
    collections.deque: (
        lambda obj: ([], type_dict(collections.deque)["maxlen"].__get__(obj)),
        lambda obj: list(collections.deque.__iter__(obj)),
    ),
}
_NATIVE_BY_ID = frozenset(id(native) for native in _NATIVE)
# Attributes of exceptions that live in C fields, beside `args` (which `__new__` takes) and `__dict__`.
_EXCEPTION_FIELDS = (
    *("__cause__", "__context__", "__suppress_context__", "args", "value", "code", "msg", "filename", "filename2"),
    *("lineno", "offset", "text", "print_file_and_line", "errno", "strerror", "name", "path", "obj"),
    *("encoding", "object", "start", "end", "reason"),
)


def guest_reducer(pickler: Any, cls: type) -> Callable[[Any], Any]:
    """The reduction of all instances of one class that the session defined."""
    if derives(type(cls), enum.EnumMeta):
        return lambda obj: _reduce_member(cls, obj)
    native = _native_base(cls)
    if derives(native, BaseException):
        return lambda obj: _reduce_exception(pickler, obj)
    if id(native) not in _NATIVE_BY_ID or _has_library_reduction(pickler, cls):
        refusal = f"{class_label(cls)} objects can't be kept: {DEFAULT_REASON}"
        return lambda obj: reduce_library(pickler, obj, refusal)
    arguments, content = _NATIVE[native]
    if content is None:
        return lambda obj: _reduced(pickler, native, obj, arguments(obj), None, {})
    return lambda obj: _reduced(pickler, native, obj, arguments(obj), content(obj), {})


def reduce_counter(pickler: Any, obj: Any) -> Any:
    """As a dict of the session's: its own reduction has no end where a counter is among what it counts."""
    return pickler.named(obj) or _reduced(pickler, dict, obj, (), dict(dict.items(obj)), {})


def _reduced(
    pickler: Any, native: type, obj: Any, arguments: tuple[Any, ...], content: Any, fields: dict[str, Any]
) -> Any:
    cls = type(obj)
    layout = pickler.layouts.of(obj)
    early: dict[str, Any] = {}
    late: dict[str, Any] = {}
    for name, value in (layout.attributes(obj) or early).items():
        if type(name) is not str:  # a subclass's `__hash__` could lie about what it names
            raise TypeError(f"{class_label(cls)} objects can't be kept: their attributes need names of type str")
        if type(value) in _ATOMS:
            early[name] = value
        else:
            late[name] = value
    slots = layout.slot_values(obj) if layout.slots else {}
    if native is collections.defaultdict:
        slots["default_factory"] = type_dict(native)["default_factory"].__get__(obj)
    make = (cls, native, arguments, early)
    if not late and not slots and content is None and not fields:
        return Rebuilder.instance, make
    state = (late, slots, content, fields)
    if pickler.defer(obj, state):
        return Rebuilder.instance, make
    return Rebuilder.instance, make, state, None, None, Rebuilder.fill_instance


def _native_base(cls: type) -> Any:
    """The class whose C `__new__` lays out the object's memory."""
    for base in type_mro(cls):
        if id(base) in _NATIVE_BY_ID or type(type_dict(base).get("__new__")) is types.BuiltinFunctionType:
            return base
    return object


def _has_library_reduction(pickler: Any, cls: type) -> bool:
    """A library class written in Python that knows better how its objects are taken apart (DataFrame, Random)."""
    for base in type_mro(cls):
        if type_flags(base) & HEAP_TYPE and not pickler.is_guest_class(base):
            contents = type_dict(base)
            if base.__module__ not in ("collections", "typing", "enum") and not _HOOKS.isdisjoint(contents):
                return True
    return False


def _reduce_member(cls: Any, obj: Any) -> Any:
    name = obj._name_
    if type(name) is str and cls._member_map_.get(name) is obj:
        return Rebuilder.enum_member, (cls, name)
    return Rebuilder.flag, (cls, obj._value_)


def _reduce_exception(pickler: Any, obj: BaseException) -> Any:
    """Never through `__init__`, which may want other arguments than it left in `args`."""
    cls = type(obj)
    fields: dict[str, Any] = {}
    for name in _EXCEPTION_FIELDS:
        for base in type_mro(cls):
            descriptor = type_dict(base).get(name)
            if type(descriptor) in (types.MemberDescriptorType, types.GetSetDescriptorType):
                if not type_flags(base) & HEAP_TYPE:
                    value = descriptor.__get__(obj)
                    if value is not None and value is not False:
                        fields[name] = value
                break
    arguments: tuple[Any, ...] = ()
    if derives(cls, BaseExceptionGroup):  # takes nothing else than its message and exceptions
        arguments = fields.pop("args")
    return _reduced(pickler, _native_base(cls), obj, arguments, None, fields)


def reduce_quietly(pickler: Any, obj: Any, refusal: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return reduce_library(pickler, obj, refusal)


def reduce_library(pickler: Any, obj: Any, refusal: str) -> Any:
    """The class's own reduction, with its state set by our step instead of BUILD."""
    cls = type(obj)
    if derives(cls, BaseException):
        return _reduce_exception(pickler, obj)
    attributes = pickler.layouts.of(obj).attributes(obj)
    if attributes and any(type(name) is not str or name in _HOOKS for name in attributes):
        raise TypeError(f"{refusal} (it carries its own way of being saved)")
    reducer: Any = cls.__reduce_ex__
    try:
        reduction = reducer(obj, 5)
    except (TypeError, NotImplementedError) as problem:
        raise TypeError(f"{refusal} ({problem})"[:300]) from None
    if type(reduction) is not tuple or not 2 <= len(reduction) <= 6:
        raise TypeError(refusal)
    parts: list[Any] = [*reduction, None, None, None, None]
    make, arguments, state, items, pairs, setter = parts[:6]
    if setter is not None or type(arguments) is not tuple:
        raise TypeError(refusal)
    return make, arguments, state, items, pairs, None if state is None else Rebuilder.fill_library
