"""The stand-ins for what looks at code: `ast`, `inspect`, `types`, `traceback`.

Threat: frames, code objects and module objects, which these modules exist to hand out.
What we do: answer questions (is this a function? what is its signature? what would the traceback look like?) and hand
out none of them. The types that programs ask `isinstance` about are stand-ins that answer it and make nothing.
"""

from __future__ import annotations

import ast
import inspect
import operator
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple

from safe_codeact.gate.names import words
from safe_codeact.guest.guards import OPEN, ActionRefused, guarded_getattr

_INSPECT = (
    "Parameter BoundArguments FullArgSpec cleandoc getdoc getmro isabstract isasyncgen isasyncgenfunction isawaitable "
    "isbuiltin isclass iscode iscoroutine iscoroutinefunction isdatadescriptor isframe isfunction isgenerator "
    "isgeneratorfunction isgetsetdescriptor ismemberdescriptor ismethod ismethoddescriptor ismethodwrapper ismodule isroutine "
    "istraceback GEN_CREATED GEN_RUNNING GEN_SUSPENDED GEN_CLOSED getgeneratorstate CORO_CREATED CORO_RUNNING "
    "CORO_SUSPENDED CORO_CLOSED getcoroutinestate"
)
_TYPES = "SimpleNamespace MappingProxyType GenericAlias UnionType NoneType EllipsisType NotImplementedType coroutine get_original_bases"
_ASKED = (
    "FunctionType LambdaType MethodType BuiltinFunctionType BuiltinMethodType GeneratorType CoroutineType AsyncGeneratorType "
    "ModuleType CodeType FrameType TracebackType GetSetDescriptorType MemberDescriptorType WrapperDescriptorType "
    "MethodWrapperType MethodDescriptorType ClassMethodDescriptorType"
)
# Whose functions are not an action's to hold, whichever library passes them around. (`None` would be a method of an object.)
_WITHHELD = words("builtins posix sys io _io _thread _imp gc marshal _pickle _ctypes")
_OUR_FOLDERS = tuple(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep + part
    for part in ("guest", "gate")
)


# ---- inspect


class _Withheld:
    """Stands for a default value that is a module, or a builtin that actions have only under guard: shown, not handed out."""

    def __init__(self, value: Any) -> None:
        self._shown = repr(value)

    def __repr__(self) -> str:
        return self._shown


def _handed_out(value: Any) -> Any:
    """A default value, if an action may hold it. Libraries write `def f(x, _getattr=getattr, _os=os)` for speed."""
    if isinstance(value, types.ModuleType):
        return _Withheld(value)
    if isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType | None):
        return value  # a method of an object
    if isinstance(value, types.BuiltinFunctionType) and value.__name__ not in OPEN:
        home = value.__module__
        return _Withheld(value) if home in _GUARDED_HOMES else value
    return value


_GUARDED_HOMES = frozenset(
    ("builtins", "posix", "sys", "io", "_io", "_thread", "_imp", "gc", "marshal", "_pickle", "_ctypes")
)


def signature(obj: Any, *, follow_wrapped: bool = True) -> inspect.Signature:
    """`inspect.signature`, without the arguments that evaluate annotations."""
    found = inspect.signature(obj, follow_wrapped=follow_wrapped)
    kept = [
        each if _handed_out(each.default) is each.default else each.replace(default=_handed_out(each.default))
        for each in found.parameters.values()
    ]
    return found if all(map(operator.is_, kept, found.parameters.values())) else found.replace(parameters=kept)


def getfullargspec(func: Any) -> inspect.FullArgSpec:
    """`inspect.getfullargspec`."""
    found = inspect.getfullargspec(func)
    defaults = None if found.defaults is None else tuple(map(_handed_out, found.defaults))
    only = found.kwonlydefaults and {name: _handed_out(value) for name, value in found.kwonlydefaults.items()}
    return found._replace(defaults=defaults, kwonlydefaults=only)


def getcallargs(func: Any, /, *positional: Any, **named: Any) -> dict[str, Any]:
    """`inspect.getcallargs`."""
    return {name: _handed_out(value) for name, value in inspect.getcallargs(func, *positional, **named).items()}


def get_annotations(obj: Any, *, globals: Any = None, locals: Any = None, eval_str: bool = False) -> dict[str, Any]:
    """`inspect.get_annotations`, as they are written."""
    if eval_str:
        raise PermissionError("get_annotations evaluates no text here; typing.get_type_hints(obj) does.")
    return inspect.get_annotations(obj)


def getmembers(object: Any, predicate: Callable[[Any], Any] | None = None) -> list[tuple[str, Any]]:
    """The public attributes by name."""
    found = []
    for name in sorted(set(dir(object))):
        if name.startswith("_"):
            continue
        try:
            value = guarded_getattr(object, name)
        except (AttributeError, ActionRefused):
            continue
        if predicate is None or predicate(value):
            found.append((name, value))
    return found


def inspect_facade() -> dict[str, Any]:
    names = {name: getattr(inspect, name) for name in _INSPECT.split() if hasattr(inspect, name)}
    own = (signature, getmembers, getfullargspec, getcallargs, get_annotations)
    return names | {each.__name__: each for each in own} | {"Signature": inspect.Signature}


# ---- ast


def literal_eval(node_or_string: str) -> Any:
    """`ast.literal_eval` of text: numbers, strings and containers of them."""
    if not isinstance(node_or_string, str):
        raise PermissionError(
            f"ast.literal_eval takes text here, not a {type(node_or_string).__name__} object: an action has no syntax trees."
        )
    return ast.literal_eval(str.__str__(node_or_string))


def ast_facade() -> dict[str, Any]:
    """Syntax trees stay out: a library that evaluates one would be handed what no rule has read."""
    return {"literal_eval": literal_eval}


# ---- types


class _AskedAbout(type):
    """The class of a type that only answers `isinstance` and `issubclass`."""

    _answers: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._answers)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls._answers)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(f"types.{cls.__name__} makes nothing here; it can be asked about with isinstance.")

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls._answers  # `type(f) == types.FunctionType`

    def __hash__(cls) -> int:
        return hash(cls._answers)


def _asked_about(name: str) -> type:
    return _AskedAbout(name, (), {"_answers": getattr(types, name), "__module__": "types"})


def types_facade() -> dict[str, Any]:
    names = {name: getattr(types, name) for name in _TYPES.split() if hasattr(types, name)}
    return names | {name: _asked_about(name) for name in _ASKED.split()}


# ---- traceback


def _visible(error: BaseException, limit: int | None, chain: bool) -> traceback.TracebackException:
    """The exception as text-to-be, without the frames of the sandbox itself."""
    found = traceback.TracebackException.from_exception(error, limit=limit, compact=True)
    waiting: list[traceback.TracebackException | None] = [found]
    while waiting:
        each = waiting.pop()
        if each is not None:
            kept = [frame for frame in each.stack if not frame.filename.startswith(_OUR_FOLDERS)]
            each.stack[:] = kept
            waiting += [
                each.__cause__,
                each.__context__,
                *(each.exceptions or () if hasattr(each, "exceptions") else ()),
            ]
            if not chain:
                each.__cause__ = each.__context__ = None
    return found


def _error(exc: Any, value: Any) -> BaseException | None:
    return value if isinstance(value, BaseException) else exc if isinstance(exc, BaseException) else None


def format_exception(
    exc: Any = None, /, value: Any = None, tb: Any = None, limit: int | None = None, chain: bool = True
) -> list[str]:
    error = _error(exc, value) or sys.exception()
    return ["NoneType: None\n"] if error is None else list(_visible(error, limit, chain).format(chain=chain))


def format_exc(limit: int | None = None, chain: bool = True) -> str:
    return "".join(format_exception(sys.exception(), limit=limit, chain=chain))


def print_exc(limit: int | None = None, file: Any = None, chain: bool = True) -> None:
    print(format_exc(limit, chain), end="", file=file if file is not None else sys.stderr)


def print_exception(
    exc: Any = None,
    /,
    value: Any = None,
    tb: Any = None,
    limit: int | None = None,
    file: Any = None,
    chain: bool = True,
) -> None:
    text = "".join(format_exception(exc, value, tb, limit, chain))
    print(text, end="", file=file if file is not None else sys.stderr)


def format_exception_only(exc: Any = None, /, value: Any = None) -> list[str]:
    error = _error(exc, value)
    return ["NoneType: None\n"] if error is None else traceback.format_exception_only(error)


class Line(NamedTuple):
    """One entry of a traceback. (CPython's `FrameSummary` reads its line from any file that it is told.)"""

    filename: str
    lineno: int | None
    name: str
    line: str | None


def extract_tb(tb: TracebackType | None, limit: int | None = None) -> list[Line]:
    """Summaries: file, line, name and text; no frames."""
    frames = traceback.extract_tb(tb)
    shown = [frame for frame in frames if not frame.filename.startswith(_OUR_FOLDERS)]
    return [Line(frame.filename, frame.lineno, frame.name, frame.line) for frame in shown][:limit]


def format_tb(tb: TracebackType | None, limit: int | None = None) -> list[str]:
    return traceback.format_list([tuple(line) for line in extract_tb(tb, limit)])  # type: ignore[misc]


def format_list(extracted_list: Iterable[Any]) -> list[str]:
    """Lines of `extract_tb`, as text."""
    return traceback.format_list(
        [(str(file), line, str(name), text or "") for file, line, name, text in extracted_list]
    )


def print_tb(tb: TracebackType | None, limit: int | None = None, file: Any = None) -> None:
    print("".join(format_tb(tb, limit)), end="", file=file if file is not None else sys.stderr)


def traceback_facade() -> dict[str, Any]:
    own = (
        format_exception, format_exc, print_exc, print_exception, format_exception_only, format_tb, print_tb, extract_tb,
        format_list,
    )  # fmt: skip
    return {each.__name__: each for each in own}
