"""Class creation: what a class body, a metaclass or `type(name, bases, dict)` may put into a class.

Threat: C code believes some names of a class: `__match_args__` (which attributes a pattern reads, of any object that
the metaclass claims), `__array_interface__` (where memory is), `__getattr__` (answers for both). And a subclass of a
library's class that defines the library's private hook would be called, or, renamed, silently not be.
What we do: the source rules judge what a body spells; here we judge what arrives as a dictionary, and refuse a private
name that a library's base class has too, unless the library documents it as a subclass's to define (`extension`).
What still gets through: a class that a library makes of a dictionary it is given.
"""

from __future__ import annotations

import builtins
import functools
import types
import typing
from collections.abc import Callable
from typing import Any

from safe_codeact.gate.guard_calls import HOOK
from safe_codeact.gate.names import (
    BELIEVED,
    DEFINABLE,
    MARKER,
    OWN,
    Stance,
    is_dunder,
    is_private,
    reading,
    unmark,
)
from safe_codeact.gate.rules import g205_class_definition
from safe_codeact.gate.rules.g205_class_definition import HOOKS
from safe_codeact.guest.guards.attributes import READERS, exact_name, refused
from safe_codeact.guest.guards.extension import extend, is_documented
from safe_codeact.guest.guards.metaclasses import Metaclass, kind_of, shield
from safe_codeact.guest.guards.own import HOME, claim, content, is_own
from safe_codeact.guest.guards.refusal import refusal
from safe_codeact.guest.guards.views import action_module

_real_build_class = builtins.__build_class__


def build_class(body: Callable[..., Any], name: str, /, *bases: Any, **keywords: Any) -> Any:
    """What a class statement calls. The class is CPython's; then it is checked and claimed."""
    meta = keywords.get("metaclass")
    if type(meta) is Metaclass:
        keywords["metaclass"] = kind_of(meta)
    elif meta is not None and any(type(base) is Metaclass for base in bases):
        # It would be called with the real metaclass among its arguments.
        raise refusal(g205_class_definition.RULE, f"`{name}` is a metaclass and may not have one of the action's own.")
    return settled(_real_build_class(body, name, *bases, **keywords))


def settled(made: Any) -> Any:
    """A class just made for the action, checked and claimed; anything else (a metaclass may return it) as it is."""
    if isinstance(made, type) and not is_own(made):
        _settle(made)
    return made


def _settle(made: type) -> None:
    above = [kind for kind in type.mro(made) if kind is made or is_own(kind)]
    if issubclass(made, type) and not any("__new__" in content(kind) for kind in above):
        type.__setattr__(made, "__new__", staticmethod(metaclass_new))
    extended = False
    for key, value in list(content(made).items()):
        if type(key) is not str:  # it would say of itself which name it equals
            raise TypeError(f"{made.__name__} has an attribute whose name is a {type(key).__name__}, not a str")
        if key in BELIEVED or (key in HOOKS and not _is_plain_hook(key, value)):
            raise refusal(g205_class_definition.RULE, f"a class may not define `{key}` in this way.")
        if key == "__match_args__":
            match_args(value)
        if type(key) is str and key.endswith(MARKER):
            plain = unmark(key)
            if is_documented(made, plain, value):
                type.__setattr__(made, plain, value)
                extended = True
                continue
            for base in type.mro(made)[1:]:
                if plain in content(base) and not is_own(base):
                    raise TypeError(
                        f"{made.__name__} defines `{plain}`, which is private to the library class {base.__name__}: it "
                        f"would not be called. Use another name, or the public methods of {base.__name__}."
                    )
    claim(made)
    trim_match_args(made)
    if extended:
        extend(made)


def judged_namespace(namespace: Any) -> Any:
    """The dictionary of a class that is made from one: names translated, and refused as in a class body."""
    if type(namespace) is not dict:
        if not isinstance(namespace, dict):
            return namespace  # CPython's TypeError follows
        for key, value in dict.items(namespace):
            if _judge_entry(key, value) == OWN:
                raise refusal(g205_class_definition.RULE, "a class may not be given another class's dictionary.")
        return namespace
    judged = {}
    for key, value in namespace.items():
        name = _judge_entry(key, value)
        if name == OWN:
            continue  # who says so has yet to be settled
        if name == "__slots__":
            value = slots(value)
        elif name == "__match_args__":
            value = match_args(value)
        judged[name] = value
    if "__module__" not in judged:  # CPython names the module of whoever calls `type`
        judged["__module__"] = action_module()
    return judged


def _is_plain_hook(key: str, value: Any) -> bool:
    """Whether it was compiled from a `def` of this name in a class body, with the call of its guard in it.

    And whether it will find that guard: the globals of a text given to `exec` are a dictionary in the action's hands.
    """
    function = value.__func__ if type(value) is classmethod else value
    if not isinstance(function, types.FunctionType):
        return False
    if function.__globals__ is vars(typing):  # what `typing.Protocol` gives each of its classes
        return function.__code__.co_name == "_proto_hook"
    return HOOK + key in function.__code__.co_names and HOME.is_of(function)


def _judge_entry(key: Any, value: Any) -> Any:
    if not isinstance(key, str):
        return key
    name = str.__str__(key)
    if name.endswith(MARKER) or name == OWN:
        return name  # from a class body, on its way through a metaclass
    if is_dunder(name) and (name not in DEFINABLE or (name in HOOKS and not _is_plain_hook(name, value))):
        raise refusal(g205_class_definition.RULE, f"a class may not be given `{name}` from a dictionary.")
    return name + MARKER if is_private(name) else name


def _read_new(obj: Any, name: str) -> Any:
    """`obj.__new__`. A metaclass's is handed out with the class dictionary judged; any other as it is."""
    method = obj.__new__
    owner = getattr(obj, "__self_class__", None) if type(obj) is super else obj
    if not (isinstance(owner, type) and issubclass(owner, type)):
        return method

    def __new__(meta: Any, *args: Any, **keywords: Any) -> Any:
        if len(args) == 3:
            return settled(method(meta, args[0], args[1], judged_namespace(args[2]), **keywords))
        return method(meta, *args, **keywords)

    return __new__


def _read_call(obj: Any, name: str) -> Any:
    """`obj.__call__`. A metaclass's makes instances of classes, and classes of metaclasses."""
    method = obj.__call__
    if type(obj) is super:
        owner = method.__self__ if hasattr(method, "__self__") else None
        if not isinstance(owner, type):
            return method
        return lambda *args, **keywords: _called(method, owner, args, keywords)
    if isinstance(obj, type) and issubclass(obj, type):
        return lambda kind, *args, **keywords: _called(functools.partial(method, kind), kind, args, keywords)
    return method


def _called(method: Callable[..., Any], kind: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    stand_in = shield(kind)
    return method(*args, **keywords) if stand_in is kind else stand_in(*args, **keywords)


READERS["__new__"] = _read_new
READERS["__call__"] = _read_call


def metaclass_new(meta: Any, /, name: str, bases: tuple[type, ...], namespace: Any, **keywords: Any) -> Any:
    """`__new__` of an own metaclass that defines none: CPython's next one, with the class dictionary judged."""
    method = next(
        content(kind)["__new__"] for kind in type.mro(meta) if "__new__" in content(kind) and not is_own(kind)
    )
    made = getattr(method, "__func__", method)(meta, name, bases, judged_namespace(namespace), **keywords)
    return made if is_own(made) else settled(made)


def slots(value: Any) -> Any:
    """The value of `__slots__` in a class body, with private names as they are compiled."""
    if isinstance(value, str):
        return _attribute_name(value)
    if isinstance(value, dict):
        return {_attribute_name(key): item for key, item in value.items()}
    if isinstance(value, list):
        return [_attribute_name(item) for item in value]
    return tuple(_attribute_name(item) for item in value)


def match_args(value: Any) -> Any:
    """The value of `__match_args__`: positional patterns read these attributes from objects of any kind."""
    if type(value) is not tuple:  # CPython says so when a pattern is matched; by then a metaclass's property answers
        raise TypeError(f"__match_args__ must be a tuple (got {type(value).__name__})")
    names = []
    for item in value:
        name = exact_name(item, "__match_args__") if isinstance(item, str) else item
        if isinstance(name, str) and reading(name) in (Stance.REFUSED, Stance.GUARDED):
            raise refused(name)
        names.append(_attribute_name(name))
    return tuple(names)


def trim_match_args(made: type) -> None:
    """Positional patterns of a class whose `__match_args__` a library made of field names: `gi_frame: int` is a field.

    A pattern reads the attribute of whatever the metaclass says is an instance, so what only the source rules or a
    guard may read ends the list: `case C(a, b)` then says that the class takes fewer.
    """
    names = getattr(made, "__match_args__", None)
    if type(names) is not tuple:
        return
    refused_kinds = (Stance.REFUSED,) if type(made) is type else (Stance.REFUSED, Stance.GUARDED)
    for place, name in enumerate(names):
        if reading(name) in refused_kinds:
            type.__setattr__(made, "__match_args__", names[:place])
            return


def _attribute_name(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    exact = exact_name(name, "__slots__")
    return exact + MARKER if is_private(exact) else exact


def _read_hook(name: Any) -> Any:
    """Inside `__getattr__` and `__getattribute__`: the name as the action spells it.

    C code asks any object for names like `__array_interface__`, and believes the answer: a hook never hears of them.
    """
    if type(name) is not str:
        return name
    if name.endswith(MARKER):
        return name[:-1]
    if name[:1] == "_" and (name == "__match_args__" or reading(name) is Stance.REFUSED):
        raise AttributeError(name)
    return name


def _write_hook(name: Any) -> Any:
    """Inside `__setattr__`, `__delattr__` and `__set_name__`: the name as the action spells it."""
    return unmark(name) if type(name) is str else name


# Compiled into the methods of `HOOKS`: what each is told.
HOOK_GUARDS: dict[str, Callable[[Any], Any]] = {
    "__getattr__": _read_hook,
    "__getattribute__": _read_hook,
    "__setattr__": _write_hook,
    "__delattr__": _write_hook,
    "__set_name__": _write_hook,
    "__subclasshook__": shield,
    "__subclasscheck__": shield,
}


def _make(kind: type, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    if len(args) != 3:
        return kind(*args, **keywords)
    bases = args[1]
    if type(bases) is tuple:  # `type("Meta", (type,), {})`
        bases = tuple(kind_of(base) if type(base) is Metaclass else base for base in bases)
    return settled(kind(args[0], bases, judged_namespace(args[2]), **keywords))


Metaclass.make = staticmethod(_make)
