"""Reductions of what Python code is made of: functions, cells, code, descriptors, type expressions.

Each function takes the pickler and the object, or the object alone, and gives a reduction: a step of `Rebuilder`, its
arguments, and where an object may contain itself a state that is filled in after it was made.
"""

from __future__ import annotations

import functools
import re
import sys
import types
import typing
import unicodedata
from typing import Any

from safe_codeact.guest.namespace.rebuild import Rebuilder


def reduce_function(function: types.FunctionType, home: str, used: dict[str, Any] | None = None) -> Any:
    """`home` names whose globals it runs over: "" for the session's, "generated", or a standard module's name.

    A generated function has globals of its own; `used` are those that its code names.

    The cells come empty and are filled with the function's state: a cell may hold the function itself, and two
    functions over one cell fill it twice with the same object.
    """
    closure = function.__closure__
    contents: list[Any] = []
    for cell in closure or ():
        try:
            contents.append((cell.cell_contents,))
        except ValueError:  # not yet bound
            contents.append(None)
    state = (
        function.__qualname__,
        function.__module__,
        function.__doc__,
        function.__defaults__,
        function.__kwdefaults__,
        function.__annotations__ or None,
        function.__dict__ or None,
        contents,
        getattr(function, "__type_params__", ()),
        used,
    )
    make = (function.__code__, home, function.__name__, closure)
    return Rebuilder.function, make, state, None, None, Rebuilder.fill_function


def used_globals(function: types.FunctionType) -> dict[str, Any]:
    """What the function's code, and the functions inside it, name in its globals."""
    scope = function.__globals__
    used: dict[str, Any] = {}
    pending = [function.__code__]
    while pending:
        code = pending.pop()
        used.update({name: scope[name] for name in code.co_names if name in scope and not name.startswith("__")})
        pending += [constant for constant in code.co_consts if type(constant) is types.CodeType]
    return used


def found_at(module: str, qualname: str) -> Any:
    """What a loaded module has under a dotted name, or None."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


_WORDS = re.compile(r"\w+")
_LONG = 100_000  # characters of a text in a function that is not read for names


def words_in(text: str) -> set[str]:
    """What may be a name in a source, or in a text that some evaluator is given."""
    return set(_WORDS.findall(text if text.isascii() else unicodedata.normalize("NFKC", text)))


def words_of(code: types.CodeType) -> set[str] | None:
    """Whatever a function and those inside it mention, texts included; None where that is too much to read."""
    words: set[str] = set()
    waiting: list[Any] = [code]
    while waiting:
        part = waiting.pop()
        if type(part) is types.CodeType:
            words.update(part.co_names)
            waiting += part.co_consts
        elif type(part) is tuple or type(part) is frozenset:
            waiting += part
        elif type(part) is str:
            if len(part) > _LONG:
                return None
            words |= words_in(part)
    return words


def _reduce_cell(_: Any, __: types.CellType) -> Any:
    return Rebuilder.cell, ()


def _reduce_wrapped(_: Any, method: Any) -> Any:
    return type(method), (method.__func__,)


def _reduce_property(_: Any, prop: property) -> Any:
    return property, (prop.fget, prop.fset, prop.fdel, prop.__doc__)


def _reduce_lru_cache(pickler: Any, wrapper: Any) -> Any:
    reduction = pickler.named(wrapper)
    if reduction is not None:
        return reduction
    if found_at(str(wrapper.__module__), str(wrapper.__qualname__)) is wrapper:
        return pickler.reference(wrapper, wrapper.__module__, wrapper.__qualname__)
    options = wrapper.cache_parameters()
    make = (wrapper.__wrapped__, options["maxsize"], options["typed"])
    return Rebuilder.lru_cache, make, dict(wrapper.__dict__), None, None, Rebuilder.fill_lru_cache


def _reduce_cached_property(_: Any, prop: Any) -> Any:
    return Rebuilder.cached_property, (prop.func, prop.attrname)


def _reduce_partial(_: Any, partial: Any) -> Any:
    return Rebuilder.partial, (partial.func, partial.args, partial.keywords)


def _reduce_mapping_proxy(_: Any, proxy: types.MappingProxyType[Any, Any]) -> Any:
    return Rebuilder.mapping_proxy, (dict(proxy),)


def _reduce_alias(pickler: Any, alias: Any) -> Any:
    reduction = pickler.named(alias)
    if reduction is not None:
        return reduction
    origin = alias.__origin__
    if origin is typing.Union:
        return Rebuilder.union, (alias.__args__,)
    spelled = getattr(typing, str(alias._name), None)
    if getattr(spelled, "__origin__", None) is origin or (origin is spelled and origin is not None):
        origin = spelled  # List[int], not list[int]
    arguments = alias.__args__
    if origin is typing.Callable:
        arguments = (list(arguments[:-1]) if arguments[0] is not Ellipsis else Ellipsis, arguments[-1])
    elif len(arguments) == 1:
        arguments = arguments[0]
    return Rebuilder.subscript, (origin, arguments)


def _reduce_annotated(_: Any, alias: Any) -> Any:
    return Rebuilder.subscript, (typing.Annotated, (alias.__origin__, *alias.__metadata__))


def _reduce_literal(_: Any, alias: Any) -> Any:
    return Rebuilder.subscript, (typing.Literal, alias.__args__)


def _reduce_generic_alias(_: Any, alias: types.GenericAlias) -> Any:
    arguments = alias.__args__
    return Rebuilder.subscript, (alias.__origin__, arguments[0] if len(arguments) == 1 else arguments)


def _reduce_union(_: Any, union: Any) -> Any:
    return Rebuilder.type_union, (union.__args__,)


def _reduce_type_variable(pickler: Any, variable: Any) -> Any:
    reduction = pickler.named(variable)
    if reduction is not None:
        return reduction
    kind = type(variable).__name__
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = {}
    if kind == "TypeVar":
        arguments = variable.__constraints__
        options = {"covariant": variable.__covariant__, "contravariant": variable.__contravariant__}
        if variable.__bound__ is not None:
            options["bound"] = variable.__bound__
    return Rebuilder.type_variable, (kind, variable.__name__, arguments, options)


def _reduce_new_type(_: Any, new: Any) -> Any:
    return Rebuilder.new_type, (new.__name__, new.__supertype__, new.__module__)


EXACT: dict[type, Any] = {
    types.CellType: _reduce_cell,
    staticmethod: _reduce_wrapped,
    classmethod: _reduce_wrapped,
    property: _reduce_property,
    functools._lru_cache_wrapper: _reduce_lru_cache,
    functools.cached_property: _reduce_cached_property,
    functools.partial: _reduce_partial,
    types.MappingProxyType: _reduce_mapping_proxy,
    types.GenericAlias: _reduce_generic_alias,
    types.UnionType: _reduce_union,
}


LATE: dict[str, Any] = {
    "typing._GenericAlias": _reduce_alias,
    "typing._UnionGenericAlias": _reduce_alias,
    "typing._CallableGenericAlias": _reduce_alias,
    "typing._AnnotatedAlias": _reduce_annotated,
    "typing._LiteralGenericAlias": _reduce_literal,
    "typing.TypeVar": _reduce_type_variable,
    "typing.ParamSpec": _reduce_type_variable,
    "typing.TypeVarTuple": _reduce_type_variable,
    "typing.NewType": _reduce_new_type,
}
