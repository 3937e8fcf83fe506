"""What an action must not hold: looked at in the process of the action, after it, without asking what it made.

Nothing here compares by `==`, calls a method or reads an attribute of an object of the action: its classes could answer.
"""

from __future__ import annotations

import builtins
import io
import types
from collections.abc import Callable, Iterable
from typing import Any, Final

CANARY: Final = "canary-" + "7f3a91"  # put together: no source holds it, and no program prints it by quoting itself

_KINDS: Final = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.TracebackType,
    types.GetSetDescriptorType,
)
_DANGEROUS: Final = tuple(
    getattr(builtins, name)
    for name in ("open", "eval", "exec", "compile", "getattr", "setattr", "delattr", "vars", "globals", "locals",
                 "__import__", "breakpoint", "input", "__build_class__")
)  # fmt: skip
# Classes that no module hands to an action, and that every way to "all classes" comes by.
_TELLTALES: Final = (type(builtins.__spec__), builtins.__loader__, io.FileIO, types.FrameType, types.CodeType)
_NAMES: Final = ("_SECRET", "__builtins__", "__loader__")
_COMPUTED: Final = frozenset(
    {type(None), bool, int, float, complex, str, bytes, list, tuple, set, dict, range, slice, enumerate, reversed, zip,
     types.FunctionType, type({}.keys()), type({}.values()), type({}.items()), type(reversed([])), type(reversed({})),
     type(reversed(range(1))), type(...)}
)  # fmt: skip
_MANY = 400  # of the classes of an interpreter, or of the keys of a dict: more need not be looked at

# The vault: a library of the application's, with a secret in what is private of it.
VAULT: Final = f"""
_SECRET = {CANARY!r}
import os as _os
class Box:
    def __init__(self, label="box"):
        self.label = label
        self._hidden = _SECRET
        self._os = _os
    def fail(self):
        return _os.nothing_of_that_name
    def later(self):
        yield 1
    def _internal(self):
        return _SECRET
    def greet(self):
        return "hello " + self._name()
    def _name(self):
        return self.label
    @property
    def size(self):
        return 3
def work(x=1, _os=_os):
    return x
async def job():
    return 1
def wrapped():
    return 1
def traced(function):
    import functools
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner
wrapped = traced(wrapped)
def call(function, *args):
    return function(*args)
def apply(function, value, depth=1):
    return function(value)
class Swallow:
    def __enter__(self):
        return self
    def __exit__(self, kind, error, trace):
        self.error = error
        return True
"""


def loot_in(value: object, is_ours: Callable[[object], bool], depth: int = 3) -> str:
    """What of `value` an action must not hold, in a word, or "". `is_ours`: a stand-in that only looks like a module."""
    kind = type(value)
    if kind in (str, bytes):
        text = value if type(value) is str else bytes.decode(value, "latin-1")  # type: ignore[arg-type]
        return "the secret" if CANARY in text else ""
    if is_ours(value):
        return ""
    if kind is types.GetSetDescriptorType and _is_own(value):
        return ""
    if kind in _KINDS or value is type:
        return f"a {kind.__name__}" if value is not type else "the real `type`"
    for function in _DANGEROUS:
        if value is function:
            return f"the real {function!r}"
    if kind is types.MappingProxyType:
        return loot_in(dict(value), is_ours, depth)  # type: ignore[call-overload]
    if issubclass(kind, dict):
        return _in_dict(value, is_ours, depth)  # type: ignore[arg-type]
    if kind in (list, tuple, set, frozenset):
        return _in_items(list(value), is_ours, depth)  # type: ignore[call-overload]
    if issubclass(kind, type):
        return _in_class(value)  # type: ignore[arg-type]
    return ""


def stray_in(value: Any, depth: int = 4) -> str:
    """What of `value` a formula cannot have computed, in a word, or "": it has numbers, texts, containers and functions."""
    kind = type(value)
    if kind is types.BuiltinFunctionType:
        owner = value.__self__
        return "" if type(owner) is types.ModuleType else f"a method of a {type(owner).__name__}"
    if kind is type:
        return "" if vars(builtins).get(value.__name__) is value else f"the class {value.__name__}"
    if kind not in _COMPUTED and kind.__name__ != "Function":
        return f"an object of the class {kind.__name__}"
    if depth and kind in (list, tuple, set, dict):
        items = [*value, *value.values()] if type(value) is dict else [*value]
        return next(filter(None, (stray_in(item, depth - 1) for item in items[:_MANY])), "")
    return ""


def _in_dict(value: dict[Any, Any], is_ours: Callable[[object], bool], depth: int) -> str:
    keys = [key for key in list(dict.keys(value))[:_MANY] if type(key) is str]
    for name in _NAMES:
        if name in keys:
            return f"a dict with {name}"
    return _first(list(dict.values(value)), is_ours, depth)


def _in_items(items: list[object], is_ours: Callable[[object], bool], depth: int) -> str:
    if any(item is object for item in items):
        return "a list of classes with `object`"
    if any(item is telltale for item in items for telltale in _TELLTALES):
        return "the interpreter's classes"
    return _first(items, is_ours, depth)


def _first(items: Iterable[object], is_ours: Callable[[object], bool], depth: int) -> str:
    if depth == 0:
        return ""
    for item in list(items)[:_MANY]:
        found = loot_in(item, is_ours, depth - 1)
        if found:
            return found
    return ""


def _is_own(value: Any) -> bool:
    """What reads a public attribute (`array.itemsize`), or `__dict__` and `__weakref__` of a class that the action made."""
    if not value.__name__.startswith(("_", "gi_", "cr_", "ag_", "tb_", "f_", "co_")):
        return True
    owner = value.__objclass__
    return bool(type.__getattribute__(owner, "__dict__").get("__module__") == "__main__")


def _in_class(value: type) -> str:
    own = type.__getattribute__(value, "__dict__")
    if "__array_interface__" in own:
        return "a class that says where its memory is"
    module = own.get("__module__")
    return "a class with `__reduce__`" if "__reduce__" in own and module == "__main__" else ""
