"""The kinds of fields that messages have: what may stand in one, and how large it may be.

A kind has `bounds` (held by encode and decode while they write and read, so a field that is too large is never built),
`accept(value)` (a decoded value to a message's field) and `plain(value)` (a message's field to what is encoded). Both
directions check types exactly (a bool is no int, a subclass is not its base) and raise `Misfit` in our own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from safe_codeact.frozen import dataclass
from safe_codeact.wire.format import Bounds

_LENGTH_BYTES = 5  # the longest head of a str, bytes, list or dict
_MOST_UTF8 = 4  # bytes of one character
_NUMBER_BYTES = 9  # an int of 64 bits or a float, with its head


class Misfit(Exception):
    """A value that its field does not allow. The message completes "expected …"."""


class Kind(Protocol):
    @property
    def bounds(self) -> Bounds: ...

    def accept(self, value: Any) -> Any: ...

    def plain(self, value: Any) -> Any: ...


class _SameBothWays:
    """The kinds whose fields are encoded as they stand."""

    __slots__ = ()

    def accept(self, value: Any) -> Any:
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        return self.accept(value)


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _is_longer(text: str, max_bytes: int) -> bool:
    return len(text) * _MOST_UTF8 > max_bytes and _utf8_length(text) > max_bytes


@dataclass(frozen=True, slots=True)
class Text(_SameBothWays):
    """A str of at most `max_bytes` in UTF-8; at least one character if `filled`."""

    max_bytes: int
    filled: bool = False

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=self.max_bytes + _LENGTH_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> str:
        if type(value) is not str or _is_longer(value, self.max_bytes) or (self.filled and not value):
            raise Misfit(f"text of {int(self.filled)} to {self.max_bytes} bytes")
        return value


@dataclass(frozen=True, slots=True)
class Label(_SameBothWays):
    """A short name that the host repeats in records and lines of a log: printable characters only, at least one."""

    max_bytes: int

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=self.max_bytes + _LENGTH_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> str:
        if type(value) is not str or not value or _is_longer(value, self.max_bytes) or not value.isprintable():
            raise Misfit(f"1 to {self.max_bytes} bytes of printable text")
        return value


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class RelativePath(_SameBothWays):
    """A path below the workspace: no leading slash, no empty, "." or ".." part, no control characters."""

    max_bytes: int

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=self.max_bytes + _LENGTH_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> str:
        if (
            type(value) is not str
            or _is_longer(value, self.max_bytes)
            or any(part in ("", ".", "..") for part in value.split("/"))
            or _CONTROL.search(value)
        ):
            raise Misfit(f"a relative path of 1 to {self.max_bytes} bytes without . and .. parts")
        return value


@dataclass(frozen=True, slots=True)
class Blob(_SameBothWays):
    """At most `max_bytes` bytes."""

    max_bytes: int

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=self.max_bytes + _LENGTH_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> bytes:
        if type(value) is not bytes or len(value) > self.max_bytes:
            raise Misfit(f"at most {self.max_bytes} bytes")
        return value


@dataclass(frozen=True, slots=True)
class Whole(_SameBothWays):
    """An int from `low` to `high`, both included, within 64 bits."""

    low: int
    high: int

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=_NUMBER_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise Misfit(f"an int from {self.low} to {self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Real:
    """A float from `low` to `high`, both finite. NaN is not within: every comparison with it is false."""

    low: float
    high: float

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=_NUMBER_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> float:
        if type(value) is not float or not self.low <= value <= self.high:
            raise Misfit(f"a float from {self.low:g} to {self.high:g}")
        return value

    def plain(self, value: Any) -> float:
        """Seconds are often written as ints; they are sent as what the field says they are."""
        in_range = type(value) is int and self.low <= value <= self.high
        return self.accept(float(value) if in_range else value)


@dataclass(frozen=True, slots=True)
class Number(_SameBothWays):
    """An int of 64 bits, or a finite float: what a clock may say."""

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=_NUMBER_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> float:
        if type(value) not in (int, float) or not -(2**63) <= value < 2**63:
            raise Misfit("an int of 64 bits or a finite float")
        return value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Flag(_SameBothWays):
    """A bool."""

    @property
    def bounds(self) -> Bounds:
        return Bounds(max_bytes=1, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> bool:
        if type(value) is not bool:
            raise Misfit("a bool")
        return value


@dataclass(frozen=True, slots=True)
class Choice(_SameBothWays):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def bounds(self) -> Bounds:
        longest = max(_utf8_length(word) for word in self.words)
        return Bounds(max_bytes=longest + _LENGTH_BYTES, max_nodes=1, max_depth=0)

    def accept(self, value: Any) -> str:
        if type(value) is not str or value not in self.words:
            raise Misfit(f"one of {', '.join(repr(word) for word in self.words)}")
        return value


@dataclass(frozen=True, slots=True)
class Plain(_SameBothWays):
    """Any plain value within `bounds`. Decoding makes nothing else, so there is nothing left to check afterwards."""

    bounds: Bounds

    def accept(self, value: Any) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class Optional:
    """None or `kind`."""

    kind: Kind

    @property
    def bounds(self) -> Bounds:
        return self.kind.bounds

    def accept(self, value: Any) -> Any:
        return None if value is None else self.kind.accept(value)

    def plain(self, value: Any) -> Any:
        return None if value is None else self.kind.plain(value)


def _within(bounds: Bounds, cap: Bounds | None) -> Bounds:
    if cap is None:
        return bounds
    return Bounds(
        max_bytes=min(bounds.max_bytes, cap.max_bytes),
        max_nodes=min(bounds.max_nodes, cap.max_nodes),
        max_depth=min(bounds.max_depth, cap.max_depth),
        max_int_bytes=min(bounds.max_int_bytes, cap.max_int_bytes),
    )


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at most `max_items`; `cap` bounds the whole where the product of the parts would be too much."""

    kind: Kind
    max_items: int
    cap: Bounds | None = None

    @property
    def bounds(self) -> Bounds:
        item = self.kind.bounds
        whole = Bounds(
            max_bytes=_LENGTH_BYTES + self.max_items * item.max_bytes,
            max_nodes=1 + self.max_items * item.max_nodes,
            max_depth=1 + item.max_depth,
            max_int_bytes=item.max_int_bytes,
        )
        return _within(whole, self.cap)

    def accept(self, value: Any) -> list[Any]:
        self._check(value)
        return value if type(self.kind) is Plain else [self.kind.accept(item) for item in value]

    def plain(self, value: Any) -> list[Any]:
        self._check(value)
        return value if type(self.kind) is Plain else [self.kind.plain(item) for item in value]

    def _check(self, value: Any) -> None:
        if type(value) is not list or len(value) > self.max_items:
            raise Misfit(f"a list of at most {self.max_items} items")


@dataclass(frozen=True, slots=True)
class TextMap:
    """A dict of at most `max_items` from non-empty text of `max_key_bytes` to `kind`."""

    kind: Kind
    max_items: int
    max_key_bytes: int
    cap: Bounds | None = None

    @property
    def bounds(self) -> Bounds:
        item = self.kind.bounds
        whole = Bounds(
            max_bytes=_LENGTH_BYTES + self.max_items * (_LENGTH_BYTES + self.max_key_bytes + item.max_bytes),
            max_nodes=1 + self.max_items * (1 + item.max_nodes),
            max_depth=1 + item.max_depth,
            max_int_bytes=item.max_int_bytes,
        )
        return _within(whole, self.cap)

    def accept(self, value: Any) -> dict[str, Any]:
        self._check(value)
        return value if type(self.kind) is Plain else {key: self.kind.accept(item) for key, item in value.items()}

    def plain(self, value: Any) -> dict[str, Any]:
        self._check(value)
        return value if type(self.kind) is Plain else {key: self.kind.plain(item) for key, item in value.items()}

    def _check(self, value: Any) -> None:
        if type(value) is not dict or len(value) > self.max_items:
            raise Misfit(f"a dict of at most {self.max_items} entries")
        for key in value:
            if type(key) is not str or not key or _is_longer(key, self.max_key_bytes):
                raise Misfit(f"keys of 1 to {self.max_key_bytes} bytes of text")


def _sum(parts: list[Bounds]) -> Bounds:
    return Bounds(
        max_bytes=_LENGTH_BYTES + sum(part.max_bytes for part in parts),
        max_nodes=1 + sum(part.max_nodes for part in parts),
        max_depth=1 + max(part.max_depth for part in parts),
        max_int_bytes=max(part.max_int_bytes for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Record:
    """A dict with exactly these keys."""

    fields: Mapping[str, Kind]
    cap: Bounds | None = None

    @property
    def bounds(self) -> Bounds:
        keys = [Text(_utf8_length(name)).bounds for name in self.fields]
        return _within(_sum(keys + [kind.bounds for kind in self.fields.values()]), self.cap)

    def accept(self, value: Any) -> dict[str, Any]:
        self._check(value)
        return {name: kind.accept(value[name]) for name, kind in self.fields.items()}

    def plain(self, value: Any) -> dict[str, Any]:
        self._check(value)
        return {name: kind.plain(value[name]) for name, kind in self.fields.items()}

    def _check(self, value: Any) -> None:
        if type(value) is not dict or value.keys() != self.fields.keys():
            raise Misfit(f"a dict with exactly the keys {', '.join(self.fields)}")


@dataclass(frozen=True, slots=True)
class Instance:
    """A dataclass inside a message: on the wire a list of its fields, in order."""

    type: type[Any]
    fields: Mapping[str, Kind]

    @property
    def bounds(self) -> Bounds:
        return _sum([kind.bounds for kind in self.fields.values()])

    def accept(self, value: Any) -> Any:
        if type(value) is not list or len(value) != len(self.fields):
            raise Misfit(f"a list of {len(self.fields)} fields")
        return self.type(*(kind.accept(item) for kind, item in zip(self.fields.values(), value, strict=True)))

    def plain(self, value: Any) -> list[Any]:
        if type(value) is not self.type:
            raise Misfit(f"a {self.type.__name__}")
        return [kind.plain(getattr(value, name)) for name, kind in self.fields.items()]
