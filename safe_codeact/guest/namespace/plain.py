"""`to_plain`: a value of the session as data that may cross the wire."""

from __future__ import annotations

import sys
from typing import Any

from safe_codeact.guest.namespace.raw import class_label

_ATOMS = (type(None), bool, int, float, str, bytes)
_DEPTH = 64
_ITEMS = 1_000_000


class NotPlainValue(Exception):
    """The value, or a part of it, is not plain. `type_name` is that part's type, `path` where it is: "[3].price"."""

    def __init__(self, type_name: str, path: str, reason: str = "") -> None:
        self.type_name = type_name
        self.path = path
        place = f" at {path}" if path else ""
        super().__init__(reason or f"a value of type {type_name}{place} is not plain data")


def to_plain(value: object) -> Any:
    """None, bool, int, float, str, bytes, list, tuple, dict of exactly these types; numpy scalars become numbers.

    Shared parts are copied; a structure that contains itself, or is nested deeper than 64, is not plain.
    """
    budget = [_ITEMS]
    return _convert(value, "", 0, budget)


def _convert(value: Any, path: str, depth: int, budget: list[int]) -> Any:
    kind = type(value)
    budget[0] -= 1
    if budget[0] < 0:
        raise NotPlainValue(class_label(kind), path, f"the value has more than {_ITEMS:,} parts")
    if kind in _ATOMS:
        return value
    if depth >= _DEPTH:
        raise NotPlainValue(class_label(kind), path[:100], f"the value is nested deeper than {_DEPTH} levels")
    if kind is list or kind is tuple:
        made = [_convert(item, f"{path}[{index}]", depth + 1, budget) for index, item in enumerate(value)]
        return made if kind is list else tuple(made)
    if kind is dict:
        return {
            _key(key, path): _convert(item, f"{path}[{_key_text(key)}]", depth + 1, budget)
            for key, item in value.items()
        }
    number = _numpy_number(value, kind)
    if number is not None:
        return number
    raise NotPlainValue(class_label(kind), path)


def _key(key: Any, path: str) -> Any:
    if type(key) in _ATOMS:
        return key
    if type(key) is tuple:
        return tuple(_key(part, path) for part in key)
    number = _numpy_number(key, type(key))
    if number is None:
        raise NotPlainValue(class_label(type(key)), f"a key of {path or 'the value'}")
    return number


def _key_text(key: Any) -> str:
    return repr(key)[:40] if type(key) in _ATOMS else "…"


def _numpy_number(value: Any, kind: type) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or kind.__module__ != "numpy":
        return None
    if kind in (numpy.longdouble, numpy.clongdouble) or not issubclass(kind, (numpy.number, numpy.bool_)):
        return None
    plain = value.item()
    return plain if type(plain) in (bool, int, float) else None
