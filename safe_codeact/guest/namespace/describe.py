"""`describe`: what the session holds, as bounded plain text.

Threat: `__repr__`, `__len__`, `__sizeof__` and `__class__` of guest objects run model code, lie, or print megabytes.
What we do: objects of guest classes are shown by their class's name alone; containers are cut before they are printed,
and only parts of exact builtin types are printed at all; arrays and frames are shown by shape and type.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from safe_codeact.guest.namespace.raw import class_label, type_module, type_mro, type_qualname

PREVIEW = 200
_PARTS = 8
_DEPTH = 3
_COUNTED = 1_000  # parts of a container whose sizes are added up


class Described(NamedTuple):
    name: str
    type: str
    size_bytes: int
    preview: str


def describe(namespace: Mapping[str, Any], limit: int) -> list[Described]:
    """The first `limit` names in alphabetical order, without those that start with two underscores."""
    names = sorted(name for name in namespace if type(name) is str and not name.startswith("__"))
    return [_line(name, namespace[name]) for name in names[: max(0, limit)]]


def _line(name: str, value: Any) -> Described:
    try:
        text, size = preview(value), size_of(value)
    except Exception:  # a library's object in an odd state; the list goes on
        text, size = "…", 0
    return Described(name, class_label(type(value))[:100], size, text[:PREVIEW])


def preview(value: Any, depth: int = 0) -> str:
    kind = type(value)
    if kind in _PRINTED:
        return _PRINTED[kind](value)
    if kind in _BRACKETS and depth < _DEPTH:
        return _sequence(value, _BRACKETS[kind], depth)
    if kind is dict and depth < _DEPTH:
        return _mapping(value, depth)
    shown = _SHOWN.get(f"{type_module(kind)}.{type_qualname(kind)}")
    if shown is not None:
        return shown(value)
    if type in type_mro(kind):
        return f"class {class_label(value)}"
    return f"<{class_label(kind)}>"


def _cut_text(value: Any) -> str:
    return repr(value) if len(value) <= PREVIEW else f"{value[: PREVIEW - 20]!r}…"


def _number(value: Any) -> str:
    if type(value) is int and value.bit_length() > 400:  # longer integers may not even be printable
        return f"an integer of {value.bit_length():,} bits"
    return repr(value)


def _function(value: Any) -> str:
    code = value.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return f"{value.__name__}({', '.join(names)})"


def _sequence(value: Any, brackets: str, depth: int) -> str:
    parts = [preview(part, depth + 1) for part in islice(value, _PARTS)]
    more = f", … {len(value):,} in all" if len(value) > _PARTS else ""
    comma = "," if brackets == "()" and len(value) == 1 else ""
    if not value and brackets == "{}":
        return "set()"
    return f"{brackets[0]}{', '.join(parts)}{comma}{more}{brackets[1]}"


def _mapping(value: dict[Any, Any], depth: int) -> str:
    parts = [f"{preview(key, depth + 1)}: {preview(item, depth + 1)}" for key, item in islice(value.items(), _PARTS)]
    more = f", … {len(value):,} in all" if len(value) > _PARTS else ""
    return f"{{{', '.join(parts)}{more}}}"


def _array(value: Any) -> str:
    text = f"array {value.shape} of {value.dtype}"
    if 0 < value.size <= _PARTS and not value.dtype.hasobject:
        text += f": {value.tolist()}"
    return text


def _frame(value: Any) -> str:
    rows, columns = value.shape
    names = [_label(name) for name in list(value.columns[:12])]
    more = ", …" if columns > 12 else ""
    return f"DataFrame {rows:,} × {columns:,}: {', '.join(names)}{more}"


def _series(value: Any) -> str:
    return f"Series of {value.shape[0]:,} {value.dtype}: {_label(value.name)}"


def _label(name: Any) -> str:
    return name[:40] if type(name) is str else preview(name, _DEPTH)


def size_of(value: Any) -> int:
    """About how many bytes the value holds: shallow for objects, one level deep for containers, buffers for arrays."""
    label = f"{type_module(type(value))}.{type_qualname(type(value))}"
    if label == "numpy.ndarray":
        return int(value.nbytes)
    if label in _PANDAS:
        used = value.memory_usage(index=True, deep=False)
        return int(used if isinstance(used, int) else used.sum())
    size = object.__sizeof__(value) if type(value) not in _SIZED else sys.getsizeof(value)
    if type(value) in (list, tuple, set, frozenset):
        size += sum(sys.getsizeof(part) for part in islice(value, _COUNTED) if type(part) in _SIZED)
    elif type(value) is dict:
        size += sum(sys.getsizeof(part) for part in islice(value.values(), _COUNTED) if type(part) in _SIZED)
    return int(size)


_BRACKETS: dict[type, str] = {list: "[]", tuple: "()", set: "{}", frozenset: "{}"}
_SIZED = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, type(None), range)
_PRINTED: dict[type, Callable[[Any], str]] = {
    type(None): repr,
    bool: repr,
    int: _number,
    float: repr,
    complex: repr,
    str: _cut_text,
    bytes: _cut_text,
    bytearray: _cut_text,
    range: lambda value: f"range with {value.start.bit_length()} bits" if abs(value.stop) > 1 << 400 else repr(value),
    types.FunctionType: _function,
    types.ModuleType: lambda value: f"module {value.__name__}"[:PREVIEW],
}
_PANDAS = {
    "pandas.core.frame.DataFrame",
    "pandas.core.series.Series",
    "pandas.DataFrame",
    "pandas.Series",
}
_SHOWN: dict[str, Callable[[Any], str]] = {
    "numpy.ndarray": _array,
    "pandas.core.frame.DataFrame": _frame,
    "pandas.DataFrame": _frame,
    "pandas.core.series.Series": _series,
    "pandas.Series": _series,
    "datetime.datetime": str,
    "datetime.date": str,
    "datetime.timedelta": str,
    "decimal.Decimal": str,
    "fractions.Fraction": str,
    "numpy.float64": repr,
    "numpy.int64": repr,
    "numpy.bool": repr,
    "safe_codeact.guest.interpreters.definitions.Function": repr,
}
