"""numpy arrays and pandas frames as plain data: dtype, shape and bytes, and back. Neither side pickles.

Threat: the host builds an array from what a worker says of it: a dtype that holds pointers, a shape that its bytes do
not fill, text beyond Unicode, a time zone that is a path.
What we do: a closed list of dtypes without pointers, whose bytes must fill the shape exactly; text and mixed columns as
lists of plain values; a zone by its name in the time zone database.
What is left out: frequencies, attributes (`attrs`) and flags; columns of a type that is not listed here.

numpy and pandas are imported when a value of theirs is carried, never before.
"""

from __future__ import annotations

import importlib
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ARRAY, SERIES, FRAME = "numpy.ndarray", "pandas.Series", "pandas.DataFrame"
TYPE_NAMES = (ARRAY, SERIES, FRAME)

_ATOMS = (type(None), bool, int, float, str, bytes)
# Fixed sizes, no pointers, every bit pattern a value (bool is normalised). SAFETY: "O" would be addresses.
_DTYPE = re.compile(r"[<>|](b1|[iu][1248]|f[248]|c(8|16)|S[0-9]{1,7}|[mM]8(\[[0-9]{0,9}[a-zA-Zμ]{1,7}\])?)", re.ASCII)
_ZONE = re.compile(r"[A-Za-z0-9_+\-]{1,40}(/[A-Za-z0-9_+\-]{1,40}){0,2}", re.ASCII)
_MASKED = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64", "boolean")
_DIMENSIONS = 32


class NotCarried(Exception):
    """A value of these types that has no plain form here; the message says which part, and the way out."""


class Malformed(Exception):
    """Plain data that is no array or frame."""


def flatten(value: object) -> tuple[str, Any] | None:
    """(type name, plain data) of an array, a Series or a DataFrame; None for everything else. Raises `NotCarried`.

    Exact types only: a subclass may be the session's own, and carries what no form here has.
    """
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    kind = type(value)
    if numpy is not None and kind is numpy.ndarray:
        return ARRAY, _array(value)
    if pandas is not None and kind is pandas.Series:
        return SERIES, _series(value)
    if pandas is not None and kind is pandas.DataFrame:
        return FRAME, _frame(value)
    return None


def build(type_name: str, plain: Any) -> Any:
    """What `flatten` took apart. Raises `Malformed`, and `ImportError` where numpy or pandas is not installed."""
    make = _BUILD.get(type_name)
    if make is None:
        raise Malformed(f"{type_name!r} is not a type that is carried")
    try:
        return make(plain)
    except (ImportError, Malformed):
        raise
    except Exception as error:  # numpy and pandas say in many ways that data does not fit together
        raise Malformed(f"the parts of a {type_name} do not fit together: {type(error).__name__}") from None


# ---- apart


def _array(array: Any) -> list[Any]:
    numpy = sys.modules["numpy"]
    if _DTYPE.fullmatch(array.dtype.str):
        return [array.dtype.str, list(array.shape), numpy.ascontiguousarray(array).tobytes()]
    if array.dtype.kind in "OU":
        return [array.dtype.kind, list(array.shape), _atoms(array.ravel().tolist(), f"an array of {array.dtype}")]
    raise NotCarried(f"an array of {array.dtype}; convert it, e.g. with .astype(float)")


def _atoms(values: list[Any], what: str) -> list[Any]:
    for value in values:
        if type(value) is tuple:
            _atoms(list(value), what)
        elif type(value) not in _ATOMS:
            raise NotCarried(f"{what} that holds {type(value).__name__} values; convert them, e.g. with .astype(str)")
    return values


def _name(name: Any, what: str) -> Any:
    if type(name) is tuple:
        return tuple(_name(part, what) for part in name)
    if type(name) not in _ATOMS:
        number = getattr(name, "item", None)
        name = number() if type(name).__module__ == "numpy" and number is not None else name
        if type(name) not in _ATOMS:
            raise NotCarried(f"{what} named by a {type(name).__name__}; rename it")
    return name


def _column(values: Any, what: str) -> list[Any]:
    """The content of a Series or an Index."""
    pandas = sys.modules["pandas"]
    dtype = values.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        held = values.array
        return ["category", bool(held.ordered), _column(_as_series(held.categories), what), _array(held.codes)]
    if isinstance(dtype, pandas.DatetimeTZDtype):
        zone = str(dtype.tz)
        if not _ZONE.fullmatch(zone):
            raise NotCarried(f"{what} in the time zone {zone}; use .dt.tz_convert('UTC')")
        return ["zoned", zone, _array(values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())]
    if isinstance(dtype, pandas.StringDtype):
        texts = [text if type(text) is str else None for text in values.array]
        return ["text", str(dtype), texts]
    if str(dtype) in _MASKED:
        missing = values.isna().to_numpy()
        full = values.array.copy()
        full[missing] = dtype.type(0)
        return ["masked", str(dtype), _array(full.to_numpy(dtype=dtype.numpy_dtype)), _array(missing)]
    if isinstance(dtype, sys.modules["numpy"].dtype):
        return ["array", _array(values.to_numpy())]
    raise NotCarried(f"{what} of type {dtype}; convert it, e.g. with .astype(str)")


def _index(index: Any, what: str) -> list[Any]:
    pandas = sys.modules["pandas"]
    if type(index) is pandas.RangeIndex:
        return ["range", index.start, index.stop, index.step, _name(index.name, what)]
    if isinstance(index, pandas.MultiIndex):
        levels = [_as_series(index.get_level_values(level)) for level in range(index.nlevels)]
        return ["multi", [_name(name, what) for name in index.names], [_column(each, what) for each in levels]]
    return ["one", _name(index.name, what), _column(_as_series(index), what)]


def _as_series(index: Any) -> Any:
    return sys.modules["pandas"].Series(index.array, dtype=index.dtype)


def _series(series: Any) -> list[Any]:
    return [_name(series.name, "a Series"), _index(series.index, "an index"), _column(series, "a Series")]


def _frame(frame: Any) -> list[Any]:
    columns = [_column(frame.iloc[:, place], f"the column {frame.columns[place]!r}") for place in range(frame.shape[1])]
    return [_index(frame.index, "an index"), _index(frame.columns, "columns"), columns]


# ---- together


def _parts(plain: Any, *kinds: type) -> Sequence[Any]:
    if type(plain) is not list or len(plain) != len(kinds):
        raise Malformed(f"expected {len(kinds)} parts")
    for part, kind in zip(plain, kinds, strict=True):
        if kind is not object and type(part) is not kind:
            raise Malformed(f"expected a part of type {kind.__name__}, got {type(part).__name__}")
    return plain


def _build_array(plain: Any) -> Any:
    numpy = importlib.import_module("numpy")
    dtype, shape, data = _parts(plain, str, list, object)
    if len(shape) > _DIMENSIONS or not all(type(size) is int and size >= 0 for size in shape):
        raise Malformed("a shape is a list of up to 32 lengths")
    count = math.prod(shape)
    if dtype in ("O", "U"):
        if type(data) is not list or len(data) != count:
            raise Malformed("the values do not fill the shape")
        if dtype == "U" and not all(type(text) is str for text in data):
            raise Malformed("an array of text holds text")
        made = numpy.empty(count, dtype=object)
        for place, value in enumerate(data):  # not all at once: numpy would take a tuple apart
            made[place] = value
        return (made if dtype == "O" else made.astype(str)).reshape(shape)
    if not _DTYPE.fullmatch(dtype):
        raise Malformed("the dtype is not one that is carried")
    known = numpy.dtype(dtype)
    if type(data) is not bytes or len(data) != count * known.itemsize:
        raise Malformed("the bytes do not fill the shape")
    if known.kind == "b":
        return (numpy.frombuffer(data, dtype="u1") != 0).reshape(shape)
    if not known.itemsize:
        return numpy.zeros(shape, dtype=known)
    return numpy.frombuffer(data, dtype=known).reshape(shape).copy()


def _build_column(plain: Any) -> Any:
    if type(plain) is not list or not plain or type(plain[0]) is not str or plain[0] not in _COLUMNS:
        raise Malformed("not a column")
    kinds, make = _COLUMNS[plain[0]]
    return make(*_parts(plain[1:], *kinds))


def _flat(array: Any) -> Any:
    if array.ndim != 1:
        raise Malformed("a column has one dimension")
    return array


def _category(ordered: bool, categories: Any, codes: Any) -> Any:
    pandas = importlib.import_module("pandas")
    return pandas.Categorical.from_codes(
        _flat(_build_array(codes)), pandas.Index(_build_column(categories)), ordered=ordered
    )


def _zoned(zone: str, moments: Any) -> Any:
    pandas, zones = importlib.import_module("pandas"), importlib.import_module("zoneinfo")
    if not _ZONE.fullmatch(zone):  # SAFETY: pandas reads files for names like "dateutil//path"
        raise Malformed("not the name of a time zone")
    made = pandas.DatetimeIndex(_flat(_build_array(moments))).tz_localize("UTC")
    return made.array if zone == "UTC" else made.tz_convert(zones.ZoneInfo(zone)).array


def _text(dtype: str, texts: list[Any]) -> Any:
    pandas = importlib.import_module("pandas")
    if dtype not in ("str", "string") or not all(type(text) in (str, type(None)) for text in texts):
        raise Malformed("a column of text holds text")
    return pandas.array(texts, dtype=dtype)


def _masked(dtype: str, values: Any, missing: Any) -> Any:
    pandas = importlib.import_module("pandas")
    if dtype not in _MASKED:
        raise Malformed("not a type with missing values")
    made = pandas.array(_flat(_build_array(values)), dtype=dtype)
    made[_flat(_build_array(missing)).astype(bool)] = pandas.NA
    return made


_COLUMNS: Mapping[str, tuple[tuple[type, ...], Callable[..., Any]]] = {
    "array": ((object,), lambda array: _flat(_build_array(array))),
    "category": ((bool, object, object), _category),
    "zoned": ((str, object), _zoned),
    "text": ((str, list), _text),
    "masked": ((str, object, object), _masked),
}


def _build_name(name: Any) -> Any:
    if type(name) is tuple:
        return tuple(_build_name(part) for part in name)
    if type(name) not in _ATOMS:
        raise Malformed("a name is a plain value")
    return name


def _build_index(plain: Any) -> Any:
    pandas = importlib.import_module("pandas")
    form = plain[0] if type(plain) is list and plain else None
    if form == "range":
        start, stop, step, name = _parts(plain[1:], int, int, int, object)
        return pandas.RangeIndex(start, stop, step, name=_build_name(name))
    if form == "one":
        name, column = _parts(plain[1:], object, object)
        made = _build_column(column)  # its dtype is said, or pandas would guess another from the values
        return pandas.Index(made, dtype=made.dtype, name=_build_name(name), tupleize_cols=False)
    if form == "multi":
        names, levels = _parts(plain[1:], list, list)
        made = [_build_column(level) for level in levels]
        return pandas.MultiIndex.from_arrays(made, names=[_build_name(name) for name in names])
    raise Malformed("not an index")


def _build_series(plain: Any) -> Any:
    pandas = importlib.import_module("pandas")
    name, index, column = _parts(plain, object, list, list)
    made = _build_column(column)
    return pandas.Series(made, dtype=made.dtype, index=_build_index(index), name=_build_name(name))


def _build_frame(plain: Any) -> Any:
    pandas = importlib.import_module("pandas")
    index, names, columns = _parts(plain, list, list, list)
    rows = _build_index(index)
    held = [_build_column(column) for column in columns]
    series = [pandas.Series(column, dtype=column.dtype, index=rows) for column in held]
    made = pandas.DataFrame(dict(enumerate(series)), index=rows)
    made.columns = _build_index(names)
    return made


_BUILD: Mapping[str, Callable[[Any], Any]] = {ARRAY: _build_array, SERIES: _build_series, FRAME: _build_frame}
