"""Values and messages to bytes. Host and guest both use it; the guest's copy is not trusted by anybody.

`pack` looks at exact types only and calls no method of a value, so encoding a hostile object runs none of its code: a
subclass of dict is refused, not iterated. Depth, nodes and bytes are bounded while it writes, which also ends cycles.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from safe_codeact.errors import SafeCodeActError
from safe_codeact.wire.format import EXT_INT, EXT_TUPLE, HEADER_BYTES, PLAIN_BOUNDS, Bounds
from safe_codeact.wire.kinds import Misfit
from safe_codeact.wire.messages import Message
from safe_codeact.wire.shapes import BY_TYPE


class NotEncodable(SafeCodeActError):
    """A value that the wire cannot carry.

    `path` says where it is ("ToolCall.args[0]['when']"), `type_name` names the type that is in the way.
    """

    def __init__(self, problem: str, *, path: str = "", type_name: str = "") -> None:
        self.problem = problem
        self.path = path
        self.type_name = type_name
        super().__init__(f"{path or 'the value'}: {problem}")

    def under(self, prefix: str) -> NotEncodable:
        """The same problem, seen from one container further out."""
        return type(self)(self.problem, path=prefix + self.path, type_name=self.type_name)


class TooLarge(NotEncodable):
    """A value that is plain, but larger or deeper than its bounds."""


def pack(value: Any, bounds: Bounds = PLAIN_BOUNDS) -> bytes:
    """MessagePack of None, bool, int, float, str, bytes, list, tuple and dict of these. Raises `NotEncodable`."""
    writer = _Writer(bounds, bytearray())
    writer.write(value, 0)
    return bytes(writer.out)


def frame(message: Message) -> bytes:
    """The message as one frame, which the other side will accept. Raises `NotEncodable` where it would not."""
    shape = BY_TYPE.get(type(message))
    if shape is None:
        raise NotEncodable(f"{type(message).__qualname__} is not a message", type_name=type(message).__qualname__)
    out = bytearray((0, 0, 0, 0, 0x90 | (len(shape.fields) + 1), shape.tag))
    writer = _Writer(PLAIN_BOUNDS, out)
    for field in shape.fields:
        value = getattr(message, field.name)
        try:
            writer.begin(field.bounds)
            writer.write(field.plain(value), 0)
        except Misfit as misfit:
            problem = f"expected {misfit}, got {_size_and_type(value)}"
            raise TooLarge(problem, path=f"{shape.type.__name__}.{field.name}") from None
        except NotEncodable as problem:
            raise problem.under(f"{shape.type.__name__}.{field.name}") from None
    out[:HEADER_BYTES] = (len(out) - HEADER_BYTES).to_bytes(HEADER_BYTES, "big")
    return bytes(out)


def _size_and_type(value: Any) -> str:
    name = type(value).__qualname__
    return f"{name} of length {len(value)}" if type(value) in (str, bytes, list, dict) else name


class _Writer:
    """Appends to `out`, at most what `bounds` allow from where it starts."""

    __slots__ = ("bounds", "nodes_left", "out", "stop")

    def __init__(self, bounds: Bounds, out: bytearray) -> None:
        self.out = out
        self.begin(bounds)

    def begin(self, bounds: Bounds) -> None:
        """What is written next has its own bounds."""
        self.bounds = bounds
        self.nodes_left = bounds.max_nodes
        self.stop = len(self.out) + bounds.max_bytes

    def write(self, value: Any, depth: int) -> None:
        kind = type(value)
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise TooLarge(f"more than {self.bounds.max_nodes} values (keys and containers count)")
        if kind is int and 0 <= value < 0x80:
            self.out.append(value)
        elif (write_scalar := _SCALARS.get(kind)) is not None:
            write_scalar(self, value)
        elif kind in _CONTAINERS:
            if depth >= self.bounds.max_depth:
                raise TooLarge(f"nested deeper than {self.bounds.max_depth}, or contains itself")
            _CONTAINERS[kind](self, value, depth + 1)
        else:
            name = _type_name(kind)
            raise NotEncodable(f"{name} is not plain data", type_name=name)
        if len(self.out) > self.stop:
            raise TooLarge(f"more than {self.bounds.max_bytes} bytes")

    def ensure_room(self, size: int) -> None:
        """Asked before a long value is copied, so that refusing a huge one costs nothing."""
        if len(self.out) + size > self.stop:
            raise TooLarge(f"{size} bytes, where {self.bounds.max_bytes} can be sent")

    def write_head(self, forms: tuple[tuple[int, struct.Struct, int], ...], size: int) -> None:
        for limit, form, code in forms:
            if size <= limit:
                self.out += form.pack(code, size)
                return
        raise TooLarge(f"a length of {size}, where 4294967295 can be sent")


def _type_name(kind: type[Any]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


_BYTE, _SHORT, _LONG = struct.Struct(">BB"), struct.Struct(">BH"), struct.Struct(">BI")
_TEXT_HEADS = ((0xFF, _BYTE, 0xD9), (0xFFFF, _SHORT, 0xDA), (0xFFFFFFFF, _LONG, 0xDB))
_BLOB_HEADS = ((0xFF, _BYTE, 0xC4), (0xFFFF, _SHORT, 0xC5), (0xFFFFFFFF, _LONG, 0xC6))
_LIST_HEADS = ((0xFFFF, _SHORT, 0xDC), (0xFFFFFFFF, _LONG, 0xDD))
_DICT_HEADS = ((0xFFFF, _SHORT, 0xDE), (0xFFFFFFFF, _LONG, 0xDF))
_EXT_HEAD = struct.Struct(">BIB")
_EXT_CODE = 0xC9
_FLOAT = struct.Struct(">Bd")
# Smallest first; what none of them holds is an extension.
_UNSIGNED = (
    (0xFF, _BYTE, 0xCC),
    (0xFFFF, _SHORT, 0xCD),
    (0xFFFFFFFF, _LONG, 0xCE),
    (2**64 - 1, struct.Struct(">BQ"), 0xCF),
)
_SIGNED = (
    (-(2**7), struct.Struct(">Bb"), 0xD0),
    (-(2**15), struct.Struct(">Bh"), 0xD1),
    (-(2**31), struct.Struct(">Bi"), 0xD2),
    (-(2**63), struct.Struct(">Bq"), 0xD3),
)


def _write_none(writer: _Writer, value: None) -> None:
    writer.out.append(0xC0)


def _write_bool(writer: _Writer, value: bool) -> None:
    writer.out.append(0xC3 if value else 0xC2)


def _write_int(writer: _Writer, value: int) -> None:
    if 0 <= value < 0x80:
        writer.out.append(value)
    elif -0x20 <= value < 0:
        writer.out.append(value + 0x100)
    elif 0 <= value < 2**64:
        writer.write_head(_UNSIGNED, value)
    elif -(2**63) <= value < 0:
        form, code = next((form, code) for low, form, code in _SIGNED if value >= low)
        writer.out += form.pack(code, value)
    else:
        size = value.bit_length() // 8 + 1  # one bit for the sign
        if size > writer.bounds.max_int_bytes:
            raise TooLarge(f"an int of {size} bytes, where {max(writer.bounds.max_int_bytes, 8)} can be sent")
        writer.ensure_room(size)
        writer.out += _EXT_HEAD.pack(_EXT_CODE, size, EXT_INT)
        writer.out += value.to_bytes(size, "big", signed=True)


def _write_float(writer: _Writer, value: float) -> None:
    writer.out += _FLOAT.pack(0xCB, value)


def _write_text(writer: _Writer, value: str) -> None:
    size = len(value)
    if size < 0x20 and value.isascii():  # most names and words; `write` holds it against the bounds, as it does all
        writer.out.append(0xA0 | size)
        writer.out += value.encode()
        return
    writer.ensure_room(size)
    try:
        encoded = value.encode()
    except UnicodeEncodeError as error:
        problem = f"text with a lone surrogate at index {error.start}, which UTF-8 cannot hold"
        raise NotEncodable(problem, type_name="str") from None
    size = len(encoded)
    if size < 0x20:
        writer.out.append(0xA0 | size)
    else:
        writer.write_head(_TEXT_HEADS, size)
    writer.out += encoded


def _write_blob(writer: _Writer, value: bytes) -> None:
    writer.ensure_room(len(value))
    writer.write_head(_BLOB_HEADS, len(value))
    writer.out += value


def _write_items(writer: _Writer, value: list[Any] | tuple[Any, ...], depth: int) -> None:
    size = len(value)
    if size < 0x10:
        writer.out.append(0x90 | size)
    else:
        writer.write_head(_LIST_HEADS, size)
    for index, item in enumerate(value):
        try:
            writer.write(item, depth)
        except NotEncodable as problem:
            raise problem.under(f"[{index}]") from None


def _write_tuple(writer: _Writer, value: tuple[Any, ...], depth: int) -> None:
    start = len(writer.out)
    writer.out += _EXT_HEAD.pack(_EXT_CODE, 0, EXT_TUPLE)
    _write_items(writer, value, depth)
    size = len(writer.out) - start - _EXT_HEAD.size
    writer.out[start : start + _EXT_HEAD.size] = _EXT_HEAD.pack(_EXT_CODE, size, EXT_TUPLE)


def _write_dict(writer: _Writer, value: dict[Any, Any], depth: int) -> None:
    size = len(value)
    if size < 0x10:
        writer.out.append(0x80 | size)
    else:
        writer.write_head(_DICT_HEADS, size)
    for index, (key, item) in enumerate(value.items()):
        try:
            writer.write(key, depth)
        except NotEncodable as problem:
            raise problem.under(f"<key {index}>") from None
        try:
            writer.write(item, depth)
        except NotEncodable as problem:
            raise problem.under(f"[{_short(key)}]") from None


def _short(key: Any) -> str:
    return repr(key) if type(key) is not str or len(key) <= 40 else repr(key[:40]) + "…"


_SCALARS: Mapping[type[Any], Callable[[_Writer, Any], None]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: _write_text,
    bytes: _write_blob,
}
_CONTAINERS: Mapping[type[Any], Callable[[_Writer, Any, int], None]] = {
    list: _write_items,
    tuple: _write_tuple,
    dict: _write_dict,
}
