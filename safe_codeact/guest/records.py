"""Objects on their way between an action and its tools.

What a tool gives back where it gave an object: a dict whose keys are attributes as well.

An action that reads `-> Product` writes `product.price`; one that has seen the value printed writes `product["price"]`.
Both are right, and `json`, pandas and `isinstance(product, dict)` find a dict. Where a field is called as a method of
dicts (`items`), the attribute is the method, and the key is the field.

What an action gives a tool: dates, decimals, members of its enums, its dataclasses and numbers of numpy are sent as the
plain values that the host's validation makes them from again. What is alive (a function, a file, a class) is not.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import sys
import uuid
from collections.abc import Callable
from typing import Any, NoReturn


class Record(dict[str, Any]):
    """One object of a tool's result."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            _refuse(self, name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self:
            _refuse(self, name)
        self[name] = value

    def copy(self) -> Record:
        """As `dict.copy`, with the attributes."""
        return Record(self)


def _refuse(record: Record, name: str) -> NoReturn:
    fields = ", ".join(str(key) for key in list(record)[:20])
    raise AttributeError(f"no field {name!r} here; there are {fields or 'none'}", name=name)


def as_records(value: Any) -> Any:
    """Plain data with a `Record` in the place of each dict whose keys are names. As deep as a frame may be: 64."""
    kind = type(value)
    if kind is dict:
        items = {key: as_records(item) for key, item in value.items()}
        return Record(items) if all(type(key) is str and key.isidentifier() for key in items) else items
    if kind is list or kind is tuple:
        return kind([as_records(item) for item in value])
    return value


_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_DEPTH = 64  # the wire's own


def as_plain(value: Any, depth: int = 0) -> Any:
    """What has a plain form in that form, all else as it is: the encoder says what is wrong with it."""
    kind = type(value)
    if kind in _SCALARS or depth > _DEPTH:
        return value
    for base, form in _FORMS:
        if isinstance(value, base):
            return form(value, depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name), depth + 1) for field in dataclasses.fields(value)}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    return value


_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any, int], Any]], ...] = (
    (enum.Enum, lambda value, depth: as_plain(value.value, depth)),
    (dict, lambda value, depth: {as_plain(key, depth): as_plain(item, depth) for key, item in dict.items(value)}),
    (tuple, lambda value, depth: tuple([as_plain(item, depth) for item in tuple.__iter__(value)])),
    ((list, set, frozenset), lambda value, depth: [as_plain(item, depth) for item in value]),
    ((datetime.date, datetime.time), lambda value, _depth: value.isoformat()),
    (datetime.timedelta, lambda value, _depth: value.total_seconds()),
    ((decimal.Decimal, uuid.UUID, pathlib.PurePath), lambda value, _depth: str(value)),
    (bytearray, lambda value, _depth: bytes(value)),
)
