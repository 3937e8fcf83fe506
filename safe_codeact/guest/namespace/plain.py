"""`to_plain`: a value of the session as data that may cross the wire."""

from __future__ import annotations

import sys
from typing import Any

from safe_codeact.guest.namespace.raw import class_label

_ATOMS = frozenset({type(None), bool, int, float, str, bytes})
_DEPTH = 64
_ITEMS = 1_000_000


class NotPlainValue(Exception):
    """The value, or a part of it, is not plain. `type_name` is that part's type, `path` where it is: "[3]['price']"."""

    def __init__(self, type_name: str, path: str, reason: str = "") -> None:
        self.type_name = type_name
        self.path = path
        self._reason = reason
        place = f" at {path}" if path else ""
        super().__init__(reason or f"a value of type {type_name}{place} is not plain data")

    def inside(self, step: str) -> NotPlainValue:
        """The same, seen from the container."""
        return NotPlainValue(self.type_name, (step + self.path)[:200], self._reason)


def to_plain(value: object) -> Any:
    """None, bool, int, float, str, bytes, list, tuple, dict of exactly these types; numpy scalars become numbers.

    Shared parts are copied; a structure that contains itself, or is nested deeper than 64, is not plain.
    """
    return _convert(value, 0, [_ITEMS])


def _convert(value: Any, depth: int, budget: list[int]) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if depth >= _DEPTH:
        raise NotPlainValue(class_label(kind), "", f"the value is nested deeper than {_DEPTH} levels")
    if kind is list or kind is tuple:
        made = _sequence(value, depth, budget)
        return made if kind is list else tuple(made)
    if kind is dict:
        return _mapping(value, depth, budget)
    number = _numpy_number(value, kind)
    if number is not None:
        return number
    raise NotPlainValue(class_label(kind), "")


def _spend(count: int, budget: list[int]) -> None:
    budget[0] -= count
    if budget[0] < 0:
        raise NotPlainValue("list", "", f"the value has more than {_ITEMS:,} parts")


def _sequence(value: Any, depth: int, budget: list[int]) -> list[Any]:
    _spend(len(value), budget)
    made: list[Any] = []
    try:
        for item in value:
            made.append(item if type(item) in _ATOMS else _convert(item, depth + 1, budget))
    except NotPlainValue as problem:
        raise problem.inside(f"[{len(made)}]") from None
    return made


def _mapping(value: dict[Any, Any], depth: int, budget: list[int]) -> dict[Any, Any]:
    _spend(len(value), budget)
    made: dict[Any, Any] = {}
    for key, item in value.items():
        plain_key = key if type(key) in _ATOMS else _key(key)
        try:
            made[plain_key] = item if type(item) in _ATOMS else _convert(item, depth + 1, budget)
        except NotPlainValue as problem:
            raise problem.inside(f"[{_key_text(key)}]") from None
    return made


def _key(key: Any) -> Any:
    if type(key) is tuple:
        return tuple(part if type(part) in _ATOMS else _key(part) for part in key)
    number = _numpy_number(key, type(key))
    if number is None:
        raise NotPlainValue(class_label(type(key)), "<a key>")
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
