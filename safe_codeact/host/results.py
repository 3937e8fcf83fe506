"""What a tool gave back, as plain data that an action is shown.

Threat: an object of the host with more in it than its type says, a result that its own signature does not allow, one that
is too large. So a result is validated against the annotation, where there is one that values can be validated against,
and what leaves is made from fields: dataclasses, models and named tuples become dicts (inside, they have attributes as
well), members of an Enum their values, dates ISO text, sets lists. What has no such form is refused.

What still gets through: everything that the result's fields hold. A tool that returns a record returns all of it.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Callable, Mapping
from typing import Any

import pydantic
import pydantic_core

from safe_codeact.wire.encode import NotEncodable, pack

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_DEPTH = 64  # as deep as the wire carries


_SHORT = 1000  # bytes: less than any policy's bound
_NUMBERS = frozenset({type(None), bool, float})


class NotPlainResult(Exception):
    """A result that cannot be shown; the message is for the action, and says nothing of the value."""


def plain_result(value: Any) -> tuple[Any, bool]:
    """The value as plain data, and whether there were objects with attributes in it. Raises `NotPlainResult`."""
    if type(value) in _SCALARS:
        return value, False
    seen = _Seen()
    return seen.plain(value, 0), seen.records


def not_carried(plain: Any, max_kb: int) -> str:
    """Why plain data is no result that an action can be sent: it completes "returned …". "" where it is one."""
    if _is_short(plain):
        return ""
    try:
        size = len(pack(plain))
    except NotEncodable as error:
        return f"what cannot be carried: {error}"
    return f"{size:,} bytes; its limit is {max_kb} KiB" if size > max_kb * 1024 else ""


def _is_short(plain: Any) -> bool:
    """Whether that can be seen without encoding it."""
    kind = type(plain)
    if kind is str:
        return len(plain) < _SHORT and plain.isascii()
    return kind in _NUMBERS or (kind is int and -(2**63) <= plain < 2**63)


class _Seen:
    def __init__(self) -> None:
        self.records = False

    def plain(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        if depth > _DEPTH:
            raise NotPlainResult(f"returned something more than {_DEPTH} deep")
        if kind is list:
            return [item if type(item) in _SCALARS else self.plain(item, depth + 1) for item in value]
        if kind is dict:
            return {self._key(key): self.plain(item, depth + 1) for key, item in value.items()}
        for is_one, convert in _FORMS:
            if is_one(value):
                return convert(self, value, depth + 1)
        return self._other(value)

    def _key(self, key: Any) -> Any:
        if type(key) in _SCALARS:
            return key
        return self.plain(key.value, 0) if isinstance(key, enum.Enum) else str(key)

    def record(self, fields: Mapping[str, Any], depth: int) -> dict[str, Any]:
        self.records = True
        return {name: self.plain(item, depth) for name, item in fields.items()}

    def _other(self, value: Any) -> Any:
        """Decimal, UUID, paths, addresses, secrets (as stars) and the like: as pydantic writes them for JSON."""
        try:
            return pydantic_core.to_jsonable_python(value)
        except (pydantic_core.PydanticSerializationError, ValueError, RecursionError):
            raise NotPlainResult(f"returned {type(value).__name__}, which is not plain data") from None


def _model(seen: _Seen, value: pydantic.BaseModel, depth: int) -> Any:
    """By its own rules: fields that are excluded from its output stay out of this one."""
    dumped = value.model_dump(mode="python")
    return seen.record(dumped, depth) if isinstance(dumped, dict) else seen.plain(dumped, depth)


def _dataclass(seen: _Seen, value: Any, depth: int) -> Any:
    return seen.record({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, depth)


_FORMS: tuple[tuple[Callable[[Any], bool], Callable[[_Seen, Any, int], Any]], ...] = (
    (lambda value: isinstance(value, enum.Enum), lambda seen, value, depth: seen.plain(value.value, depth)),
    (lambda value: isinstance(value, pydantic.BaseModel), _model),
    (lambda value: dataclasses.is_dataclass(value) and not isinstance(value, type), _dataclass),
    (lambda value: isinstance(value, datetime.date | datetime.time), lambda _seen, value, _depth: value.isoformat()),
    (
        lambda value: isinstance(value, tuple) and hasattr(value, "_asdict"),
        lambda seen, value, depth: seen.record(value._asdict(), depth),
    ),
    (
        lambda value: isinstance(value, tuple),
        lambda seen, value, depth: tuple(seen.plain(item, depth) for item in value),
    ),
    (
        lambda value: isinstance(value, list | set | frozenset),
        lambda seen, value, depth: [seen.plain(item, depth) for item in value],
    ),
    (lambda value: isinstance(value, bytearray | memoryview), lambda _seen, value, _depth: bytes(value)),
    (
        lambda value: isinstance(value, Mapping),
        lambda seen, value, depth: seen.plain(dict(value), depth),
    ),
)  # fmt: skip


def validated(validator: pydantic.TypeAdapter[Any] | None, value: Any) -> Any:
    """The value as its annotation says. Raises `NotPlainResult`; the host's own log says what was wrong."""
    if validator is None:
        return value
    try:
        return validator.validator.validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "".join(f"[{part!r}]" for part in first["loc"])
        raise NotPlainResult(
            f"returned something that its own signature does not allow{place and f' at {place}'}"
        ) from error
